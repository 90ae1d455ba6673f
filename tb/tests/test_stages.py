"""Sums in waves: those of the image of a wrong value, and the first that differs from golden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pytest

from compiler.program import Program
from rtl.bcnn.config import CONFIGS
from tb.bcnn.stages import SCOPE, sums
from tb.stages import Place, Seen, bits_of, first_wrong, of_image, signed
from tb.systolic.stages import places
from tb.tracks import Shown

PLACES: tuple[Place, ...] = ((0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1))
NO_PROGRAM = cast(Program, None)  # a pipeline's engines tell by themselves which layer they are
GOLDEN = np.array([[[3, -1], [0, 5]]], np.int32)


def image(begin: int, *changes: tuple[int, int]) -> list[Seen]:
    """An image's sums, a cycle each; changes: (number, value)."""
    values = [3, -1, 0, 5]
    for number, value in changes:
        values[number] = value
    pairs = zip(PLACES, values, strict=True)
    return [Seen(begin + number, place, value) for number, (place, value) in enumerate(pairs)]


def test_sums_are_those_of_the_image_up_to_the_value() -> None:
    seen = image(10) + image(20) + image(30)
    assert of_image(seen, [(0, 1, 0)], 24) == image(20)[:3]
    assert of_image(seen, [(0, 0, 1), (0, 1, 1)], 24) == image(20)
    assert of_image(seen[2:], [(0, 1, 1)], 15) == image(10)[2:]  # waves begin behind the image
    assert of_image(seen, [(0, 1, 0)], 11) == []


def test_the_first_that_differs_is_told() -> None:
    assert first_wrong(image(10), GOLDEN) is None
    wrong = first_wrong(image(10, (1, 1), (3, 4)), GOLDEN)
    assert wrong == Seen(11, (0, 0, 1), 1)
    unknown = [replace(image(10)[0], value=None)]
    assert first_wrong(unknown, GOLDEN) == unknown[0]
    assert first_wrong([Seen(9, (7, 0, 0), 99)], GOLDEN) is None


@pytest.mark.parametrize(("bits", "value"), [(0b0101, 5), (0b1111, -1), (0b1000, -8)])
def test_sums_are_signed(bits: int, value: int) -> None:
    assert signed(bits, 4) == value
    assert signed("x01", 4) is None


@pytest.mark.parametrize(
    ("value", "low", "width", "bits"),
    [
        (0b1011, 1, 2, 0b01),
        ("1x11", 0, 2, 0b11),
        ("1x11", 1, 2, None),
        ("01", 0, 4, None),
        (None, 0, 1, None),
    ],
)
def test_bits_are_known_where_others_are_not(
    value: int | str | None, low: int, width: int, bits: int | None
) -> None:
    assert bits_of(value, low, width) == bits


@pytest.mark.parametrize(
    ("shape", "element", "found"),
    [
        ((1, 2, 3, 4), Shown("t", 18, 2), [(1, 1, 2), (1, 1, 3)]),
        ((1, 2, 3, 4), Shown("t", 22, 8), [(1, 2, 2), (1, 2, 3)]),
        ((1, 10), Shown("t", 8, 2), [(0, 0, 8), (0, 0, 9)]),
        ((1, 10), Shown("t", 0, 9), [(0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 0, 3)]),
    ],
)
def test_lanes_have_places(shape: tuple[int, ...], element: Shown, found: list[Place]) -> None:
    assert list(places(shape, element, 4)) == found


@dataclass
class Values:
    """A signal: a value for each time."""

    values: Mapping[int, int | str]

    def at(self, time: int) -> int | str | None:
        return self.values.get(time)


@dataclass
class Waves:
    """A wave file of so many cycles."""

    signals: Mapping[str, Values]
    last: int

    @property
    def widths(self) -> Mapping[str, int]:
        return dict.fromkeys(self.signals, 4)

    @property
    def cycles(self) -> Sequence[tuple[int, int]]:
        return [(10 * cycle, cycle) for cycle in range(self.last + 1)]

    def changes(self, name: str) -> Values:
        return self.signals[name]


def test_sums_are_read_when_they_are_complete() -> None:
    config = CONFIGS["mini"]
    lanes, scope = config.layers[0].p, SCOPE.format(layer=0)
    signals = {f"{scope}.finish": Values({10: 1, 20: 0, 30: 1, 40: 1})}
    place: dict[str, dict[int, int | str]] = {
        "row": {10: 0, 30: 2, 40: "x"},
        "group": {10: 0, 30: 1},
        "filter": {10: 0, 30: 4},
    }
    for name, values in place.items():
        signals[f"{scope}.collecting_spot_{name}"] = Values(values)
    for lane in range(lanes):
        signals[f"{scope}.totals_{lane}"] = Values({10: 15, 20: 9, 30: lane % 8})
    found = list(sums(Waves(signals, 4), config, NO_PROGRAM, 0, ""))
    assert [each.cycle for each in found] == [1] * lanes + [3] * lanes
    assert {each.value for each in found[:lanes]} == {-1}
    assert found[lanes:][-1] == Seen(3, (2, 2 * lanes - 1, 4), (lanes - 1) % 8)


def test_the_last_layer_has_no_thresholds() -> None:
    config = CONFIGS["mini"]
    assert list(sums(Waves({}, 4), config, NO_PROGRAM, len(config.layers) - 1, "")) == []
