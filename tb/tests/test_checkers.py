"""Every rule of the protocol, region and unknown-value checkers is silent on legal traffic and told on its
twin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regress.simulators import Build, Run, find
from tb.records import EVENT, tap_type
from tb.tests.checker_traffic import BROKEN, LEGAL, LITE_BROKEN

HDL = Path(__file__).parents[1] / "hdl"
CHECKERS = tuple(HDL / name for name in ("axi_checker.sv", "lite_checker.sv", "recorder.sv"))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the checkers told, by group, scenario and checker."""
    icarus = find("icarus")
    available, reason = icarus.available()
    if not available:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("checkers")
    bench = Path(__file__).parent / "hdl" / "checker_bench.sv"
    built = icarus.build(Build((*CHECKERS, bench), "checker_bench", includes=(HDL,)))
    outcome = icarus.run(Run(built, "checker_bench", "tb.tests.checker_traffic", folder, timeout_seconds=60))
    assert outcome.passed, outcome.failures
    files = {name: (folder / f"{name}.bin").read_bytes().hex() for name in ("events", "taps")}
    return json.loads((folder / "told.json").read_text()) | files


@pytest.mark.parametrize("name", LEGAL)
def test_legal_traffic_is_silent(told: Any, name: str) -> None:
    found = told["legal"][name]
    assert (found["memory"], found["regions"]) == ([], [])


@pytest.mark.parametrize("name", ["read", "write"])
def test_legal_control_traffic_is_silent(told: Any, name: str) -> None:
    assert told["lite legal"][name]["control"] == []


@pytest.mark.parametrize("rule", BROKEN)
def test_broken_traffic_is_told(told: Any, rule: str) -> None:
    found = told["broken"][rule]
    assert any(rule in line for line in found["memory"] + found["regions"]), found


@pytest.mark.parametrize("rule", LITE_BROKEN)
def test_broken_control_traffic_is_told(told: Any, rule: str) -> None:
    assert rule in told["lite broken"][rule]["control"]


def test_each_layer_end_has_the_counters_of_its_lane(told: Any) -> None:
    events = np.sort(np.frombuffer(bytes.fromhex(told["events"]), EVENT), order=("cycle", "lane"))
    seen = [(event["lane"], event["layer"], event["counters"][0]) for event in events]
    assert seen == [(0, 3, 7), (1, 4, 11), (1, 4, 11)]


def test_only_taps_that_are_to_be_recorded_are(told: Any) -> None:
    taps = np.sort(np.frombuffer(bytes.fromhex(told["taps"]), tap_type(4)), order=("cycle", "tap"))
    lanes, both, other = taps[0], taps[1], taps[2]
    assert (lanes["lanes"], lanes["tap"], both["tap"], other["tap"]) == (1, 0, 0, 1)
    assert other["data"].tobytes() == bytes([0x11, 0x22, 0x33, 0x44]) and other["address"] == 128
    assert len(taps) == 4  # one more where it is unknown


def test_every_rule_has_a_twin() -> None:
    rules = {
        line.split('"')[1]
        for file in CHECKERS
        for line in file.read_text().splitlines()
        if 'FAIL("' in line or 'FAIL_AT("' in line
    }
    assert rules == set(BROKEN) | set(LITE_BROKEN)
