"""The kind of a mismatch is what was done to the tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tb.finding import Kind
from tb.mismatch import kind_of

Map = npt.NDArray[Any]
SHAPE = (5, 6, 8)


def random_map(seed: int, low: int = -100, high: int = 100) -> Map:
    return np.random.default_rng(seed).integers(low, high, SHAPE).astype(np.int8)


def some(values: Map, change: Callable[[Map], Map]) -> Map:
    """Only every seventh value is changed."""
    changed = values.copy().reshape(-1)
    changed[::7] = change(values).reshape(-1)[::7]
    return changed.reshape(values.shape)


WRONG: dict[Kind, Callable[[Map], Map]] = {
    Kind.STALE: lambda _: random_map(2),
    Kind.OFF_BY_ONE: lambda values: values + np.int8(1),
    Kind.SIGN: lambda values: -values,
    Kind.ALL_WRONG: lambda _: random_map(3),
    Kind.SOME_WRONG: lambda values: some(values, lambda _: random_map(3)),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_was_done_is_told(kind: Kind) -> None:
    values, before = random_map(1), random_map(2)
    assert kind_of(values, WRONG[kind](values), np.ones(SHAPE, bool), before) is kind


@pytest.mark.parametrize("change", [lambda v: v - np.int8(1), lambda v: v + np.int8(1)])
def test_few_values_off_by_one(change: Callable[[Map], Map]) -> None:
    values = random_map(1)
    assert kind_of(values, some(values, change), np.ones(SHAPE, bool)) is Kind.OFF_BY_ONE


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("step", [1, -1])
def test_shifted_along_any_axis(axis: int, step: int) -> None:
    values = random_map(1)
    assert kind_of(values, np.roll(values, step, axis), np.ones(SHAPE, bool)) is Kind.SHIFTED


def test_values_that_are_clipped_and_should_not_be() -> None:
    values = random_map(1, -60, 60)
    got = np.where(np.abs(values) > 50, np.where(values > 0, 127, -128), values).astype(np.int8)
    assert kind_of(values, got, np.ones(SHAPE, bool)) is Kind.SATURATION


def test_values_that_should_be_clipped_and_are_not() -> None:
    wide = random_map(1).astype(np.int32) * 2
    values = wide.clip(-128, 127).astype(np.int8)
    assert kind_of(values, wide.astype(np.int8), np.ones(SHAPE, bool)) is Kind.SATURATION


def test_what_was_not_written_comes_first() -> None:
    values, written = random_map(1), np.ones(SHAPE, bool)
    written[3, 2, 1] = False
    assert kind_of(values, -values, written) is Kind.NEVER_WRITTEN


def binary_map(seed: int) -> Map:
    return np.sign(random_map(seed) + 0.5).astype(np.int8)


@pytest.mark.parametrize(
    ("got", "kind"),
    [
        (binary_map(3), Kind.ALL_WRONG),
        (binary_map(2), Kind.STALE),
        (np.roll(binary_map(1), 1, 1), Kind.SHIFTED),
        (some(binary_map(1), lambda values: -values), Kind.SOME_WRONG),
    ],
)
def test_a_wrong_bit_says_nothing_of_its_sign(got: Map, kind: Kind) -> None:
    assert kind_of(binary_map(1), got, np.ones(SHAPE, bool), binary_map(2)) is kind
