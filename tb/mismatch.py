"""How the wrong values of a tensor look together: the first guess at what is broken."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tb.finding import Kind

Integers = npt.NDArray[Any]
Booleans = npt.NDArray[np.bool_]

MOST = 0.9  # of the places that tell one explanation from golden, as many must speak for it
TELLING = 4  # fewer such places tell nothing
ALL_WRONG = 0.9  # of the values of a tensor; of a binary one half are right by chance
ALL_WRONG_BINARY = 0.4


def kind_of(expected: Integers, got: Integers, written: Booleans, before: Integers | None = None) -> Kind:
    """The kind of mismatch between golden's tensor (one image's, which is not `got`) and what was seen of it, both of
    one shape; written: the elements that were seen at all; before: golden's tensor of the image before."""
    if not written.all():
        return Kind.NEVER_WRITTEN
    if before is not None and explains(before, expected, got):
        return Kind.STALE
    if is_shifted(expected, got):
        return Kind.SHIFTED
    binary = bool(np.isin(expected, (-1, 1)).all() and np.isin(got, (-1, 1)).all())
    wrong = got != expected
    return (
        by_amount(wrong, binary)
        if binary
        else by_value(expected.astype(np.int64), got.astype(np.int64), wrong)
    )


def explains(guess: Integers, expected: Integers, got: Integers) -> bool:
    """Whether `got` is `guess` where that is not `expected`."""
    telling = guess != expected
    count = int(telling.sum())
    return count >= TELLING and int((got == guess)[telling].sum()) >= MOST * count


def is_shifted(expected: Integers, got: Integers) -> bool:
    """Whether every element has the value of a neighbour along one axis, those at the border left out."""
    return any(
        explains(*shifted(expected, got, axis, step))
        for axis in range(expected.ndim)
        for step in (1, -1)
        if expected.shape[axis] > 1
    )


def shifted(expected: Integers, got: Integers, axis: int, step: int) -> tuple[Integers, Integers, Integers]:
    """The neighbours of elements, the elements that golden has there, and those that were seen."""
    last = expected.shape[axis] - 1
    here, there = (range(1, last + 1), range(last)) if step > 0 else (range(last), range(1, last + 1))
    return expected.take(there, axis), expected.take(here, axis), got.take(here, axis)


def by_value(expected: Integers, got: Integers, wrong: Booleans) -> Kind:
    """By how far the wrong values are from the right ones."""
    right, seen = expected[wrong], got[wrong]
    if (abs(seen - right) == 1).all():
        return Kind.OFF_BY_ONE
    if ((seen == -right) | (seen == ~right)).all():
        return Kind.SIGN
    limits = expected.min(), expected.max()
    if limits[0] < limits[1] and not wrong.all() and (np.isin(right, limits).all() or _clipped(seen)):
        return Kind.SATURATION
    return by_amount(wrong, binary=False)


def _clipped(seen: Integers) -> bool:
    """Whether all are at one of the limits of int4 or int8."""
    return any(bool(np.isin(seen, (-(1 << bits - 1), (1 << bits - 1) - 1)).all()) for bits in (4, 8))


def by_amount(wrong: Booleans, binary: bool) -> Kind:
    """By how many are wrong."""
    share = float(wrong.mean())
    return Kind.ALL_WRONG if share >= (ALL_WRONG_BINARY if binary else ALL_WRONG) else Kind.SOME_WRONG
