"""A layer on the whole tiny accelerator: Icarus, Verilator and MyHDL agree on every port in every cycle."""

from __future__ import annotations

import random
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from compiler.tests.random_graphs import random_layer
from regress.simulators import find
from rtl.convert.recorded import Row, differences, guard, meaning, simulate_record
from tb.prepare import request, stimulus
from tb.replay import record, recorded_ports
from tb.variants import find_config

VARIANT, CONFIG = "systolic", "tiny"
LAYER_SEED, CHANNELS = 168, 12  # a convolution in two column tiles, with a residual add
SIMULATORS = ("icarus", "verilator")


def recorded(simulator: str, folder: Path) -> list[Row]:
    """The rows of a run that golden agrees with."""
    folder.mkdir()
    graph, rng = random_layer(LAYER_SEED, CHANNELS), np.random.default_rng(1)
    inputs = {}
    for name in graph.inputs:
        kind = graph.tensors[name].quantisation
        assert kind is not None
        inputs[name] = rng.integers(kind.low, kind.high + 1, graph.tensors[name].shape).astype(np.int8)
    made = stimulus(VARIANT, find_config(VARIANT, CONFIG), graph, inputs)
    outcomes, rows = record(VARIANT, CONFIG, simulator, request(made, folder, "layer", 3, [1]), folder, 3)
    assert [outcome.failures for outcome in outcomes] == [[]] and outcomes[0].values > 0
    return rows


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """Rows of each simulator that there is."""
    folder = tmp_path_factory.mktemp("records")
    present = [name for name in SIMULATORS if find(name).available()[0]]
    if not present:
        pytest.skip("no simulator")
    return {name: recorded(name, folder / name) for name in present}


def names(direction: str = "") -> list[str]:
    """Recorded ports of a direction, all for ''."""
    return [port.name for port in recorded_ports(VARIANT, CONFIG) if direction in port.direction]


def test_simulators_agree_on_every_port(records: dict[str, list[Row]]) -> None:
    if len(records) < 2:
        pytest.skip(f"only {', '.join(records)} is here")
    assert list(differences(records["icarus"], records["verilator"], names())) == []


def test_myhdl_agrees_on_every_output(records: dict[str, list[Row]]) -> None:
    rows = records.get("icarus") or records["verilator"]
    assert len(rows) > 500
    top = import_module("rtl.contract").elaborate(VARIANT, CONFIG)
    outputs = names("output")
    replayed = simulate_record(top, rows, names("input"), outputs)
    assert list(differences(rows, replayed, outputs)) == []


def test_one_changed_bit_is_told(records: dict[str, list[Row]]) -> None:
    """Of every output port that ever means something: a bit turned over in one cycle is one difference."""
    rows, rng = next(iter(records.values())), random.Random(4)
    changed = 0
    for name in names("output"):
        places = [n for n in range(20, len(rows)) if set(meaning(rows[n], name)) & set("01")]
        assert places, f"{name} never means anything"
        cycle = rng.choice(places)
        around = rows[cycle - 2 : cycle + 1]
        told = list(differences(around, turn(around, 2, name, rng), names("output")))
        assert any(f"cycle 2: {name} " in line for line in told), name
        changed += guard(name, rows[0]) is not None
    assert changed > 10


def turn(rows: list[Row], cycle: int, name: str, rng: random.Random) -> list[Row]:
    """The record with one bit that counts turned over."""
    bits = rows[cycle][name]
    position = rng.choice([n for n, mark in enumerate(meaning(rows[cycle], name)) if mark in "01"])
    other = bits[:position] + ("1" if bits[position] == "0" else "0") + bits[position + 1 :]
    return [*rows[:cycle], {**rows[cycle], name: other}, *rows[cycle + 1 :]]


def test_lost_cycle_is_told(records: dict[str, list[Row]]) -> None:
    rows = next(iter(records.values()))
    assert "cycles and" in next(differences(rows, rows[:-1], []))
