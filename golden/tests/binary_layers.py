"""One layer of a binary network, in float with batch norm and sign, and as integers with thresholds.

Every parameter is a small dyadic number and every deviation a power of two, so that floats are exact and many
accumulators lie on a threshold. The thresholds are found here by trying every accumulator in fractions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from golden.ir import (
    Array,
    BatchNorm,
    Conv2D,
    FullyConnected,
    Graph,
    Node,
    Operator,
    Pool2D,
    Quantisation,
    Sign,
    Tensor,
)
from golden.shapes import output_shape

EPSILON = 2.0**-10
GAMMAS = (-2.0, -1.0, -0.5, 0.0, 0.0, 0.5, 1.0, 2.0)
PLAIN = Quantisation((1.0,), 0, 32)
FLAGS = Quantisation((1.0,), 0, 8)
POOL = Pool2D("max", (2, 2), (2, 2))


@dataclass(frozen=True)
class Layer:
    """pool: 'before' the batch norm, 'after' the sign, or ''. bits: of the map that it reads."""

    pool: str = ""
    padding: tuple[int, int, int, int] = (1, 1, 1, 1)
    padding_value: int = 0
    stride: tuple[int, int] = (1, 1)
    bits: int = 1
    full: bool = False
    channels: int = 5
    filters: int = 16

    @property
    def map(self) -> tuple[int, ...]:
        return (1, 6, 7, self.channels)

    @property
    def product(self) -> Conv2D | FullyConnected:
        if self.full:
            return FullyConnected()
        return Conv2D(self.stride, self.padding, padding_value=self.padding_value)


@dataclass(frozen=True)
class Parameters:
    """weights of -1 and +1; of each filter what batch norm has."""

    weights: Array
    gamma: Array
    beta: Array
    mean: Array
    variance: Array

    def real(self, accumulator: int, channel: int) -> Fraction:
        """What batch norm makes of an accumulator, exactly."""
        deviation = math.sqrt(float(self.variance[channel]) + EPSILON)
        distance = accumulator - Fraction(float(self.mean[channel]))
        scaled = Fraction(float(self.gamma[channel])) * distance / Fraction(deviation)
        return scaled + Fraction(float(self.beta[channel]))


LAYERS = {
    "zeros around": Layer(),
    "ones around": Layer(padding_value=1),
    "minus ones around": Layer(padding_value=-1),
    "no padding": Layer(padding=(0, 0, 0, 0)),
    "uneven, stride": Layer(padding=(0, 1, 2, 0), stride=(2, 1)),
    "pool before": Layer("before"),
    "pool after": Layer("after"),
    "pool before, ones around": Layer("before", padding_value=1),
    "pool before, no padding": Layer("before", padding=(0, 0, 0, 0)),
    "six bits": Layer("before", bits=6, channels=2),
    "eight bits": Layer("after", bits=8, channels=1),
    "fully connected": Layer(full=True),
}


def parameters(layer: Layer, seed: int = 0) -> Parameters:
    """Both signs of gamma and gamma 0; beta and mean such that the batch norm of some accumulators is 0."""
    random, filters = np.random.default_rng(seed), layer.filters
    _, height, width, channels = layer.map
    shape = (filters, height * width * channels) if layer.full else (filters, 3, 2, channels)
    return Parameters(
        random.choice(np.array([-1, 1], np.int8), shape),
        np.resize(np.array(GAMMAS, np.float32), filters),
        random.integers(-4, 5, filters).astype(np.float32) / 2,
        random.integers(-5, 6, filters).astype(np.float32),
        (random.choice([0.25, 1.0, 4.0], filters) - EPSILON).astype(np.float32),
    )


def images(layer: Layer, count: int = 8, seed: int = 0) -> Array:
    random = np.random.default_rng((7, seed))
    if layer.bits == 1:
        return random.choice(np.array([-1, 1], np.int8), (count, *layer.map[1:]))
    reach = 1 << (layer.bits - 1)
    return random.integers(-reach, reach, (count, *layer.map[1:]), dtype=np.int8)


def thresholds(layer: Layer, given: Parameters) -> tuple[Array, Array]:
    """Threshold and flip of each filter, by trying every accumulator that there can be."""
    largest = given.weights[0].size << (layer.bits - 1)
    found = []
    for channel, gamma in enumerate(given.gamma):
        flip = int(gamma < 0)
        ones = [given.real(value, channel) >= 0 for value in range(-largest, largest + 1)]
        first = next((index for index, one in enumerate(ones) if one != flip), len(ones))
        found.append((first - largest, flip))
    least, flips = np.array(found).T
    return least.astype(np.int32), flips.astype(np.int8)


class _Chain:
    """Grows node by node, each reading what the one before made."""

    def __init__(self, layer: Layer, quantisation: Quantisation | None) -> None:
        self.tensors = {"image": Tensor("image", layer.map, quantisation)}
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        self.last = "image"

    def node(
        self,
        name: str,
        operator: Operator,
        made: Quantisation | None,
        constants: tuple[tuple[Array, Quantisation | None], ...] = (),
    ) -> None:
        names = []
        for index, (values, quantisation) in enumerate(constants):
            names.append(f"{name}.{index}")
            self.tensors[names[-1]] = Tensor(names[-1], values.shape, quantisation)
            self.constants[names[-1]] = values
        inputs = (self.last, *names)
        shape = output_shape(operator, [self.tensors[each].shape for each in inputs])
        assert shape is not None
        self.tensors[name] = Tensor(name, shape, made)
        self.nodes.append(Node(name, operator, inputs, name))
        self.last = name

    def graph(self) -> Graph:
        nodes = tuple(self.nodes)
        return Graph("layer", ("image",), (self.last,), self.tensors, nodes, self.constants)


def float_graph(layer: Layer, given: Parameters) -> Graph:
    """As it was trained."""
    made = _Chain(layer, None)
    made.node("product", layer.product, None, ((given.weights.astype(np.float32), None),))
    if layer.pool == "before":
        made.node("pool", POOL, None)
    norm = (given.gamma, given.beta, given.mean, given.variance)
    made.node("norm", BatchNorm(EPSILON), None, tuple((values, None) for values in norm))
    made.node("sign", Sign(), None)
    if layer.pool == "after":
        made.node("pool", POOL, None)
    return made.graph()


def binary_graph(layer: Layer, given: Parameters) -> Graph:
    """As it runs: thresholds, and the pool behind them."""
    bit = Quantisation((1.0,), 0, 1)
    made = _Chain(layer, Quantisation((1.0,), 0, layer.bits))
    least, flips = thresholds(layer, given)
    made.node("product", layer.product, bit, ((given.weights, bit), (least, PLAIN), (flips, FLAGS)))
    if layer.pool == "before":
        made.node("pool", POOL, bit, (((given.gamma < 0).astype(np.int8), FLAGS),))
    if layer.pool == "after":
        made.node("pool", POOL, bit)
    return made.graph()
