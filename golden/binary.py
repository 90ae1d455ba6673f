"""The arithmetic of binary networks: weights and most maps are -1 or +1, one bit.

A product (Conv2D, FullyConnected) with weights of one bit is a binary product. Its accumulator is the exact integer
sum of x * w over the kernel, x being -1 or +1, or a number of 6 or 8 bits with zero point 0. Its other inputs, one
number an output channel, say what becomes of the accumulator:

- output of 1 bit: inputs (map, weights, thresholds, flips), int32 and int8; `threshold`;
- output of 32 bits, int32: inputs (map, weights, factors, offsets), both int32, factors within 16 bits, or
  (map, weights) alone; `scores`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden import ops
from golden.ir import Conv2D, FullyConnected, Graph, Node

Bits = npt.NDArray[np.int8]
Numbers = npt.NDArray[np.int32]


def is_binary(graph: Graph, node: Node) -> bool:
    """Whether the node is a product whose weights have one bit."""
    if not isinstance(node.operator, Conv2D | FullyConnected) or len(node.inputs) < 2:
        return False
    tensor = graph.tensors.get(node.inputs[1])
    return tensor is not None and tensor.quantisation is not None and tensor.quantisation.bits == 1


def threshold(accumulators: Numbers, thresholds: Numbers, flips: Bits) -> Bits:
    """+1 where (accumulator >= threshold) differs from the flip of its channel, which is the last axis, else -1."""
    return np.where((accumulators >= thresholds) != (flips == 1), 1, -1).astype(np.int8)


def scores(accumulators: Numbers, factors: Numbers | None = None, offsets: Numbers | None = None) -> Numbers:
    """accumulator * factor + offset of its channel, which is the last axis; the accumulators where these are
    missing."""
    if factors is None or offsets is None:
        return accumulators
    return (accumulators.astype(np.int64) * factors + offsets).astype(np.int32)


def pool(x: Bits, minimum: Bits, kernel: ops.Pair, stride: ops.Pair, padding: ops.Padding) -> Bits:
    """Greatest value of each window; the least one in the channels where minimum is 1."""
    greatest: Bits = ops.max_pool(x, kernel, stride, padding)
    least: Bits = -ops.max_pool(-x, kernel, stride, padding)
    return np.where(minimum == 1, least, greatest).astype(np.int8)
