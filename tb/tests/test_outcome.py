"""What becomes of requests that a simulation cannot hold or did not reach."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.errors import BadData, UnknownName
from host.protocol import DeviceTimeout, Host
from regress.simulators.base import Outcome
from rtl.systolic.config import CONFIGS
from tb.job import Request
from tb.launch import check_limits, complete
from tb.outcome import GIVE_UP, RequestOutcome, hopeless
from tb.slicing import slice_layers
from tb.systolic.programs import contract_graph
from tb.variants import compile_for

TINY = CONFIGS["tiny"]

GOOD = RequestOutcome("good", "run", 1, 1, values=3)
BAD = replace(GOOD, failures=["wrong"])


@pytest.mark.parametrize(
    ("outcomes", "given_up"),
    [
        ([GOOD], False),
        ([BAD] * (GIVE_UP - 1), False),
        ([GOOD] + [BAD] * GIVE_UP, True),
        ([BAD] * GIVE_UP + [GOOD], False),
    ],
)
def test_a_run_of_failures_is_given_up(outcomes: list[RequestOutcome], given_up: bool) -> None:
    assert hopeless(outcomes) is given_up


@pytest.mark.parametrize(
    ("found", "failures", "reason"),
    [
        ([BAD] * GIVE_UP, [], "not run, since the 5 requests before failed"),
        ([GOOD], [], "ended early"),
        ([GOOD], ["killed after 9 s"], "killed after 9 s"),
    ],
)
def test_a_request_that_was_not_reached_has_failed(
    found: list[RequestOutcome], failures: list[str], reason: str, tmp_path: Path
) -> None:
    requests = [Request(f"item{number}", "", "", 1, (1,)) for number in range(len(found) + 2)]
    done = Outcome(1, tuple(failures), tmp_path / "run.log", tmp_path / "results.xml", 1.0)
    outcomes = complete(requests, found, done)
    assert len(outcomes) == len(requests)
    assert all(reason in outcome.failures[0] and not outcome.passed for outcome in outcomes[len(found) :])


@pytest.mark.parametrize(
    ("images", "words", "message"), [(9, 64, "simulated memory"), (5000, 1 << 20, "recorder")]
)
def test_more_images_than_the_bench_holds_are_bad_input(images: int, words: int, message: str) -> None:
    graph = contract_graph(TINY, 1)
    with pytest.raises(BadData, match=f"{images} images .*{message}"):
        check_limits(compile_for("systolic", graph, TINY), images, words, TINY.memory_bytes, 1)


@pytest.mark.parametrize("layers", ["0:99", "-2:-1", "2:1", "7", "1:x", "no such layer"])
def test_layers_that_are_not_there_are_bad_input(layers: str) -> None:
    graph = contract_graph(TINY, 1)
    with pytest.raises(UnknownName, match="--layers"):
        slice_layers(graph, compile_for("systolic", graph, TINY), layers)


class StuckInterrupt:
    """A transport whose interrupt is high for no reason."""

    async def read(self, address: int) -> int:
        return 0

    async def write(self, address: int, value: int) -> None:
        pass

    async def load(self, address: int, data: bytes) -> None:
        pass

    async def dump(self, address: int, length: int) -> bytes:
        return b""

    async def interrupt(self, cycles: int) -> bool:
        return True


def test_an_interrupt_without_a_cause_ends_the_wait() -> None:
    with pytest.raises(DeviceTimeout, match="no cause"):
        asyncio.run(Host(StuckInterrupt()).wait())
