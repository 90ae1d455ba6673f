"""A small pipeline of binary layers: Icarus, Verilator and MyHDL agree on every port in every cycle."""

from __future__ import annotations

import random
from importlib import import_module
from pathlib import Path

import pytest

from compiler.tests.binary_graphs import binary_graph, random_images
from regress.simulators import find
from rtl.bcnn.config import CHUNK, Config, Layer, to_json
from rtl.convert.elaborate import quick_call_sites
from rtl.convert.recorded import Row, differences, meaning, simulate_record
from rtl.lib.registers import COUNTERS
from tb.prepare import request, stimulus
from tb.replay import record, recorded_ports
from tb.variants import find_config

SIMULATORS = ("icarus", "verilator")
# Padding, two slices of channels with a chunk that is not full, both groups and one, a pool, and two chunks made.
SMALL = Config(
    "small",
    8,
    (
        Layer("conv1", 6, 6, 1, 33, (3, 3), 9, 6, padding=(1, 1, 1, 1), input_bits=8),
        Layer("conv2", 6, 6, 33, 3, (3, 3), 96, 2, padding=(1, 1, 1, 1), pool=(2, 2)),
        Layer("fc1", 3, 3, 3, 34, (3, 3), 9, 1),
        Layer("fc2", 1, 1, 34, 3, (1, 1), 32, 1, scores=True),
    ),
)
BATCHES = [2, 1]
COUNTER_WIDTH = 64


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The pipeline as a file."""
    path = tmp_path_factory.mktemp("config") / "small.json"
    path.write_text(to_json(SMALL))
    return str(path)


def recorded(config: str, simulator: str, folder: Path) -> list[Row]:
    """The rows of runs that golden agrees with."""
    folder.mkdir()
    graph = binary_graph(SMALL, 3)
    inputs = {graph.inputs[0]: random_images(SMALL, sum(BATCHES), 4)}
    made = stimulus("bcnn", find_config("bcnn", config), graph, inputs)
    outcomes, rows = record("bcnn", config, simulator, request(made, folder, "small", 3, BATCHES), folder, 3)
    assert [outcome.failures for outcome in outcomes] == [[]] and outcomes[0].values > 0
    return rows


@pytest.fixture(scope="module")
def records(config: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """Rows of each simulator that there is."""
    folder = tmp_path_factory.mktemp("records")
    present = [name for name in SIMULATORS if find(name).available()[0]]
    if not present:
        pytest.skip("no simulator")
    return {name: recorded(config, name, folder / name) for name in present}


def names(config: str, direction: str = "") -> list[str]:
    """Recorded ports of a direction, all for ''."""
    return [port.name for port in recorded_ports("bcnn", config) if direction in port.direction]


def test_simulators_agree_on_every_port(config: str, records: dict[str, list[Row]]) -> None:
    if len(records) < 2:
        pytest.skip(f"only {', '.join(records)} is here")
    assert list(differences(records["icarus"], records["verilator"], names(config), CHUNK)) == []


def test_myhdl_agrees_on_every_output(config: str, records: dict[str, list[Row]]) -> None:
    rows = records.get("icarus") or records["verilator"]
    assert len(rows) > 1000
    with quick_call_sites():
        top = import_module("rtl.contract").elaborate("bcnn", config)
    outputs = names(config, "output")
    replayed = simulate_record(top, rows, names(config, "input"), outputs)
    assert list(differences(rows, replayed, outputs, CHUNK)) == []


def test_each_engine_counts_what_it_waits_for(records: dict[str, list[Row]]) -> None:
    """The first waits for memory, the others for an engine; each is busy as long as it takes steps."""
    counting = [row["obs_counters"] for row in next(iter(records.values())) if "1" in row["obs_counters"]]
    counters, width = int(counting[-1], 2), len(COUNTERS) * COUNTER_WIDTH  # a run ends with 0
    assert len(counting[-1]) == width * len(SMALL.layers)
    names = [name for name, _ in COUNTERS]
    for number in range(len(SMALL.layers)):
        bits = counters >> width * number
        values = {name: bits >> COUNTER_WIDTH * n & (1 << COUNTER_WIDTH) - 1 for n, name in enumerate(names)}
        assert values["CYCLES"] == values["COMPUTE"] > 0
        waits = ("READ_STALL", "DEP_STALL") if number == 0 else ("DEP_STALL", "READ_STALL")
        assert values[waits[0]] > 0 == values[waits[1]]


def test_one_changed_bit_of_a_lane_is_told(config: str, records: dict[str, list[Row]]) -> None:
    """In all bits of a tap's lanes, which are wider than bytes; bits beyond them do not count."""
    rows, rng = next(iter(records.values())), random.Random(4)
    shown = [row for row in rows if set(meaning(row, "obs_tap_data", CHUNK)) & set("01")]
    for row in rng.sample(shown, 20):
        bits, marks = row["obs_tap_data"], meaning(row, "obs_tap_data", CHUNK)
        place = rng.randrange(len(bits))
        turned = bits[:place] + ("1" if bits[place] == "0" else "0") + bits[place + 1 :]
        told = list(differences([row] * 2, [row, {**row, "obs_tap_data": turned}], ["obs_tap_data"], CHUNK))
        assert len(told) == (marks[place] != "-")
    counted = {
        len(marks) - marks.count("-") for marks in (meaning(row, "obs_tap_data", CHUNK) for row in shown)
    }
    assert CHUNK in counted and max(counted) >= CHUNK * 6
