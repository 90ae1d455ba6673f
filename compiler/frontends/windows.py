"""Padding schemes made explicit, along one axis at a time."""

from __future__ import annotations

from compiler.errors import UnsupportedOperator

MOST_POSITIONS = 1 << 16
MOST_PADDING = 256


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """(before, after) for ceil(size / stride) windows; an odd one goes after (as TFLite does)."""
    windows = -(-size // stride)
    total = max(0, (windows - 1) * stride + kernel - size)
    return total // 2, total - total // 2


def ceil_padding(size: int, kernel: int, stride: int, before: int, after: int) -> int:
    """`after` for pooling with the number of windows rounded up, none of them beginning beyond the map."""
    windows = -(-(size + before + after - kernel) // stride) + 1
    if (windows - 1) * stride >= size + before:
        windows -= 1
    return max(after, (windows - 1) * stride + kernel - size - before)


def check_window(kernel: tuple[int, int], padding: tuple[int, int, int, int]) -> None:
    """Raises UnsupportedOperator for windows that only a damaged file asks for; they would run for hours."""
    if min(kernel) < 1 or kernel[0] * kernel[1] > MOST_POSITIONS:
        raise UnsupportedOperator(f"kernel {kernel} must have 1 to {MOST_POSITIONS} positions")
    if max(padding) > MOST_PADDING:
        raise UnsupportedOperator(f"padding {padding} must be at most {MOST_PADDING}")
