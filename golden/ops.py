"""The operators on NumPy arrays: feature maps are NHWC, convolution weights (out, kernel_h, kernel_w, in).

Integer products go through floating-point BLAS, which is exact while no partial sum can leave the mantissa;
the bound is computed from the actual values before each product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from golden.arithmetic import INT32_MAX, INT32_MIN, AnyIntegers, clamp, rounded_mean
from golden.shapes import output_size

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]
Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Accumulators = npt.NDArray[np.int32]

FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = 1 << 53


def convolve(x: Values, weights: Values, stride: Pair, padding: Padding, padding_value: int = 0) -> Values:
    """Sums of products (n, out_h, out_w, out) in the floating dtype of x and weights."""
    kernel = weights.shape[1:3]
    padded = _pad(x, padding, padding_value)
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))
    windows = windows[:, :: stride[0], :: stride[1]].transpose(0, 1, 2, 4, 5, 3)
    columns = weights.reshape(weights.shape[0], -1).T
    result: Values = windows.reshape(-1, columns.shape[0]) @ columns
    return result.reshape(*windows.shape[:3], -1)


def _pad(x: Values, padding: Padding, value: float = 0) -> Values:
    if not any(padding):
        return x
    top, left, bottom, right = padding
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def accumulate_convolution(
    x: AnyIntegers,
    weights: AnyIntegers,
    bias: AnyIntegers | None,
    zero_point: int,
    stride: Pair,
    padding: Padding,
    padding_value: int = 0,
) -> Accumulators:
    """Exact int32 accumulators of an integer convolution: sum of (x - zero_point) * weight, plus bias.

    Padding is padding_value in place of x - zero_point: zero adds nothing. Raises OverflowError where an
    accumulator leaves int32."""

    def product(left: Values, right: Values) -> Values:
        return convolve(left, right, stride, padding, padding_value)

    return _accumulate(x, weights, bias, zero_point, product)


def accumulate_fully_connected(
    x: AnyIntegers, weights: AnyIntegers, bias: AnyIntegers | None, zero_point: int
) -> Accumulators:
    """Exact int32 accumulators (n, out) of an integer fully connected layer; x is read as (n, features)."""

    def product(left: Values, right: Values) -> Values:
        result: Values = left @ right.T
        return result

    return _accumulate(x.reshape(x.shape[0], -1), weights, bias, zero_point, product)


def _accumulate(
    x: AnyIntegers,
    weights: AnyIntegers,
    bias: AnyIntegers | None,
    zero_point: int,
    product: Callable[[Values, Values], Values],
) -> Accumulators:
    centred = x.astype(np.int16) - np.int16(zero_point)
    dtype = exact_dtype(centred, weights)
    sums = product(centred.astype(dtype), weights.astype(dtype)).astype(np.int64)
    if bias is not None:
        sums += bias
    if sums.size and (sums.min() < INT32_MIN or sums.max() > INT32_MAX):
        raise OverflowError(f"accumulator {sums.min()}..{sums.max()} leaves int32")
    return sums.astype(np.int32)


def exact_dtype(x: AnyIntegers, weights: AnyIntegers) -> type[np.float32] | type[np.float64]:
    """The smaller float type in which every partial sum of x times a row of weights is an exact integer.

    Raises OverflowError where float64 is not enough."""
    largest = int(np.abs(x.astype(np.int64)).max(initial=0))
    row_sums = np.abs(weights.astype(np.int64)).reshape(weights.shape[0], -1).sum(axis=1)
    bound = largest * int(row_sums.max(initial=0))
    if bound >= FLOAT64_EXACT:
        raise OverflowError(f"sums of products up to {bound} are not exact in float64")
    return np.float32 if bound < FLOAT32_EXACT else np.float64


def _taps(x: Values, kernel: Pair, stride: Pair) -> Iterator[Values]:
    """For each position within the kernel, the values of a padded map that all windows see there."""
    out_h = output_size(x.shape[1], kernel[0], stride[0], 0, 0)
    out_w = output_size(x.shape[2], kernel[1], stride[1], 0, 0)
    for y in range(kernel[0]):
        for z in range(kernel[1]):
            rows = slice(y, y + (out_h - 1) * stride[0] + 1, stride[0])
            yield x[:, rows, z : z + (out_w - 1) * stride[1] + 1 : stride[1]]


def max_pool(x: Values, kernel: Pair, stride: Pair, padding: Padding) -> Values:
    """Greatest value of each window, positions outside the map left out; the dtype of x."""
    lowest = -np.inf if np.issubdtype(x.dtype, np.floating) else np.iinfo(x.dtype).min
    taps = _taps(_pad(x, padding, lowest), kernel, stride)
    result = next(taps).copy()
    for tap in taps:
        np.maximum(result, tap, out=result)
    return result


def average_pool(x: AnyIntegers, kernel: Pair, stride: Pair, padding: Padding) -> npt.NDArray[np.int8]:
    """Rounded integer mean of each window's positions inside the map (input and output quantised alike)."""
    total = _window_sum(x.astype(np.int64), kernel, stride, padding)
    return clamp(rounded_mean(total, _inside(x, kernel, stride, padding)), -128, 127)


def float_average_pool(x: Floats, kernel: Pair, stride: Pair, padding: Padding) -> Floats:
    """Mean of each window's positions inside the map."""
    total = _window_sum(x.astype(np.float64), kernel, stride, padding)
    return (total / _inside(x, kernel, stride, padding)).astype(np.float32)


def _window_sum(x: Values, kernel: Pair, stride: Pair, padding: Padding) -> Values:
    taps = _taps(_pad(x, padding), kernel, stride)
    result = next(taps).copy()
    for tap in taps:
        result += tap
    return result


def _inside(x: Values, kernel: Pair, stride: Pair, padding: Padding) -> AnyIntegers:
    """Positions of each window that lie inside the map: (1, out_h, out_w, 1)."""
    ones = np.ones((1, *x.shape[1:3], 1), dtype=np.int64)
    return _window_sum(ones, kernel, stride, padding)


def strided_slice(x: Values, begin: Pair, end: Pair, stride: Pair) -> Values:
    """Positions begin, begin + stride, ... before end of a map's height and width."""
    rows, columns = (slice(*axis) for axis in zip(begin, end, stride, strict=True))
    return np.ascontiguousarray(x[:, rows, columns])


def pad_channels(x: Values, before: int, after: int, zero: int) -> Values:
    """The map with so many channels of `zero` (the zero point) in front of its own, and behind them."""
    return np.pad(x, ((0, 0), (0, 0), (0, 0), (before, after)), constant_values=zero)


def float_fully_connected(x: Floats, weights: Floats) -> Floats:
    """(n, out) of a map flattened to (n, features)."""
    result: Floats = x.reshape(x.shape[0], -1) @ weights.T
    return result


def float_activation(x: Floats, activation: str) -> Floats:
    """x under '', 'relu' or 'relu6'."""
    if activation == "":
        return x
    return np.clip(x, np.float32(0), np.float32(6) if activation == "relu6" else None)


def batch_norm(
    x: Floats, gamma: Floats, beta: Floats, mean: Floats, variance: Floats, epsilon: float
) -> Floats:
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, per channel; rounded to float32 at the end alone."""
    factor = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    return ((x.astype(np.float64) - mean) * factor + beta).astype(np.float32)


def sign(x: Floats, scale: float) -> Floats:
    """scale where x >= 0, -scale elsewhere."""
    return np.where(x >= 0, np.float32(scale), np.float32(-scale))
