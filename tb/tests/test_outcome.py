"""What becomes of requests that a simulation cannot hold or did not reach."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from compiler.errors import BadData, UnknownName
from compiler.program import Program, Region
from host.protocol import DeviceTimeout, Host
from regress.simulators.base import Outcome
from rtl.bcnn.config import ERRORS as BCNN_ERRORS
from rtl.lib.registers import Error
from rtl.systolic.config import CONFIGS
from tb.contract_run import ACTIONS
from tb.disturbance import possible
from tb.finding import Finding, Kind
from tb.job import Action, Request
from tb.launch import check_limits, complete
from tb.outcome import GIVE_UP, RequestOutcome, hopeless
from tb.placement import write_regions
from tb.records import WriteRegion
from tb.slicing import slice_layers
from tb.systolic.programs import contract_graph
from tb.variants import check_divisible, compile_for, errors

TINY = CONFIGS["tiny"]

GOOD = RequestOutcome("good", "run", 1, 1, values=3)
BAD = replace(GOOD, failures=[Finding(Kind.ALL_WRONG, "wrong")])


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


def test_a_run_can_be_given_up_at_its_first_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_GIVE_UP", "1")
    assert hopeless([GOOD, BAD]) and not hopeless([BAD, GOOD]) and not hopeless([])
    monkeypatch.setenv("ASSAY_GIVE_UP", "0")
    with pytest.raises(BadData, match="ASSAY_GIVE_UP is '0', must be a number above 0"):
        hopeless([GOOD])


@pytest.mark.parametrize(
    ("found", "failures", "reason"),
    [
        ([BAD] * GIVE_UP, [], "not run, since the 5 before failed"),
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
    assert all(
        reason in str(outcome.failures[0]) and not outcome.passed for outcome in outcomes[len(found) :]
    )


def gappy(program: Program) -> Program:
    """The program with a byte between one image's outputs and the next."""
    *others, last = program.layers
    return replace(program, layers=(*others, replace(last, writes=(Region(0, program.output_bytes - 1),))))


@pytest.mark.parametrize(
    ("images", "words", "message"), [(9, 64, "simulated memory"), (5000, 1 << 20, "recorder")]
)
def test_more_images_than_the_bench_holds_are_bad_input(images: int, words: int, message: str) -> None:
    program = gappy(compile_for("systolic", contract_graph(TINY, 1), TINY))
    with pytest.raises(BadData, match=f"{images} images .*{message}"):
        check_limits(program, images, words, TINY.memory_bytes, 1)


def test_outputs_side_by_side_are_one_region() -> None:
    program = compile_for("systolic", contract_graph(TINY, 1), TINY)
    last, size = len(program.layers) - 1, program.output_bytes
    assert write_regions(program, 512, 64) == [WriteRegion(last, 64, 64 + 512 * size - 1)]
    apart = write_regions(gappy(program), 2, 64)
    assert apart == [WriteRegion(last, 64, 64 + size - 2), WriteRegion(last, 64 + size, 64 + 2 * size - 2)]


LAYER = SimpleNamespace(name="conv")
PIPELINE = SimpleNamespace(name="paper", layers=(LAYER,))


def test_layers_of_a_pipeline_do_not_run_alone() -> None:
    check_divisible("--layers", "systolic", TINY)
    with pytest.raises(BadData, match="--layers is not for it: any paper is a pipeline of all layers"):
        check_divisible("--layers", "any", PIPELINE)


def test_an_accelerator_is_disturbed_only_by_errors_that_it_has() -> None:
    few = {Error.BUS_READ, Error.BAD_REQUEST}
    chosen = {action for action, _ in ACTIONS if possible(action, few)}
    assert chosen == {Action.SOFT_RESET, Action.READ_ERROR, Action.BAD_REQUEST}
    assert {action for action, _ in ACTIONS if possible(action, errors("systolic"))} == set(Action) - {
        Action.RUN
    }
    assert errors("bcnn") == {Error[name] for name in BCNN_ERRORS} < errors("systolic")


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
