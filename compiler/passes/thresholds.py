"""What a sign behind batch norm makes of the integer sums before it: a comparison with an integer, exactly.

A filter's real value is gamma * (unit * a + bias - mean) / sqrt(variance) + beta, a being the integer sum. It rises
with a, or falls, or stays; so the sign is +1 from some integer on, or up to one. The comparison is decided in
fractions: no rounding, however close the value comes to 0. A value of exactly 0 has the sign +1.
"""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from math import isqrt
from typing import NamedTuple

DIGITS = 10**60


def _scaled(value: Fraction, variance: Fraction) -> Fraction:
    """value / sqrt(variance), exactly where the root is rational, as of 1."""
    whole = variance.numerator * variance.denominator
    root = isqrt(whole)
    if root * root != whole:
        root_scaled = isqrt(whole * DIGITS * DIGITS)
        return value * variance.denominator * DIGITS / root_scaled
    return value * variance.denominator / root


class Filter(NamedTuple):
    """variance: with epsilon added, above 0. unit: what 1 in the sum stands for, above 0."""

    unit: Fraction
    bias: Fraction = Fraction(0)
    gamma: Fraction = Fraction(1)
    beta: Fraction = Fraction(0)
    mean: Fraction = Fraction(0)
    variance: Fraction = Fraction(1)

    def normalised(self, gamma: Fraction, beta: Fraction, mean: Fraction, variance: Fraction) -> Filter:
        """With another batch norm behind; to 60 digits where the deviation of the one before is irrational."""
        if self.gamma == 0:
            constant = _scaled(gamma * (self.beta - mean), variance) + beta
            return Filter(self.unit, gamma=Fraction(0), beta=constant)
        # gamma * (self.gamma * (x - self.mean) / d + self.beta - mean) / e + beta, d and e the deviations:
        shift = _scaled((self.beta - mean) / self.gamma, 1 / self.variance)
        return Filter(
            self.unit, self.bias + shift, self.gamma * gamma, beta, self.mean, self.variance * variance
        )

    def is_one(self, total: int) -> bool:
        """Whether the real value of a sum is at least 0.

        x / sqrt(v) >= -b says the same as x * |x| >= -b * |b| * v, since both sides keep their signs."""
        scaled = self.gamma * (self.unit * total + self.bias - self.mean)
        return scaled * abs(scaled) >= -self.beta * abs(self.beta) * self.variance

    def threshold(self, largest: int) -> tuple[int, bool]:
        """(threshold, flip): the sign is +1 where (sum >= threshold) != flip, for sums from -largest to largest.

        The threshold lies in [-largest, largest + 1], whose ends stand for always and never."""
        flip = self.gamma < 0
        found = bisect_left(range(-largest, largest + 1), True, key=lambda total: self.is_one(total) != flip)
        return found - largest, flip
