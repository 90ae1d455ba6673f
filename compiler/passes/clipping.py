"""Choosing a map's range inside its extremes: what is cut off is clamped, what stays gets finer steps."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from compiler.frontends.loaded import Range
from compiler.passes.histograms import Histogram
from compiler.passes.quantise import activation_quantisation

PERCENT = 99.99
"""Share of a map's values, in percent, that the percentile method keeps; half of the rest is cut off each end."""
SHARES = tuple(step / 40 for step in range(4, 41))
"""Shares of each extreme that the mean-square-error method tries."""

Floats = npt.NDArray[np.float64]


def percentile_range(histogram: Histogram) -> Range:
    """The range that PERCENT of the values lie in."""
    cut = (1 - PERCENT / 100) / 2
    return histogram.quantile(cut), histogram.quantile(1 - cut)


def least_error_range(histogram: Histogram, bits: int) -> Range:
    """Of all pairs of SHARES of the two extremes, zero included, the one of least mean square error.

    Of equal ones the widest. The error is that of rounding and clamping, as `quantise` will do both."""
    values, counts = histogram.points
    least, greatest = min(histogram.least, 0.0), max(histogram.greatest, 0.0)
    lows = [share * least for share in reversed(SHARES)] if least < 0 else [0.0]
    highs = [share * greatest for share in reversed(SHARES)] if greatest > 0 else [0.0]
    return min(product(lows, highs), key=lambda ends: squared_error(values, counts, ends, bits))


def squared_error(values: Floats, counts: Floats, ends: Range, bits: int) -> float:
    """Sum of squared quantisation errors of values, each as often as its count, with the range `ends`."""
    q = activation_quantisation(*ends, bits)
    steps = np.clip(np.round(values / q.scale[0]), q.low - q.zero_point, q.high - q.zero_point)
    return float(counts @ (steps * q.scale[0] - values) ** 2)
