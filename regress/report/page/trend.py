"""A few numbers as a small drawing."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT, EDGE = 120, 28, 3


def sparkline(values: Sequence[float]) -> str:
    """The points of an SVG polyline, the lowest value at the bottom; a flat line in the middle for equal values."""
    low, high = min(values), max(values)
    step = (WIDTH - 2 * EDGE) / max(len(values) - 1, 1)
    return " ".join(
        f"{EDGE + number * step:.1f},{_height(value, low, high):.1f}" for number, value in enumerate(values)
    )


def _height(value: float, low: float, high: float) -> float:
    if high == low:
        return HEIGHT / 2
    return HEIGHT - EDGE - (value - low) / (high - low) * (HEIGHT - 2 * EDGE)
