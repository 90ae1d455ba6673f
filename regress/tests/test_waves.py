"""Waves are read back: tracks, groups, words and cursor say the truth about the layer that was recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from compiler.errors import BadData, MalformedFile, UnknownName
from compiler.program import Program
from regress.simulators import find
from regress.waves.fst import TOP, Wave
from regress.waves.layer import LARGEST, Asked, Recorded, parse_cycles, record_layer, recorded_scopes
from regress.waves.save_file import belongs, groups
from tb.waves import Picture, Stage, picture

ELEMENT = re.compile(r"^(?P<node>\S+) \(y (\d+), x (\d+), c (\d+)(?: to (\d+))?\)$")
LAYERS = [
    Asked("systolic", "fashion_int4", "block1_add", "tiny", simulator="icarus"),
    Asked("systolic", "fashion_int4", "3", "tiny"),
    Asked("bcnn", "fashion_bnn", "conv3", "tiny"),
]


@pytest.fixture(scope="module", params=LAYERS, ids=lambda asked: f"{asked.variant}-{asked.simulator}")
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    asked: Asked = request.param
    usable, reason = find(asked.simulator).available()
    if not usable:
        pytest.skip(reason)
    return record_layer(asked, tmp_path_factory.mktemp("waves"))


def words(save: Path, signal: str) -> dict[int, str]:
    """What the save file's filter for a signal says."""
    lines = save.read_text().splitlines()
    place = next(number for number, line in enumerate(lines) if line.endswith(signal))
    mark = next(line for line in reversed(lines[:place]) if line.startswith("^"))
    text = save.with_name(mark.split()[1]).read_text()
    return {int(line.split()[0], 16): line.partition(" ")[2] for line in text.splitlines()}


def test_waves_are_small_and_of_a_run_that_passes(recorded: Recorded) -> None:
    assert recorded.result["verdict"] == "pass" and recorded.finding is None
    assert 10_000 < recorded.wave.stat().st_size <= LARGEST
    first, last = recorded.cycles
    begin, end = recorded.all_cycles
    assert begin <= first < last <= end + 1


def shown(wave: Wave, tap: int) -> Iterator[tuple[int, int]]:
    """Time and value of the element track of a tap at each clock in which it shows something."""
    lane = f"{TOP}.tracks.g_tap[{tap}]"
    valid, element, clock = (
        wave.changes(name) for name in (f"{lane}.shown", f"{lane}.element", f"{TOP}.clk")
    )
    edges = [time for time, value in zip(clock.times, clock.values, strict=True) if value == 1]
    for edge in edges:
        if valid.at(edge - 1) == 1:
            value = element.at(edge - 1)
            assert isinstance(value, int)
            yield edge - 1, value


def taps_of(wave: Wave) -> list[int]:
    """Numbers of the taps."""
    return sorted({int(name) for name in re.findall(r"g_tap\[(\d+)\]", " ".join(wave.widths))})


def lanes(wave: Wave, tap: int, time: int, number: int, bits: int) -> list[int]:
    """The first `number` elements of a tap's data."""
    data = bits_of(wave, f"{TOP}.dut.obs_tap_data", time)
    width = len(data) // len(taps_of(wave))
    mine = data[len(data) - width * (tap + 1) : len(data) - width * tap]
    cut = [mine[len(mine) - bits * (n + 1) : len(mine) - bits * n] for n in range(number)]
    return [int(each, 2) for each in cut]


def bits_of(wave: Wave, signal: str, time: int) -> str:
    """A signal's bits, the highest first."""
    value = wave.changes(signal).at(time)
    return value if isinstance(value, str) else f"{value:0{wave.widths[signal]}b}"


def test_the_element_track_names_the_values_that_the_tap_shows(recorded: Recorded) -> None:
    wave, binary = Wave(recorded.wave), "bcnn" in recorded.wave.name
    golden = golden_tensors(recorded)
    of_key, checked = words(recorded.save, "element[67:0]"), 0
    for tap in taps_of(wave):
        for time, key in list(shown(wave, tap))[:200]:
            found = ELEMENT.match(of_key.get(key, ""))
            if found is None:
                continue
            y, x, c, last = (int(part) if part else -1 for part in found.groups()[1:])
            count = max(last - c + 1, 1)
            seen = lanes(wave, tap, time, count, 1 if binary else 8)
            wanted = (
                golden[found["node"]][0].reshape(1, 1, -1)
                if golden[found["node"]].ndim == 2
                else golden[found["node"]][0]
            )
            right = wanted[y, x, c : c + count]
            assert seen == [int(value > 0) if binary else int(value) & 255 for value in right]
            checked += count
    assert checked > 100


def golden_tensors(recorded: Recorded) -> dict[str, npt.NDArray[np.int8]]:
    with np.load(recorded.wave.parent / "network.npz") as data:
        return {name: data[name] for name in data.files}


def test_layers_and_tiles_have_their_names(recorded: Recorded) -> None:
    program = Program.load(recorded.wave.parent / "network.program")
    assert words(recorded.save, "layer[11:0]") == {
        number: layer.name for number, layer in enumerate(program.layers)
    }
    if program.variant == "systolic":
        tiles = words(recorded.save, "tile[23:0]")
        assert len(tiles) == program.instructions and tiles[program.instructions - 1].startswith("END")


def test_stages_are_there_in_the_order_of_the_data(recorded: Recorded) -> None:
    variant = recorded.wave.name.partition("-")[0]
    titles = [line[1:] for line in recorded.save.read_text().splitlines() if re.match(r"^-[a-z]", line)]
    wanted = ["tracks", *(stage.name for stage in picture(variant).stages)]
    opened = list(dict.fromkeys(title for title in titles if title in wanted))
    assert opened == [name for name in wanted if name in opened]
    assert len(opened) > 0.7 * len(wanted)


def test_every_signal_of_the_save_file_is_in_the_wave_file(recorded: Recorded) -> None:
    there = Wave(recorded.wave).widths
    listed = [
        line
        for line in recorded.save.read_text().splitlines()
        if f"{TOP}." in line and "[treeopen]" not in line
    ]
    names = [re.sub(r"\[\d+:0\]$", "", line.rpartition(" ")[2]) for line in listed]
    assert len(names) > 100 and set(names) <= set(there)


def test_the_cursor_is_at_the_cycle_asked_for(recorded: Recorded) -> None:
    wave = Wave(recorded.wave)
    marker = next(line for line in recorded.save.read_text().splitlines() if line.startswith("*")).split()[1]
    assert int(marker) == wave.time(recorded.cycles[0])


def test_states_are_decoded(recorded: Recorded) -> None:
    states = words(recorded.save, ".now[3:0]" if "systolic" in recorded.wave.name else ".now[2:0]")
    assert states[0] == "IDLE" and "HALTED" in states.values()


def test_cycles_narrow_the_file(tmp_path: Path) -> None:
    made = record_layer(
        Asked("systolic", "fashion_int4", "block1_add", "tiny", "5000:5200", "icarus"), tmp_path
    )
    first, last = made.cycles
    assert first == 5000 and last in (5200, 5201)  # Icarus writes the change that ends it


@pytest.mark.parametrize("text", ["5", "9:5", "a:b", ":7"])
def test_cycles_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadData, match="--cycles"):
        parse_cycles(text)


def test_a_layer_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="nowhere"):
        record_layer(Asked("systolic", "fashion_int4", "nowhere", "tiny", simulator="icarus"), tmp_path)


def test_a_signal_is_in_the_first_stage_that_asks_for_it() -> None:
    stages = (Stage("a", ("x", "y_{layer}")), Stage("b", ("*",), ("s*",)))
    names = [f"{TOP}.dut.{name}" for name in ("x.one", "y_3.two", "y_4.shy", "z.clk", "z.other")] + [
        f"{TOP}.seen"
    ]
    assert groups(names, stages, 3) == {"a": [names[0], names[1]], "b": [names[2]]}
    assert belongs(names[2], stages[0], None)


def test_scopes_that_are_recorded_hold_what_is_shown() -> None:
    shown = Picture((Stage("a", ("", "x.y")), Stage("b", ("e_{layer}.walk*",))), {})
    assert recorded_scopes(shown, 2) == (
        (TOP, 1), (f"{TOP}.tracks", 99), (f"{TOP}.dut", 1), (f"{TOP}.dut.x.y", 1), (f"{TOP}.dut.e_2", 99),
    )  # fmt: skip


def test_what_is_no_wave_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.fst").write_text("no")
    with pytest.raises(MalformedFile, match=r"x\.fst"):
        Wave(tmp_path / "x.fst").changes("clk")
