"""What becomes of requests that a simulation did not reach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from regress.simulators.base import Outcome
from tb.job import Request
from tb.launch import complete
from tb.outcome import GIVE_UP, RequestOutcome, hopeless

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
