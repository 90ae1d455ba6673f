"""What the tables are made from: modules of a design, Markdown, and Yosys' reports kept by content."""

import subprocess
from pathlib import Path

import pytest

from regress import synthesis
from regress.synthesis import (
    SynthesisError,
    clock_mhz,
    device,
    hierarchy,
    instances_of,
    mapped,
    modules,
    read_modules,
    report,
    report_mapped,
    table,
)
from regress.tests.verilog import ADDER, TWO_ADDERS, needs_yosys


def test_hierarchy_reaches_every_level() -> None:
    texts = {
        "a": "module a; b one(); endmodule",
        "b": "module b; c two(); endmodule",
        "c": "module c; endmodule",
    }
    assert hierarchy(texts) == {"a": {"a", "b", "c"}, "b": {"b", "c"}, "c": {"c"}}


def test_only_instances_count_as_below() -> None:
    texts = {
        "a": "// one b (of many)\nmodule a; /* b x ( */ reg b; c #(.N(3), .M(2)) two\n (.x(b)); endmodule",
        "b": "module b; endmodule",
        "c": "module c; endmodule",
    }
    assert hierarchy(texts)["a"] == {"a", "c"}


def test_instances_come_with_their_modules() -> None:
    texts = {"a": "module a; b one(); c #(.N(3)) two (.x(y)); b three(); endmodule", "b": "", "c": ""}
    assert instances_of(texts, "a") == [("one", "b"), ("two", "c"), ("three", "b")]
    with pytest.raises(SynthesisError, match="no module 'd'; there are a, b, c"):
        instances_of(texts, "d")


def test_source_lines_do_not_count_as_content(tmp_path: Path) -> None:
    (tmp_path / "a.v").write_text('`line 3 "rtl/a.py" 0\nmodule a;\nendmodule\n')
    assert read_modules([tmp_path / "a.v"]) == {"a": "module a;\nendmodule\n"}


def test_unknown_configuration_has_no_clock() -> None:
    with pytest.raises(SynthesisError, match="no variant 'systolic' with a configuration 'none'"):
        clock_mhz("systolic", "none")


def test_a_variant_names_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    fpga = device("bcnn", "paper")
    assert fpga.there.keys() == fpga.published.keys() and fpga.options == "-family xc7"
    assert all(fpga.published[resource] < there for resource, there in fpga.there.items())
    assert not device("bcnn", "tiny").published
    monkeypatch.delattr("rtl.bcnn.config.DEVICE")
    with pytest.raises(SynthesisError, match=r"rtl/bcnn/config\.py names no device"):
        device("bcnn", "paper")


def test_modules_are_the_chosen_one_and_those_below() -> None:
    texts = modules("systolic", "tiny", "read_side")
    assert texts.keys() == {"read_side", "locate", "rotate_down"}


def test_table_puts_numbers_at_the_right() -> None:
    assert table(("name", "n"), [("a", "1,024"), ("long_name", "2")]).splitlines() == [
        "| name      |     n |",
        "| --------- | ----: |",
        "| a         | 1,024 |",
        "| long_name |     2 |",
    ]


@needs_yosys
def test_reports_are_kept_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    texts = {"adder": ADDER.format(top=7)}
    first = report("proc\nstat", "adder", texts)
    assert "adder" in first

    def never(*_: object, **__: object) -> None:
        raise AssertionError("Yosys ran again")

    synthesis.yosys_version(synthesis.yosys_command())
    monkeypatch.setattr(subprocess, "run", never)
    assert report("proc\nstat", "adder", texts) == first


@needs_yosys
def test_only_what_changed_is_mapped_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed module is mapped alone, also below one that is as it was; changed ports map what holds them."""
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "with space"))
    first = mapped("-family xc7", "pair", TWO_ADDERS)
    other = TWO_ADDERS | {"sum": TWO_ADDERS["sum"].replace("a + b", "a & b")}
    second = mapped("-family xc7", "pair", other)
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, False]
    assert report_mapped("select -count t:CARRY4", "pair", first).split()[0] == "2"
    assert report_mapped("select -count sum/t:LUT2", "pair", second).split()[0] == "8"
    wider = TWO_ADDERS | {"sum": TWO_ADDERS["sum"].replace("[7:0] q", "[8:0] q")}
    assert not set(mapped("-family xc7", "pair", wider)) & {*first, *second}


@needs_yosys
def test_a_failing_script_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    with pytest.raises(SynthesisError, match=r"Yosys failed: .*syntax error"):
        report("stat", "adder", {"adder": "module adder(; endmodule"})
    assert not list(tmp_path.rglob("*.txt"))
