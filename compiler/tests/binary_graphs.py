"""Random pipelines, and graphs that are exactly the layers of a pipeline, with random contents."""

from __future__ import annotations

import numpy as np

from golden.ir import Array, Conv2D, FullyConnected, Graph, Node, Pool2D, Quantisation, Reshape, Tensor
from golden.shapes import output_shape
from rtl.bcnn.config import CHUNK, Config, Layer

PLAIN = (1.0,)


class BinaryGraph:
    """Builds the graph of a configuration node by node."""

    def __init__(self, config: Config, seed: int, full: bool = True) -> None:
        """full: layers with kernels as large as their maps are fully connected ones, not convolutions."""
        self.random = np.random.default_rng(seed)
        self.full = full
        first = config.layers[0]
        self.shape: tuple[int, ...] = (1, first.height, first.width, first.channels)
        self.tensors = {"image": Tensor("image", self.shape, Quantisation(PLAIN, 0, first.input_bits))}
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        self.last = "image"
        for layer in config.layers:
            self._layer(layer)
        self.graph = Graph(
            "random_binary", ("image",), (self.last,), self.tensors, tuple(self.nodes), self.constants
        )

    def _layer(self, layer: Layer) -> None:
        whole = layer.kernel == (layer.height, layer.width) and not any(layer.padding) and self.full
        count = layer.filters
        if whole and len(self.shape) == 4 and self.shape[1:3] != (1, 1):
            self._node(
                "reshape",
                Reshape(),
                (self.last,),
                self._bits(),
                (1, layer.height * layer.width * layer.channels),
            )
        kernels = (count, layer.fan_in) if whole else (count, *layer.kernel, layer.channels)
        weights = self._constant("weights", self.random.choice(np.array([-1, 1], np.int8), kernels), 1)
        if not whole and len(self.shape) == 2:
            shape = (1, layer.height, layer.width, layer.channels)
            self._node("reshape", Reshape(), (self.last,), self._bits(), shape)
        operator = (
            FullyConnected()
            if whole
            else Conv2D(layer.stride, layer.padding, padding_value=layer.padding_value)
        )
        self._node(
            layer.name, operator, (self.last, weights, *self._parameters(layer)), 32 if layer.scores else 1
        )
        if layer.pooled:
            minimum = self._constant("minimum", self.random.integers(0, 2, count).astype(np.int8), 8)
            inputs = (self.last, minimum) if self.random.integers(2) else (self.last,)
            self._node("pool", Pool2D("max", layer.pool, layer.pool), inputs, 1)

    def _parameters(self, layer: Layer) -> tuple[str, ...]:
        if not layer.scores:
            reach = max(1, int(layer.fan_in**0.5)) << (layer.input_bits - 1)
            thresholds = self.random.integers(-reach, reach, layer.filters)
            never = self.random.integers(0, 8, layer.filters)
            thresholds[never == 0] = layer.largest_sum + 1
            thresholds[never == 1] = -layer.largest_sum
            flips = self.random.integers(0, 2, layer.filters).astype(np.int8)
            return (
                self._constant("thresholds", thresholds.astype(np.int32), 32),
                self._constant("flips", flips, 8),
            )
        if self.random.integers(3) == 0:
            return ()
        factors = self.random.integers(-(1 << 15), 1 << 15, layer.filters).astype(np.int32)
        offsets = self.random.integers(-(1 << 20), 1 << 20, layer.filters).astype(np.int32)
        return self._constant("factors", factors, 32), self._constant("offsets", offsets, 32)

    def _bits(self) -> int:
        quantisation = self.tensors[self.last].quantisation
        assert quantisation is not None
        return quantisation.bits

    def _constant(self, kind: str, values: Array, bits: int) -> str:
        name = f"{kind}{len(self.constants)}"
        self.tensors[name] = Tensor(name, values.shape, Quantisation(PLAIN, 0, bits))
        self.constants[name] = values
        return name

    def _node(
        self,
        name: str,
        operator: Conv2D | FullyConnected | Pool2D | Reshape,
        inputs: tuple[str, ...],
        bits: int,
        shape: tuple[int, ...] = (),
    ) -> None:
        made = shape or output_shape(operator, [self.tensors[tensor].shape for tensor in inputs])
        assert made is not None
        number = len(self.nodes)
        output = f"{name}{number}"
        self.tensors[output] = Tensor(output, made, Quantisation(PLAIN, 0, bits))
        self.nodes.append(Node(f"{name}.{number}", operator, inputs, output))
        self.last, self.shape = output, made


def binary_graph(config: Config, seed: int, full: bool = True) -> Graph:
    """The graph of a configuration."""
    return BinaryGraph(config, seed, full).graph


def random_images(config: Config, count: int, seed: int) -> Array:
    """(count, height, width, channels) int8 of the first layer's bits."""
    first = config.layers[0]
    end = 1 << (first.input_bits - 1)
    shape = (count, first.height, first.width, first.channels)
    return np.random.default_rng(seed).integers(-end, end, shape).astype(np.int8)


def random_config(seed: int) -> Config:
    """A pipeline of two to five small layers of any kind."""
    random = np.random.default_rng(seed)
    size = int(random.integers(3, 9)), int(random.integers(3, 9)), int(random.integers(1, 5))
    layers = [_random_layer("first", size, random, int(random.choice([6, 8])))]
    for number in range(int(random.integers(0, 4))):
        layers.append(_random_layer(f"middle{number}", _made(layers[-1]), random, 1))
    height, width, channels = _made(layers[-1])
    uf = _uf(width, channels, random)
    layers.append(
        Layer(
            "last",
            height,
            width,
            channels,
            int(random.integers(1, 12)),
            (height, width),
            uf,
            1,
            scores=True,
        )
    )
    return Config(f"random{seed}", int(random.choice([8, 16, 32, 64])), tuple(layers))


def _made(layer: Layer) -> tuple[int, int, int]:
    return layer.map_height, layer.map_width, layer.filters


def _random_layer(name: str, size: tuple[int, int, int], random: np.random.Generator, bits: int) -> Layer:
    height, width, channels = size
    kernel = int(random.integers(1, min(3, height) + 1)), int(random.integers(1, min(3, width) + 1))
    sides = (kernel[0], kernel[1], kernel[0], kernel[1])
    top, left, bottom, right = (int(random.integers(0, side)) for side in sides)
    padding = top, left, bottom, right
    stride = int(random.integers(1, 3)), int(random.integers(1, 3))
    rows = (height + padding[0] + padding[2] - kernel[0]) // stride[0] + 1
    columns = (width + padding[1] + padding[3] - kernel[1]) // stride[1] + 1
    pool = int(random.integers(1, min(2, rows) + 1)), int(random.integers(1, min(2, columns) + 1))
    value = int(random.choice([-1, 0, 1])) if bits == 1 else 0
    filters = int(random.choice([int(random.integers(1, 12)), int(random.integers(20, 140)), 96]))
    row = kernel[1] * channels
    uf = _uf(kernel[1], channels, random) if bits == 1 else row * int(random.choice([1, kernel[0]]))
    filters = max(filters, pool[0])  # rows that are pooled take two steps at least
    if value == 1 and channels % CHUNK:
        uf = row  # such rows are not cut into slices
    allowed = [p for p in range(1, columns + 1) if columns % p == 0 and (p == columns or p % pool[1] == 0)]
    return Layer(
        name,
        *size,
        filters,
        kernel,
        uf,
        int(random.choice(allowed)),
        stride,
        padding,
        value,
        pool,
        bits,
    )


def _uf(kernel_width: int, channels: int, random: np.random.Generator) -> int:
    """A whole kernel row, or chunks that divide its planes."""
    planes = -(-channels // CHUNK)
    parts = [kernel_width * channels]
    parts += [kernel_width * CHUNK * cut for cut in range(1, planes) if planes % cut == 0]
    return int(random.choice(parts))
