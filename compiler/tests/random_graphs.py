"""Random quantised graphs: single layers with every corner of shape, and small networks with fusions."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

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
    Reshape,
    Slice,
    Tensor,
)
from golden.shapes import output_shape

Choice = TypeVar("Choice")
MAP_BITS = (8, 8, 4)
WEIGHT_BITS = (8, 4)


class Builder:
    """Adds nodes one by one; every shape and quantisation comes from the generator. channels: the most a map
    has."""

    def __init__(self, seed: int, channels: int = 40) -> None:
        self.channels = channels
        self.random = np.random.default_rng(seed)
        self.alike: Quantisation | None = None
        self.thinning = np.random.default_rng((seed, 1))
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        self.inputs: list[str] = []

    def integer(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def choice(self, options: tuple[Choice, ...]) -> Choice:
        return options[self.integer(0, len(options) - 1)]

    def quantisation(self) -> Quantisation:
        """Of a new map: drawn, unless all are to be alike."""
        if self.alike is not None:
            return self.alike
        bits = self.choice(MAP_BITS)
        low = -(1 << bits - 1)
        return Quantisation((float(self.random.uniform(0.01, 0.1)),), self.integer(low, -low - 1), bits)

    def source(self, height: int, width: int, channels: int) -> str:
        name = f"input{len(self.inputs)}"
        self.tensors[name] = Tensor(name, (1, height, width, channels), self.quantisation())
        self.inputs.append(name)
        return name

    def node(self, operator: Operator, inputs: tuple[str, ...], tensor: Tensor) -> str:
        self.tensors[tensor.name] = tensor
        self.nodes.append(Node(f"node{len(self.nodes)}", operator, inputs, tensor.name))
        return tensor.name

    def _new(self, operator: Operator, inputs: tuple[str, ...], like: Quantisation | None = None) -> str:
        shape = output_shape(operator, [self.tensors[name].shape for name in inputs])
        assert shape is not None
        tensor = Tensor(f"tensor{len(self.nodes)}", shape, like or self.quantisation())
        return self.node(operator, inputs, tensor)

    def convolution(
        self,
        source: str,
        channels: int,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int, int, int],
    ) -> str:
        operator = Conv2D(stride, padding, self.choice(("", "relu", "relu6")))
        shape = (channels, *kernel, self.tensors[source].shape[3])
        return self._weighted(operator, source, shape)

    def fully_connected(self, source: str, features: int) -> str:
        count = int(np.prod(self.tensors[source].shape))
        return self._weighted(FullyConnected(self.choice(("", "relu"))), source, (features, count))

    def _weighted(self, operator: Operator, source: str, shape: tuple[int, ...]) -> str:
        bits, fan_in = self.choice(WEIGHT_BITS), int(np.prod(shape[1:]))
        per_channel = self.integer(0, 1)
        # Outputs spread over their range: weights of about 1 / sqrt(fan in) on inputs of about 1.
        scales = self.random.uniform(0.5, 1.5, shape[0] if per_channel else 1) / np.sqrt(fan_in) / 2**bits
        weights = Quantisation(tuple(scales.tolist()), 0, bits, 0 if per_channel else None)
        number = len(self.nodes)
        names: tuple[str, ...] = (source, f"weights{number}")
        self.tensors[names[1]] = Tensor(names[1], shape, weights)
        values = self.random.integers(weights.low, weights.high + 1, shape)
        self.constants[names[1]] = self._thinned(values.astype(np.int8))
        if self.integer(0, 3):
            names = (*names, self._bias(number, source, weights, shape[0]))
        return self._new(operator, names)

    def _thinned(self, weights: Array) -> Array:
        """At most 1, 2 or 4 of the weights of a block are left: blocks of four along each kernel row."""
        kept = int(self.thinning.choice((1, 2, 4)))
        kernel_rows = weights.reshape(*weights.shape[:2], -1) if weights.ndim == 4 else weights
        for start in range(0, kernel_rows.shape[-1], 4):
            block = kernel_rows[..., start : start + 4]
            ranks = self.thinning.random(block.shape).argsort(axis=-1).argsort(axis=-1)
            block[ranks >= kept] = 0
        return kernel_rows.reshape(weights.shape)

    def _bias(self, number: int, source: str, weights: Quantisation, channels: int) -> str:
        map_type = self.tensors[source].quantisation
        assert map_type is not None
        scales = tuple(map_type.scale[0] * scale for scale in weights.scale)
        name = f"bias{number}"
        self.tensors[name] = Tensor(name, (channels,), Quantisation(scales, 0, 32, weights.axis))
        self.constants[name] = self.random.integers(-2000, 2000, channels).astype(np.int32)
        return name

    def add(self, first: str, second: str) -> str:
        return self._new(Add(self.choice(("", "relu", "relu6"))), (first, second))

    def pool(
        self,
        source: str,
        kind: str,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    ) -> str:
        return self._new(Pool2D(kind, kernel, stride, padding), (source,), self.tensors[source].quantisation)

    def concat(self, *sources: str) -> str:
        return self._new(Concat(), sources, self.tensors[sources[0]].quantisation)

    def pad(self, source: str, before: int, after: int) -> str:
        return self._new(Pad(before, after), (source,), self.tensors[source].quantisation)

    def slice(
        self, source: str, begin: tuple[int, int], end: tuple[int, int], stride: tuple[int, int]
    ) -> str:
        return self._new(Slice(begin, end, stride), (source,), self.tensors[source].quantisation)

    def flatten(self, source: str) -> str:
        like = self.tensors[source]
        shape = (1, int(np.prod(like.shape)))
        return self.node(Reshape(), (source,), replace(like, name=f"tensor{len(self.nodes)}", shape=shape))

    def graph(self, *outputs: str) -> Graph:
        return Graph("random", tuple(self.inputs), outputs, self.tensors, tuple(self.nodes), self.constants)


def random_convolution(b: Builder, source: str, channels: int | None = None) -> str:
    """Any kernel that fits, any stride, padding on each side by itself."""
    _, height, width, _ = b.tensors[source].shape
    kernel = (b.choice((1, 1, 2, 3, 3, 5, 7, 11)), b.choice((1, 2, 3, 3, 4, 5, 11)))
    padding = tuple(b.integer(0, kernel[side % 2] // 2 + b.integer(0, 1)) for side in range(4))
    top, left, bottom, right = padding
    kernel = (min(kernel[0], height + top + bottom), min(kernel[1], width + left + right))
    stride = (b.integer(1, 4), b.integer(1, 4)) if b.integer(0, 2) == 0 else (1, 1)
    return b.convolution(
        source, channels or b.integer(1, b.channels), kernel, stride, (top, left, bottom, right)
    )


def random_pool(b: Builder, source: str) -> str:
    _, height, width, _ = b.tensors[source].shape
    kernel = (b.integer(1, min(height, 4)), b.integer(1, min(width, 4)))
    if b.integer(0, 2) == 0:
        return b.pool(source, b.choice(("max", "average")), (height, width), (1, 1))
    stride = kernel if b.integer(0, 1) else (b.integer(1, 3), b.integer(1, 3))
    padding = (
        b.integer(0, kernel[0] - 1),
        b.integer(0, kernel[1] - 1),
        b.integer(0, kernel[0] - 1),
        b.integer(0, kernel[1] - 1),
    )
    return b.pool(source, b.choice(("max", "average")), kernel, stride, padding)


def random_input(b: Builder, largest: int = 18) -> str:
    return b.source(
        b.integer(1, largest), b.integer(1, largest), b.integer(1, b.choice((3, b.channels // 2, b.channels)))
    )


def random_layer(seed: int, channels: int = 40) -> Graph:
    """A convolution, alone or followed by what may be fused with it; or a layer of another kind."""
    b = Builder(seed, channels)
    source = random_input(b)
    match b.integer(0, 9):
        case 0:
            return b.graph(b.fully_connected(source, b.integer(1, b.channels)))
        case 1:
            return b.graph(random_pool(b, source))
        case 2:
            other = b.source(*b.tensors[source].shape[1:])
            return b.graph(b.add(source, other) if b.integer(0, 3) else b.add(source, source))
        case 3 | 4:
            made = random_convolution(b, source)
            other = b.source(*b.tensors[made].shape[1:])
            return b.graph(b.add(made, other) if b.integer(0, 1) else b.add(other, made))
        case 5 | 6:
            return b.graph(random_pool(b, random_convolution(b, source)))
    return b.graph(random_convolution(b, source))


def random_network(seed: int, channels: int = 40) -> Graph:
    """A few layers with a branch, a residual add, pools and a classifier; several outputs at times."""
    b = Builder(seed, channels)
    tensor = random_input(b, largest=12)
    for _ in range(b.integer(1, 4)):
        tensor = _random_stage(b, tensor)
    outputs = [tensor] if b.integer(0, 2) == 0 else []
    flat = b.flatten(tensor) if b.integer(0, 1) else tensor
    outputs.append(b.fully_connected(flat, b.integer(1, 20)))
    return b.graph(*outputs)


def _random_stage(b: Builder, tensor: str) -> str:
    channels = b.integer(1, b.channels // 2 + 1)
    match b.integer(0, 3):
        case 0:
            return random_convolution(b, tensor, channels)
        case 1:
            return random_pool(b, random_convolution(b, tensor, channels))
        case 2:
            one = b.convolution(tensor, channels, (3, 3), (1, 1), (1, 1, 1, 1))
            two = b.convolution(tensor, channels, (1, 1), (1, 1), (0, 0, 0, 0))
            return b.add(one, two)
    return random_pool(b, tensor)


def random_moves(seed: int, channels: int = 40) -> Graph:
    """Maps that are joined, sliced and padded, one after the other and one within the other."""
    b = Builder(seed, channels)
    tensor = random_input(b, largest=9)
    for _ in range(b.integer(1, 4)):
        tensor = _random_move(b, tensor)
    outputs = {tensor, *(b.nodes[b.integer(0, len(b.nodes) - 1)].output for _ in range(b.integer(0, 1)))}
    if b.integer(0, 1):
        outputs.add(b.fully_connected(b.flatten(tensor) if b.integer(0, 1) else tensor, b.integer(1, 20)))
    return b.graph(*sorted(outputs))


def _random_move(b: Builder, tensor: str) -> str:
    _, height, width, _ = b.tensors[tensor].shape
    match b.integer(0, 3):
        case 0:
            begin = (b.integer(0, height - 1), b.integer(0, width - 1))
            end = (b.integer(begin[0] + 1, height), b.integer(begin[1] + 1, width))
            return b.slice(tensor, begin, end, (b.integer(1, 3), b.integer(1, 3)))
        case 1:
            return b.pad(tensor, b.integer(0, 5), b.integer(0, 5))
    return _random_concat(b, tensor)


def _random_concat(b: Builder, tensor: str) -> str:
    """Branches of every kind that ends in a map of one size and quantisation; some are read elsewhere too."""
    _, height, width, _ = b.tensors[tensor].shape
    b.alike = b.tensors[tensor].quantisation
    branches = [_random_branch(b, tensor) for _ in range(b.integer(1, 3))]
    if b.integer(0, 2) == 0:
        branches.append(b.choice((tensor, branches[0])))
    if b.integer(0, 3) == 0:
        branches.append(b.source(height, width, b.integer(1, 5)))
    if len(branches) < 2:
        branches.append(_random_branch(b, tensor))
    if b.integer(0, 3) == 0:
        branches = [b.concat(*branches), _random_branch(b, tensor)]
    b.alike = None
    return b.concat(*branches)


def _random_branch(b: Builder, tensor: str) -> str:
    channels, none = b.integer(1, b.channels // 3 + 1), (0, 0, 0, 0)
    match b.integer(0, 4):
        case 0:
            return b.pool(tensor, b.choice(("max", "average")), (3, 3), (1, 1), (1, 1, 1, 1))
        case 1:
            made = b.convolution(tensor, channels, (1, 1), (1, 1), none)
            return b.pool(made, "max", (1, 1), (1, 1)) if b.integer(0, 1) else made
        case 2:
            made = b.convolution(tensor, channels, (1, 1), (1, 1), none)
            return b.add(made, b.convolution(tensor, channels, (1, 1), (1, 1), none))
        case 3:
            return b.pad(tensor, b.integer(0, 2), b.integer(0, 2))
    return b.convolution(tensor, channels, (3, 3), (1, 1), (1, 1, 1, 1))
