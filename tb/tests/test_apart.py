"""Outcomes of layers that ran alone, as one result."""

from types import SimpleNamespace
from typing import Any

import pytest

from tb.apart import joined, share_out
from tb.finding import Finding, Kind
from tb.launch import result_of
from tb.outcome import RequestOutcome, layer_record
from tb.tests.outcomes import COUNTERS

CONFIG = SimpleNamespace(clock_mhz=100, elements=64)
WHOLE: Any = SimpleNamespace(
    images=1,
    program=SimpleNamespace(network="net", layers=[SimpleNamespace(name="a"), SimpleNamespace(name="b")]),
)


def outcome(*equal: bool, values: int = 7, failures: tuple[str, ...] = ()) -> RequestOutcome:
    """Of a program of one layer for each of `equal`."""
    layers = [layer_record(f"part{number}", COUNTERS, each, 10, 1) for number, each in enumerate(equal)]
    return RequestOutcome(
        "layer",
        "run",
        1,
        1,
        [Finding(Kind.SOME_WRONG, line) for line in failures],
        cycles=100 * len(equal),
        values=values,
        layers=layers,
    )


def result(*outcomes: RequestOutcome) -> dict[str, Any]:
    return result_of(joined(WHOLE, range(len(outcomes)), outcomes, CONFIG), CONFIG)


def test_layers_are_shared_out_once_by_their_work() -> None:
    layers: Any = [SimpleNamespace(macs=macs) for macs in (5, 0, 9, 4, 0)]
    assert share_out(layers, 2) == [[2, 1, 4], [0, 3]]
    assert share_out(layers, 1) == [[2, 0, 3, 1, 4]]
    assert sorted(number for share in share_out(layers, 9) for number in share) == [0, 1, 2, 3, 4]
    assert len(share_out(layers, 9)) == 5


def test_layers_are_summed_and_pass_together() -> None:
    found = result(outcome(True, True), outcome(True))
    assert (found["verdict"], found["cycles"], found["checked"]) == ("pass", 300, 14)
    first, second = found["layers"]
    assert (first["name"], first["cycles"], first["stalls"]["read"], first["bytes_read"]) == (
        "a",
        200,
        10,
        20,
    )
    assert (second["name"], second["macs"], second["utilisation"]) == ("b", 640, 0.1)


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        (outcome(False, failures=("node x: expected 1, got 2",)), "b: node x: expected 1, got 2"),
        (outcome(True, values=0), "b: nothing was compared"),
        (outcome(values=0, failures=("the simulation ended early",)), "b: the simulation ended early"),
    ],
)
def test_one_layer_that_does_not_pass_fails_the_network(bad: RequestOutcome, line: str) -> None:
    found = result(outcome(True), bad)
    assert (found["verdict"], found["failures"]) == ("fail", [line])
