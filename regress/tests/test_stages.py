"""What is told of an inner stage: wrong already, right, or nothing where files or waves do not have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regress.triage.stages import behind, of_one_image, text, told_stage
from regress.waves.fst import Wave
from tb.finding import Finding, Kind
from tb.stages import Seen

WRONG = Finding(
    Kind.SIGN, "wrong", layer="conv1", node="conv1.made", coordinate=(2, 0, 0, 1), cycle=90, request="r0"
)
GOLDEN = np.array([[[3, -1]]], np.int32)


def test_sums_that_are_wrong_already_are_told_with_their_place() -> None:
    seen = [Seen(80, (0, 0, 0), 3), Seen(81, (0, 0, 1), 7)]
    assert text(WRONG, seen, seen[1], GOLDEN) == (
        "sums of layer conv1 are wrong already: (n, y, x, c) = (2, 0, 0, 1): expected -1, got 7 in cycle 81"
    )
    unknown = Seen(81, (0, 0, 1), None)
    assert "got unknown" in text(WRONG, [unknown], unknown, GOLDEN)


def test_sums_that_are_right_point_behind_them() -> None:
    seen = [Seen(80, (0, 0, 0), 3), Seen(81, (0, 0, 1), -1)]
    assert (
        text(WRONG, seen, None, GOLDEN)
        == "sums of layer conv1 are right (2 in the waves): what follows them is not"
    )
    assert text(WRONG, [], None, GOLDEN) == ""


def test_a_pooled_value_is_made_of_its_window() -> None:
    assert behind((1, 2, 5), (1, 1)) == [(1, 2, 5)]
    assert behind((1, 0, 5), (2, 2)) == [(2, 0, 5), (2, 1, 5), (3, 0, 5), (3, 1, 5)]


def test_a_fully_connected_layer_has_one_pixel() -> None:
    assert of_one_image(np.zeros((4, 10), np.int32), 3).shape == (1, 1, 10)
    assert of_one_image(np.zeros((4, 3, 2, 10), np.int32), 3).shape == (3, 2, 10)


def test_nothing_is_told_without_files_or_of_what_is_no_mismatch(tmp_path: Path) -> None:
    wave = Wave(tmp_path / "dump.fst")
    assert told_stage(wave, WRONG) == ""
    for name in ("r0.program", "r0.sums.npz"):
        (tmp_path / name).write_bytes(b"garbage")
    assert told_stage(wave, WRONG) == ""
    assert told_stage(wave, Finding(Kind.HANG, "no interrupt", cycle=90, request="r0")) == ""
