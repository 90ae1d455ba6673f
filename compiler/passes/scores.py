"""The last layer of a binary network: batch norm, without a sign behind it, as fixed point.

score = sum * factor + offset, in integers, stands for scale * score. The factors have 16 bits and all filters one
scale, a power of two, the least one at which they fit; so dyadic parameters of few bits are kept exactly.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from compiler.passes.thresholds import Filter
from golden.arithmetic import INT32_MAX

FACTOR_BITS = 16
LARGEST_FACTOR = (1 << (FACTOR_BITS - 1)) - 1
Integers = npt.NDArray[np.int32]


class Scores(NamedTuple):
    """factors, offsets: int32 (filters,), or None where the sums themselves are the scores."""

    scale: float
    factors: Integers | None
    offsets: Integers | None


def fixed_point(filters: list[Filter], largest: int) -> Scores:
    """Scale, factors and offsets of filters whose sums lie from -largest to largest."""
    if all(each == Filter(filters[0].unit) for each in filters):
        return Scores(float(filters[0].unit), None, None)
    deviations = [math.sqrt(each.variance) for each in filters]
    pairs = list(zip(filters, deviations, strict=True))
    factors = np.array([float(f.gamma * f.unit) / deviation for f, deviation in pairs])
    offsets = np.array(
        [float(f.gamma * (f.bias - f.mean)) / deviation + float(f.beta) for f, deviation in pairs]
    )
    scale = _scale(factors, offsets, largest)
    return Scores(scale, _rounded(factors / scale), _rounded(offsets / scale))


def _scale(factors: npt.NDArray[np.float64], offsets: npt.NDArray[np.float64], largest: int) -> float:
    """The least power of two at which factors have 16 bits, and no score leaves 32."""
    reach = np.abs(factors) * largest + np.abs(offsets)
    # A rounded factor is half a step off at most, an offset likewise.
    room = INT32_MAX - (largest + 1) / 2 - 1
    needed = max(float(np.abs(factors).max()) / LARGEST_FACTOR, float(reach.max()) / room)
    return math.ldexp(1.0, math.ceil(math.log2(needed))) if needed > 0 else 1.0


def _rounded(values: npt.NDArray[np.float64]) -> Integers:
    return np.round(values).astype(np.int32)
