"""The table of resources: sums over the hierarchy, shares of the device, and memories that Yosys maps."""

from pathlib import Path

import pytest

from regress.resources import cost, device_table, fits, instances, main, measure, module_table, totals
from regress.synthesis import SynthesisError
from regress.tests.verilog import MEMORY, TWO_ADDERS, needs_yosys

CELLS = {
    "top": {"side": 2, "LUT6": 1},
    "side": {"leaf": 3, "FDRE": 5, "RAMB18E2": 1},
    "leaf": {"LUT2": 4, "SRL16E": 1, "RAM32M": 1, "MUXF7": 2},
}


def test_everything_below_is_counted_as_often_as_it_occurs() -> None:
    assert totals(CELLS)["top"] == {"LUT": 25, "LUTRAM": 30, "FF": 10, "BRAM36": 1}
    assert totals(CELLS)["leaf"] == {"LUT": 4, "LUTRAM": 5}
    assert instances(CELLS, "top") == {"top": 1, "side": 2, "leaf": 6}


def test_unknown_primitive_is_refused() -> None:
    with pytest.raises(SynthesisError, match=r"mapped to \$mul"):
        cost("$mul")


def test_lutram_takes_luts_of_the_device() -> None:
    rows = device_table({"LUT": 1_600_000, "LUTRAM": 128_000}).splitlines()
    assert [cell.strip() for cell in rows[2].split("|")[1:-1]] == ["LUT", "1,728,000", "1,728,000", "100.0 %"]
    assert fits({"LUT": 1_600_000, "LUTRAM": 128_000})
    assert not fits({"LUT": 1_600_000, "LUTRAM": 128_001})


def test_table_shows_one_instance() -> None:
    rows = [
        [cell.strip() for cell in row.split("|")[1:-1]] for row in module_table(CELLS, "top").splitlines()
    ]
    assert rows[0] == ["module", "instances", "LUT", "LUTRAM", "FF", "CARRY8", "DSP", "BRAM36", "URAM"]
    assert rows[3] == ["side", "2", "12", "15", "5", "0", "0", "0.5", "0"]


def test_unknown_configuration_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing", "tiny"]) == 2
    assert "no variant 'nothing'" in capsys.readouterr().err


@needs_yosys
def test_two_sums_take_twice_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    amounts = totals(measure("pair", TWO_ADDERS))
    assert amounts["sum"]["LUT"] >= 8 and amounts["pair"]["LUT"] == 2 * amounts["sum"]["LUT"]
    assert amounts["pair"]["FF"] == 16 and amounts["sum"]["FF"] == 0


@needs_yosys
@pytest.mark.parametrize(("bits", "column", "number"), [(4, "BRAM36", 0), (8, "BRAM36", 1), (13, "URAM", 2)])
def test_memories_go_where_their_size_belongs(
    bits: int, column: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    text = MEMORY.format(bits=bits - 1, last=2**bits - 1)
    assert totals(measure("memory", {"memory": text}))["memory"][column] == number
