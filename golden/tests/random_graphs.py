"""Random one-node graphs with random quantisation, in int8, int4 and mixed precision."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from golden.ir import (
    Add,
    Array,
    Concat,
    Conv2D,
    FullyConnected,
    Graph,
    Node,
    Operator,
    Pad,
    Pool2D,
    Quantisation,
    Slice,
    Tensor,
)
from golden.shapes import Shape, output_shape
from golden.tests.tflite_model import same_padding


@dataclass(frozen=True)
class Draw:
    """A seeded source of shapes, quantisations and values; `bits`: the precisions of maps and weights."""

    random: np.random.Generator
    bits: tuple[int, ...] = (8,)
    activations: tuple[str, ...] = ("", "relu", "relu6")

    def between(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def activation(self) -> str:
        return str(self.random.choice(self.activations))

    def scale(self, centre: float, decades: float = 0.5) -> float:
        """A float32 number within so many powers of ten of centre."""
        return float(np.float32(centre * 10 ** self.random.uniform(-decades, decades)))

    def map_quantisation(self, centre: float = 0.03) -> Quantisation:
        bits = int(self.random.choice(self.bits))
        limit = 1 << (bits - 1)
        scale = self.scale(centre * 256 / (2 * limit))
        reach = limit if self.between(0, 3) == 0 else limit // 2
        return Quantisation((scale,), self.between(-reach, reach - 1), bits)

    def weight_quantisation(self, channels: int, per_channel: bool) -> Quantisation:
        count = channels if per_channel else 1
        scales = tuple(self.scale(0.01) for _ in range(count))
        return Quantisation(scales, 0, int(self.random.choice(self.bits)), 0 if per_channel else None)

    def values(self, tensor: Tensor) -> Array:
        """Uniform over the tensor's bits, or at its two ends only (one draw in four)."""
        quantisation = tensor.quantisation
        assert quantisation is not None
        ends = (quantisation.low, quantisation.high)
        if self.random.random() < 0.25:
            return self.random.choice(np.array(ends, dtype=np.int8), tensor.shape)
        return self.random.integers(ends[0], ends[1] + 1, tensor.shape, dtype=np.int8)


def convolution(draw: Draw) -> Graph:
    """Kernel 1 to 5 a side, stride 1 to 3, VALID or SAME."""
    channels, outputs = draw.between(1, 9), draw.between(1, 9)
    kernel = (draw.between(1, 5), draw.between(1, 5))
    stride = (draw.between(1, 3), draw.between(1, 3))
    height, width = kernel[0] + draw.between(0, 7), kernel[1] + draw.between(0, 7)
    operator = Conv2D(stride, _padding(draw, (height, width), kernel, stride), draw.activation())
    weights = (outputs, *kernel, channels)
    return _product(draw, operator, (1, height, width, channels), weights, per_channel=True)


def fully_connected(draw: Draw) -> Graph:
    """1 to 200 features, scales per tensor or per channel."""
    features, outputs = draw.between(1, 200), draw.between(1, 12)
    per_channel = bool(draw.between(0, 1))
    return _product(draw, FullyConnected(draw.activation()), (1, features), (outputs, features), per_channel)


def add(draw: Draw) -> Graph:
    shape = (1, draw.between(1, 6), draw.between(1, 6), draw.between(1, 9))
    tensors = [Tensor(name, shape, draw.map_quantisation()) for name in ("a", "b", "y")]
    return one_node(Add(draw.activation()), tensors, {})


def pool(draw: Draw, kind: str) -> Graph:
    kernel = (draw.between(1, 5), draw.between(1, 5))
    stride = (draw.between(1, 3), draw.between(1, 3))
    height, width, channels = (
        kernel[0] + draw.between(0, 7),
        kernel[1] + draw.between(0, 7),
        draw.between(1, 9),
    )
    operator = Pool2D(kind, kernel, stride, _padding(draw, (height, width), kernel, stride))
    source = Tensor("x", (1, height, width, channels), draw.map_quantisation())
    result = Tensor("y", _made(operator, [source.shape]), source.quantisation)
    return one_node(operator, [source, result], {})


def concat(draw: Draw) -> Graph:
    """Two to four maps of different depths."""
    quantisation, size = draw.map_quantisation(), (1, draw.between(1, 6), draw.between(1, 6))
    shapes: list[Shape] = [(*size, draw.between(1, 9)) for _ in range(draw.between(2, 4))]
    return _unscaled(Concat(), shapes, quantisation)


def strided_slice(draw: Draw) -> Graph:
    """Any part of the map, every first to third row and column."""
    sizes = (draw.between(1, 9), draw.between(1, 9))
    begin = (draw.between(0, sizes[0] - 1), draw.between(0, sizes[1] - 1))
    end = (draw.between(begin[0] + 1, sizes[0]), draw.between(begin[1] + 1, sizes[1]))
    operator = Slice(begin, end, (draw.between(1, 3), draw.between(1, 3)))
    return _unscaled(operator, [(1, *sizes, draw.between(1, 9))], draw.map_quantisation())


def pad(draw: Draw) -> Graph:
    shape = (1, draw.between(1, 6), draw.between(1, 6), draw.between(1, 9))
    return _unscaled(Pad(draw.between(0, 5), draw.between(0, 5)), [shape], draw.map_quantisation())


def _unscaled(operator: Operator, shapes: list[Shape], quantisation: Quantisation) -> Graph:
    """One node whose maps are all quantised alike."""
    sources = [Tensor(f"x{index}", shape, quantisation) for index, shape in enumerate(shapes)]
    return one_node(operator, [*sources, Tensor("y", _made(operator, shapes), quantisation)], {})


def one_node(operator: Operator, tensors: list[Tensor], constants: dict[str, Array]) -> Graph:
    """The graph of a single node; the last tensor is its output."""
    *sources, result = tensors
    node = Node("node", operator, tuple(tensor.name for tensor in sources), result.name)
    inputs = tuple(tensor.name for tensor in sources if tensor.name not in constants)
    return Graph("single", inputs, (result.name,), {t.name: t for t in tensors}, (node,), constants)


def _product(draw: Draw, operator: Operator, source: Shape, weights: Shape, per_channel: bool) -> Graph:
    x = Tensor("x", source, draw.map_quantisation())
    w = Tensor("w", weights, draw.weight_quantisation(weights[0], per_channel))
    y = Tensor("y", _made(operator, [source, weights]), draw.map_quantisation(_real_spread(x, w) / 50))
    constants: dict[str, Array] = {"w": draw.values(w)}
    if isinstance(operator, FullyConnected) and draw.between(0, 4) == 0:
        return one_node(operator, [x, w, y], constants)
    assert x.quantisation is not None and w.quantisation is not None
    scales = tuple(float(np.float32(x.quantisation.scale[0] * scale)) for scale in w.quantisation.scale)
    b = Tensor("b", (weights[0],), Quantisation(scales, 0, 32, w.quantisation.axis))
    constants["b"] = (draw.random.uniform(-1, 1, weights[0]) * _spread(x, w)).astype(np.int32)
    return one_node(operator, [x, w, b, y], constants)


def _spread(x: Tensor, weights: Tensor) -> float:
    """About the standard deviation of sums of products of uniform values."""
    assert x.quantisation is not None and weights.quantisation is not None
    product = (x.quantisation.high + 1) * (weights.quantisation.high + 1) / 3
    return product * math.sqrt(math.prod(weights.shape[1:]))


def _real_spread(x: Tensor, weights: Tensor) -> float:
    assert x.quantisation is not None and weights.quantisation is not None
    return _spread(x, weights) * x.quantisation.scale[0] * weights.quantisation.scale[0]


def _made(operator: Operator, shapes: list[Shape]) -> Shape:
    made = output_shape(operator, shapes)
    assert made is not None
    return made


def _padding(
    draw: Draw, size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int]
) -> tuple[int, int, int, int]:
    if draw.between(0, 1) == 0:
        return (0, 0, 0, 0)
    top, bottom = same_padding(size[0], kernel[0], stride[0])
    left, right = same_padding(size[1], kernel[1], stride[1])
    return (top, left, bottom, right)
