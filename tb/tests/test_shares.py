"""Images shared out among simulations: each image once, one verdict, figures of all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from regress.simulators import Outcome
from tb.finding import Finding, Kind
from tb.outcome import RequestOutcome, layer_record
from tb.prepare import Stimulus
from tb.shares import images_of, joined, run_shares, share_starts
from tb.tests.outcomes import COUNTERS

NOWHERE: Any = SimpleNamespace()


def stimulus(images: int) -> Stimulus:
    return Stimulus(NOWHERE, NOWHERE, {"map": np.arange(images), "scores": np.arange(images) * 10})


def outcome(images: int, equal: bool | None = True, **changes: Any) -> RequestOutcome:
    made = RequestOutcome(
        "network", "run", images, 1, cycles=100 * images, values=8, tensors=2, classes={"scores": [images] * images},
        layers=[{**layer_record("a", COUNTERS, equal, 10, 1), "utilisation": 0.5}], interval=50.0,
        configure_cycles=7, first_frame_cycles=80, began=5.0, run_seconds=2.0,
    )  # fmt: skip
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("images", "jobs", "starts"),
    [(4, 1, [0]), (5, 2, [0, 2]), (3, 8, [0, 1, 2]), (512, 3, [0, 170, 341]), (1, 2, [0])],
)
def test_shares_are_equal_and_none_is_empty(images: int, jobs: int, starts: list[int]) -> None:
    assert share_starts(images, jobs) == starts


def test_every_image_is_in_one_share(tmp_path: Path) -> None:
    seen: dict[str, list[int]] = {}

    def simulate(made: Stimulus, folder: Path) -> tuple[Outcome, RequestOutcome]:
        assert np.array_equal(made.tensors["scores"], made.tensors["map"] * 10)
        seen[folder.name] = made.tensors["map"].tolist()
        return Outcome(1, (), folder, folder, len(seen)), outcome(made.images)

    done, whole = run_shares(stimulus(7), tmp_path, 3, simulate)
    assert [seen[f"job{n}"] for n in range(3)] == [[0, 1], [2, 3], [4, 5, 6]]
    assert (done.log, done.wall_seconds) == (tmp_path, 3)
    assert whole.classes == {"scores": [2, 2, 2, 2, 3, 3, 3]}


def test_one_share_is_run_as_it_is(tmp_path: Path) -> None:
    made = stimulus(1)
    done = Outcome(1, (), tmp_path, tmp_path, 1.0)
    assert run_shares(made, tmp_path, 4, lambda part, folder: (done, outcome(1))) == (done, outcome(1))
    assert images_of(stimulus(5), 2, 4).tensors["map"].tolist() == [2, 3]


def test_figures_of_shares_are_summed() -> None:
    later = outcome(2, began=5.5, run_seconds=3.0, interval=51.0)
    whole = joined([outcome(3), later], [0, 3])
    assert (whole.images, whole.batches, whole.cycles, whole.values, whole.tensors) == (5, 2, 500, 16, 4)
    assert (whole.interval, whole.configure_cycles, whole.first_frame_cycles) == (51.0, 7, 80)
    assert (whole.began, whole.run_seconds) == (5.0, 3.5)
    (layer,) = whole.layers
    assert (layer["cycles"], layer["macs"], layer["bytes_read"]) == (200, 1280, 20)
    assert layer["stalls"] == {"read": 10, "write": 6, "dependency": 4}
    assert layer["equal"] is True and layer["utilisation"] == 0.5
    assert whole.passed


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        (outcome(2, False, failures=[Finding(Kind.SOME_WRONG, "layer a: wrong")]), "layer a: wrong"),
        (outcome(2, values=0), "nothing was compared"),
        (
            outcome(2, values=0, layers=[], classes={}, failures=[Finding(Kind.ENDED_EARLY, "ended early")]),
            "ended early",
        ),
    ],
)
def test_a_share_that_does_not_pass_fails_all(bad: RequestOutcome, line: str) -> None:
    whole = joined([outcome(3), bad], [0, 3])
    assert not whole.passed
    assert [str(found) for found in whole.failures] == [f"images 3 to 4, counted from 3: {line}"]


def test_what_one_share_has_not_seen_is_not_equal() -> None:
    for first, second, equal in ((True, False, False), (None, None, None), (True, None, None)):
        (layer,) = joined([outcome(1, first), outcome(1, second)], [0, 1]).layers
        assert layer["equal"] is equal
