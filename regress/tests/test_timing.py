"""The table of logic delays: the report of static timing, marks, and real measurements both ways."""

from pathlib import Path

import pytest

from regress.synthesis import SynthesisError
from regress.tests.verilog import ADDER, TWO_ADDERS, needs_yosys
from regress.timing import Delay, delay_table, main, measure, measure_all_flat, measure_flat, parse

REPORT = """
2 modules:
  constant
  sum

4. Executing STA pass (static timing analysis).
Latest arrival time in 'sum' is 1200:
    1200 $ff (FDRE.D)
           \\total [3]
     303 $lut (LUT2.I0->O)
           \\first [0]
       0   \\clk (<primary input>)

Arrival histogram:
No timing paths found.
"""


def test_report_gives_a_delay_for_every_module() -> None:
    assert parse(REPORT, ["constant", "sum"]) == [
        Delay("constant", 0, ""),
        Delay("sum", 1200, "total [3] <- first [0]"),
    ]


def test_modules_that_nothing_uses_have_no_delay() -> None:
    assert parse(REPORT, ["constant", "sum", "unused"])[2] == Delay("unused", 0, "")


@pytest.mark.parametrize("names", [["sum"], ["constant", "another"], []])
def test_a_report_of_other_modules_is_refused(names: list[str]) -> None:
    with pytest.raises(SynthesisError, match=f"2 modules of 2, given {len(names)}"):
        parse(REPORT, names)


@pytest.mark.parametrize("lost", ["No timing paths found.\n", "  constant\n", REPORT])
def test_a_report_without_a_section_for_each_module_is_refused(lost: str) -> None:
    with pytest.raises(SynthesisError, match="static timing reported"):
        parse(REPORT.replace(lost, ""), ["constant", "sum"])


def test_table_marks_what_is_too_slow() -> None:
    lines = delay_table([Delay("fast", 900, ""), Delay("slow", 5600, "q <- x")], 5555).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == ["slow", "5.600", "TOO SLOW q <- x"]
    assert [cell.strip() for cell in lines[3].split("|")[1:-1]] == ["fast", "0.900", ""]


def test_unknown_configuration_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing", "tiny"]) == 2
    assert "no variant 'nothing'" in capsys.readouterr().err


def test_unknown_module_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systolic", "tiny", "--module", "multiplexer"]) == 2
    assert "no module 'multiplexer'" in capsys.readouterr().err


@needs_yosys
def test_a_longer_carry_chain_is_slower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    short, long = (measure("adder", {"adder": ADDER.format(top=top)})[0].picoseconds for top in (7, 63))
    assert 500 < short < long < 6000
    assert len(list(tmp_path.rglob("*.txt"))) == 2


@needs_yosys
def test_paths_go_through_the_modules_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    once = {delay.module: delay.picoseconds for delay in measure("pair", TWO_ADDERS)}
    flat = {delay.module: delay.picoseconds for delay in measure_all_flat(TWO_ADDERS, 1)}
    assert once.keys() == flat.keys() == {"pair", "sum"}
    # Two sums one after the other: longer than one, and mapped in one piece not slower than by themselves.
    assert once["pair"] > once["sum"] == flat["sum"] > 0
    assert flat["pair"] <= once["pair"]
    assert measure_flat("sum", {"sum": TWO_ADDERS["sum"]}).picoseconds == flat["sum"]
