"""How the values of every feature map are spread, in equal bins between its extremes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compiler.frontends.loaded import Range

BINS = 8192

Values = npt.NDArray[np.floating]


@dataclass
class Histogram:
    """Of one map: counts and sums of the values, each (BINS,) float64, in equal bins from least to greatest.

    A bin is stood for by the mean of its values: the many exact zeros after ReLU stay 0."""

    least: float
    greatest: float
    counts: npt.NDArray[np.float64]
    sums: npt.NDArray[np.float64]

    @classmethod
    def between(cls, extremes: Range) -> Histogram:
        """An empty one; the extremes must be those of all values to come."""
        return cls(*extremes, np.zeros(BINS), np.zeros(BINS))

    def add(self, values: Values) -> None:
        """Count values of any shape."""
        flat = values.reshape(-1).astype(np.float64)
        width = (self.greatest - self.least) / BINS
        places = (
            np.zeros(len(flat), np.int64) if width == 0 else ((flat - self.least) / width).astype(np.int64)
        )
        places = np.minimum(places, BINS - 1)
        self.counts += np.bincount(places, minlength=BINS)
        self.sums += np.bincount(places, weights=flat, minlength=BINS)

    @property
    def points(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(mean, count) of every bin that has values."""
        used = self.counts > 0
        return self.sums[used] / self.counts[used], self.counts[used]

    def quantile(self, share: float) -> float:
        """The least value that this share of all values does not exceed, to within a bin."""
        values, counts = self.points
        below = np.cumsum(counts)
        return float(values[min(np.searchsorted(below, share * below[-1]), len(values) - 1)])


def histograms(
    batches: Iterator[Mapping[str, Values]], extremes: Mapping[str, Range]
) -> dict[str, Histogram]:
    """The histogram of every map named by the extremes, over batches of values by map."""
    found = {name: Histogram.between(extreme) for name, extreme in extremes.items()}
    for batch in batches:
        for name, values in batch.items():
            found[name].add(values)
    return found
