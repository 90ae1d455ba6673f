"""The arithmetic against gemmlowp's and TFLite's definitions written out in Python integers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from golden.arithmetic import (
    INT32_MAX,
    INT32_MIN,
    activation_limits,
    clamp,
    multiply_by_quantised_multiplier,
    quantise_multiplier,
    rounded_mean,
    rounding_divide_by_power_of_two,
    saturating_rounding_doubling_high_multiply,
)
from golden.ir import GraphError, Quantisation

CORNERS = [INT32_MIN, INT32_MIN + 1, -(1 << 30), -3, -2, -1, 0, 1, 2, 3, 1 << 30, INT32_MAX - 1, INT32_MAX]


def truncating_division(numerator: int, denominator: int) -> int:
    """C's integer division."""
    quotient = abs(numerator) // abs(denominator)
    return quotient if (numerator < 0) == (denominator < 0) else -quotient


def gemmlowp_high_multiply(a: int, b: int) -> int:
    if a == b == INT32_MIN:
        return INT32_MAX
    nudge = 1 << 30 if a * b >= 0 else 1 - (1 << 30)
    return truncating_division(a * b + nudge, 1 << 31)


def gemmlowp_divide(x: int, exponent: int) -> int:
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if (x & mask) > threshold else 0)


def integers(seed: int, count: int) -> list[int]:
    """Corner values and random int32 values of every magnitude."""
    random = np.random.default_rng(seed)
    magnitudes = random.integers(0, 32, count)
    return CORNERS + [int(random.integers(-(1 << m), 1 << m)) for m in magnitudes]


def test_high_multiply_is_gemmlowps() -> None:
    a, b = integers(1, 4000), integers(2, 4000)
    found = saturating_rounding_doubling_high_multiply(np.array(a), np.array(b))
    assert found.tolist() == [gemmlowp_high_multiply(*pair) for pair in zip(a, b, strict=True)]
    squares = saturating_rounding_doubling_high_multiply(np.array(CORNERS)[:, None], np.array(CORNERS))
    assert squares.tolist() == [[gemmlowp_high_multiply(x, y) for y in CORNERS] for x in CORNERS]


@pytest.mark.parametrize("exponent", range(32))
def test_divide_by_power_of_two_is_gemmlowps(exponent: int) -> None:
    ties = [k * (1 << exponent) // 2 for k in range(-5, 6)]
    values = integers(exponent, 200) + ties
    found = rounding_divide_by_power_of_two(np.array(values), exponent)
    assert found.tolist() == [gemmlowp_divide(value, exponent) for value in values]


def test_ties_go_away_from_zero() -> None:
    assert rounding_divide_by_power_of_two(np.array([-3, -1, 1, 3]), 1).tolist() == [-2, -1, 1, 2]


def test_multiply_broadcasts_over_channels_with_both_shifts() -> None:
    random = np.random.default_rng(3)
    x = random.integers(-(1 << 20), 1 << 20, (50, 8))
    multipliers = random.integers(1 << 30, 1 << 31, 8)
    shifts = np.array([-31, -20, -9, -1, 0, 1, 5, 10])
    found = multiply_by_quantised_multiplier(x, multipliers, shifts)
    for channel, (multiplier, shift) in enumerate(zip(multipliers.tolist(), shifts.tolist(), strict=True)):
        left, right = max(shift, 0), max(-shift, 0)
        high = [gemmlowp_high_multiply(value << left, multiplier) for value in x[:, channel].tolist()]
        assert found[:, channel].tolist() == [gemmlowp_divide(value, right) for value in high]


def test_left_shift_wraps_at_32_bits() -> None:
    wrapped = multiply_by_quantised_multiplier(np.array([3 << 29]), 1 << 30, 2)
    assert wrapped.tolist() == [INT32_MIN // 2]


@pytest.mark.parametrize(
    "real", [2.0**-32, 1e-9, 0.0003, 0.25, 0.5, 1 - 2.0**-40, 1.0, 1.5, 1000.0, 2.0**29.9]
)
def test_multiplier_is_nearest_31_bit_number(real: float) -> None:
    multiplier, shift = quantise_multiplier(real)
    assert 1 << 30 <= multiplier < 1 << 31
    step = Fraction(2) ** (shift - 31)
    assert abs(multiplier * step - Fraction(real)) <= step / 2


def test_multiplier_zero_and_vanishing() -> None:
    assert quantise_multiplier(0.0) == (0, 0)
    assert quantise_multiplier(2.0**-33) == (0, 0)


@pytest.mark.parametrize("real", [-0.5, math.inf, math.nan, 2.0**31])
def test_impossible_multiplier_is_refused(real: float) -> None:
    with pytest.raises(ValueError, match="multiplier"):
        quantise_multiplier(real)


def test_mean_rounds_half_away_from_zero() -> None:
    totals = np.arange(-40, 41)
    for count in range(1, 12):
        expected = [
            truncating_division(t + count // 2 if t > 0 else t - count // 2, count) for t in totals.tolist()
        ]
        assert rounded_mean(totals, count).tolist() == expected


@pytest.mark.parametrize(
    ("activation", "quantisation", "limits"),
    [
        ("", Quantisation((0.1,), 3, 8), (-128, 127)),
        ("", Quantisation((0.1,), 3, 4), (-8, 7)),
        ("relu", Quantisation((0.1,), 3, 8), (3, 127)),
        ("relu6", Quantisation((0.1,), 3, 8), (3, 63)),
        ("relu6", Quantisation((0.01,), 3, 8), (3, 127)),
        ("relu6", Quantisation((0.8,), -8, 4), (-8, 0)),
    ],
)
def test_activation_limits(activation: str, quantisation: Quantisation, limits: tuple[int, int]) -> None:
    assert activation_limits(activation, quantisation) == limits


def test_unknown_activation_is_refused() -> None:
    with pytest.raises(GraphError, match="tanh"):
        activation_limits("tanh", Quantisation((1.0,)))


def test_clamp() -> None:
    assert clamp(np.array([-300, -8, 0, 7, 300]), -8, 7).tolist() == [-8, -8, 0, 7, 7]
