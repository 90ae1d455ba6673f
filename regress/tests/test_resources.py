"""The table of resources: sums over the hierarchy, shares of the device, and memories that Yosys maps."""

from pathlib import Path

import pytest

from regress.resources import (
    cost,
    device_table,
    fits,
    instances,
    main,
    measure,
    module_table,
    parts_table,
    totals,
)
from regress.synthesis import Device, SynthesisError
from regress.tests.verilog import MEMORY, TWO_ADDERS, needs_yosys

CELLS = {
    "top": {"side": 2, "LUT6": 1},
    "side": {"leaf": 3, "FDRE": 5, "RAMB18E2": 1},
    "leaf": {"LUT2": 4, "SRL16E": 1, "RAM32M": 1, "MUXF7": 2},
}
LARGE = Device("Alveo U250", "-family xcup -uram", {"LUT": 1_728_000, "FF": 10, "BRAM36": 3, "URAM": 2}, {})
# As Yosys says it: a module is named, its cells counted by type; behind the modules stands what is no JSON.
STAT = """{"creator": "Yosys", "modules": {
 "\\\\top": {"num_cells_by_type": {"side": 2}}, "\\\\side": {"num_cells_by_type": {"LUT2": 1}} },
 "design": {,}"""


def cells_of(row: str) -> list[str]:
    return [cell.strip() for cell in row.split("|")[1:-1]]


def test_everything_below_is_counted_as_often_as_it_occurs() -> None:
    assert totals(CELLS)["top"] == {"LUT": 25, "LUTRAM": 30, "FF": 10, "BRAM36": 1}
    assert totals(CELLS)["leaf"] == {"LUT": 4, "LUTRAM": 5}
    assert instances(CELLS, "top") == {"top": 1, "side": 2, "leaf": 6}


def test_unknown_primitive_is_refused() -> None:
    with pytest.raises(SynthesisError, match=r"mapped to \$mul"):
        cost("$mul")


def test_lutram_takes_luts_of_the_device() -> None:
    rows = device_table({"LUT": 1_600_000, "LUTRAM": 128_000}, LARGE).splitlines()
    assert cells_of(rows[0]) == ["resource", "used", "of the Alveo U250", "share"]
    assert cells_of(rows[2]) == ["LUT", "1,728,000", "1,728,000", "100.0 %"]
    assert fits({"LUT": 1_600_000, "LUTRAM": 128_000, "CARRY8": 9}, LARGE)
    assert not fits({"LUT": 1_600_000, "LUTRAM": 128_001}, LARGE)
    assert not fits({"DSP": 1}, LARGE)


def test_published_figures_stand_beside_ours() -> None:
    fpga = Device("small", "-family xc7", {"LUT": 100, "BRAM36": 10}, {"LUT": 80, "BRAM36": 7})
    rows = device_table({"LUT": 50, "LUTRAM": 5, "BRAM36": 2.5}, fpga).splitlines()
    assert cells_of(rows[0])[2:4] == ["published", "of the small"]
    assert [cells_of(row) for row in rows[2:]] == [
        ["LUT", "55", "80", "100", "55.0 %"],
        ["BRAM36", "2.5", "7", "10", "25.0 %"],
    ]


def test_parts_are_shown_one_by_one_and_together() -> None:
    rows = parts_table(
        totals(CELLS), [("left", "side"), ("none", "empty"), ("right", "side")], "top"
    ).splitlines()
    assert [cells_of(row)[:3] for row in rows[2:]] == [
        ["left", "side", "12"],
        ["right", "side", "12"],
        ["together", "top", "25"],
    ]


@pytest.mark.parametrize(
    ("names", "refused"), [(["top", "side", "unused"], False), (["top"], True), (["side"], True)]
)
def test_modules_that_nothing_uses_are_left_out(
    names: list[str], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regress.resources.mapped", lambda *_: [])
    monkeypatch.setattr("regress.resources.report_mapped", lambda *_: STAT)
    if refused:
        with pytest.raises(SynthesisError, match=f"counted 2 modules of {len(names)}"):
            measure("top", dict.fromkeys(names, ""), "")
    else:
        assert measure("top", dict.fromkeys(names, ""), "") == {"top": {"side": 2}, "side": {"LUT2": 1}}


def test_table_shows_one_instance() -> None:
    rows = [cells_of(row) for row in module_table(CELLS, "top").splitlines()]
    assert rows[0] == ["module", "instances", "LUT", "LUTRAM", "FF", "CARRY8", "DSP", "BRAM36", "URAM"]
    assert rows[3] == ["side", "2", "12", "15", "5", "0", "0", "0.5", "0"]


def test_unknown_configuration_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing", "tiny"]) == 2
    assert "no variant 'nothing'" in capsys.readouterr().err


def test_parts_of_an_unknown_module_are_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systolic", "tiny", "--module", "read_side", "--parts", "nothing"]) == 2
    assert "no module 'nothing'; there are locate, read_side, rotate_down" in capsys.readouterr().err


@needs_yosys
def test_two_sums_take_twice_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    amounts = totals(measure("pair", TWO_ADDERS, LARGE.options))
    assert amounts["sum"]["LUT"] >= 8 and amounts["pair"]["LUT"] == 2 * amounts["sum"]["LUT"]
    assert amounts["pair"]["FF"] == 16 and amounts["sum"]["FF"] == 0


@needs_yosys
@pytest.mark.parametrize(
    ("options", "bits", "column", "number"),
    [
        (LARGE.options, 4, "BRAM36", 0),
        (LARGE.options, 8, "BRAM36", 1),
        (LARGE.options, 13, "URAM", 2),
        ("-family xc7", 4, "BRAM36", 0),
        ("-family xc7", 8, "BRAM36", 1),
        ("-family xc7", 13, "BRAM36", 16),
    ],
)
def test_memories_go_where_their_size_belongs(
    options: str, bits: int, column: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    text = MEMORY.format(bits=bits - 1, last=2**bits - 1)
    assert totals(measure("memory", {"memory": text}, options))["memory"][column] == number
