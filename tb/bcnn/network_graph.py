"""The graph of a pipeline's configuration with contents of a kind: random ones, or extremes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from golden.ir import (
    Array,
    Conv2D,
    FullyConnected,
    Graph,
    Node,
    Operator,
    Pool2D,
    Quantisation,
    Reshape,
    Tensor,
)
from golden.shapes import output_shape
from rtl.bcnn.config import FACTOR_BITS, Config, Layer

SCALE = (1.0,)
MOST_SCORE = (1 << 31) - 1


class Weights(IntEnum):
    """Bits of weights."""

    RANDOM = 0
    ONES = 1
    ZEROS = 2


class Thresholds(IntEnum):
    """Where thresholds stand among the sums that can be."""

    RANDOM = 0
    ALWAYS = 1  # at or below every sum
    NEVER = 2  # above every sum
    BOTH = 3  # some filters the one, some the other
    TIES = 4  # at sums near zero, which are met exactly


class Scores(IntEnum):
    """What the last layer does with its sums."""

    PLAIN = 0
    SCALED = 1
    LARGEST = 2  # the largest factors, offsets up to the end of 32 bits


class Pixels(IntEnum):
    """Pattern of the images."""

    RANDOM = 0
    LOWEST = 1
    HIGHEST = 2
    ZERO = 3
    CHECKERBOARD = 4


@dataclass(frozen=True)
class Contents:
    """What fills a network. flips, minimum: of random filters, or of none. full: layers with a kernel as large as their
    map are fully connected ones, not convolutions."""

    weights: Weights = Weights.RANDOM
    thresholds: Thresholds = Thresholds.RANDOM
    scores: Scores = Scores.SCALED
    pixels: Pixels = Pixels.RANDOM
    flips: bool = True
    minimum: bool = True
    full: bool = True


def is_full(layer: Layer) -> bool:
    """A kernel as large as the map: the layer may be a fully connected one."""
    return layer.kernel == (layer.height, layer.width) and not any(layer.padding)


def network_graph(config: Config, seed: int, contents: Contents) -> Graph:
    """A graph whose layers are those of a configuration; its input is `image`."""
    return _Maker(config, seed, contents).graph()


def network_images(config: Config, count: int, seed: int, pixels: Pixels) -> Array:
    """(count, height, width, channels) int8 within the bits of the first layer's map."""
    first = config.layers[0]
    low, high = -(1 << first.input_bits - 1), (1 << first.input_bits - 1) - 1
    shape = (count, first.height, first.width, first.channels)
    if pixels is Pixels.RANDOM:
        return np.random.default_rng(seed).integers(low, high + 1, shape).astype(np.int8)
    if pixels is Pixels.CHECKERBOARD:
        return np.where(np.indices(shape).sum(axis=0) % 2, low, high).astype(np.int8)
    value = {Pixels.LOWEST: low, Pixels.HIGHEST: high, Pixels.ZERO: 0}[pixels]
    return np.full(shape, value, np.int8)


class _Maker:
    """Builds the graph node by node."""

    def __init__(self, config: Config, seed: int, contents: Contents) -> None:
        self.config, self.contents = config, contents
        self.random = np.random.default_rng(seed)
        first = config.layers[0]
        self.last = "image"
        shape = (1, first.height, first.width, first.channels)
        self.tensors = {self.last: Tensor(self.last, shape, Quantisation(SCALE, 0, first.input_bits))}
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}

    def graph(self) -> Graph:
        for number, layer in enumerate(self.config.layers):
            self._layer(f"layer{number}", layer)
        return Graph(
            "network", ("image",), (self.last,), self.tensors, tuple(self.nodes), self.constants
        )  # fmt: skip

    def _layer(self, name: str, layer: Layer) -> None:
        full = self.contents.full and is_full(layer)
        features = layer.height * layer.width * layer.channels
        self._reshape(name, (1, features) if full else (1, layer.height, layer.width, layer.channels))
        kernel = (layer.fan_in,) if full else (*layer.kernel, layer.channels)
        weights = self._constant(f"{name}.weights", self._weights((layer.filters, *kernel)), 1)
        product = Conv2D(layer.stride, layer.padding, padding_value=layer.padding_value)
        parameters = self._scores(name, layer) if layer.scores else self._thresholds(name, layer)
        operator = FullyConnected() if full else product
        self._node(name, operator, (self.last, weights, *parameters), 32 if layer.scores else 1)
        if layer.pooled:
            self._pool(name, layer)

    def _pool(self, name: str, layer: Layer) -> None:
        windows = Pool2D("max", layer.pool, layer.pool)
        inputs: tuple[str, ...] = (self.last,)
        if self.contents.minimum:
            inputs = (self.last, self._constant(f"{name}.minimum", self._flags(layer), 8))
        self._node(f"{name}.pool", windows, inputs, 1)

    def _weights(self, shape: tuple[int, ...]) -> Array:
        if self.contents.weights is Weights.RANDOM:
            return self.random.choice(np.array([-1, 1], np.int8), shape)
        return np.full(shape, 1 if self.contents.weights is Weights.ONES else -1, np.int8)

    def _flags(self, layer: Layer) -> Array:
        """Of each filter 0 or 1, where there are several some of each."""
        flags = self.random.integers(0, 2, layer.filters)
        flags[: min(2, layer.filters)] = (1, 0)[: min(2, layer.filters)]
        return flags.astype(np.int8)

    def _thresholds(self, name: str, layer: Layer) -> tuple[str, str]:
        always, never = -layer.largest_sum, layer.largest_sum + 1
        count, reach = layer.filters, max(1, int(layer.fan_in**0.5) << layer.input_bits - 1)
        kinds: dict[Thresholds, Array] = {
            Thresholds.RANDOM: self.random.integers(-reach, reach + 1, count),
            Thresholds.ALWAYS: np.full(count, always),
            Thresholds.NEVER: np.full(count, never),
            Thresholds.BOTH: self.random.choice([always, never], count),
            Thresholds.TIES: layer.fan_in % 2 + 2 * self.random.integers(-1, 2, count),
        }
        flips = self._flags(layer) if self.contents.flips else np.zeros(count, np.int8)
        values = kinds[self.contents.thresholds].astype(np.int32)
        return self._constant(f"{name}.thresholds", values, 32), self._constant(f"{name}.flips", flips, 8)

    def _scores(self, name: str, layer: Layer) -> tuple[str, ...]:
        if self.contents.scores is Scores.PLAIN:
            return ()
        most, count = 1 << FACTOR_BITS - 1, layer.filters
        factors = self.random.integers(-most, most, count)
        offsets = self.random.integers(-(1 << 20), 1 << 20, count)
        if self.contents.scores is Scores.LARGEST:
            factors = self.random.choice([-most, most - 1], count)
            offsets = self.random.choice([-1, 1], count) * (MOST_SCORE - layer.largest_sum * most)
        return tuple(
            self._constant(f"{name}.{kind}", values.astype(np.int32), 32)
            for kind, values in (("factors", factors), ("offsets", offsets))
        )

    def _constant(self, name: str, values: Array, bits: int) -> str:
        self.tensors[name] = Tensor(name, values.shape, Quantisation(SCALE, 0, bits))
        self.constants[name] = values
        return name

    def _reshape(self, name: str, shape: tuple[int, ...]) -> None:
        """The map as the layer takes it, if it is not so already."""
        here = self.tensors[self.last]
        if here.shape != shape:
            assert here.quantisation is not None
            self._add(f"{name}.reshape", Reshape(), (self.last,), here.quantisation.bits, shape)

    def _node(self, name: str, operator: Operator, inputs: tuple[str, ...], bits: int) -> None:
        shape = output_shape(operator, [self.tensors[tensor].shape for tensor in inputs])
        assert shape is not None
        self._add(name, operator, inputs, bits, shape)

    def _add(
        self, name: str, operator: Operator, inputs: tuple[str, ...], bits: int, shape: tuple[int, ...]
    ) -> None:
        self.last = f"{name}.made"
        self.tensors[self.last] = Tensor(self.last, shape, Quantisation(SCALE, 0, bits))
        self.nodes.append(Node(name, operator, inputs, self.last))
