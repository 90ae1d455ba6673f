"""From a randomised layer to a graph with weights and data, all from one seed."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from compiler.passes.prune import BLOCK, filled_rows
from golden.ir import (
    Add,
    Array,
    Conv2D,
    FullyConnected,
    Graph,
    Node,
    Pool2D,
    Quantisation,
    Tensor,
)
from golden.ir import Operator as GraphOperator
from golden.shapes import output_shape
from rtl.systolic.isa import Sparsity
from tb.systolic.layer_item import Corner, Fusion, LayerShape, Operator, Precision

Integers = npt.NDArray[np.int8]
BITS = {
    Precision.INT8: (8, 8),
    Precision.INT4: (4, 4),
    Precision.MAP8_WEIGHTS4: (8, 4),
    Precision.MAP4_WEIGHTS8: (4, 8),
}


class GraphMaker:
    """Builds a graph layer by layer. `shape` is the layer in hand; map_bits, weight_bits: of its tensors."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        self.inputs: list[str] = []

    def layer(self, shape: LayerShape, source: str | None = None) -> str:
        """Add a layer that reads `source`, or an input of its own; the tensor that it makes."""
        self.shape = shape
        self.map_bits, self.weight_bits = BITS[shape.precision]
        read = source or self._input((1, shape.height, shape.width, shape.in_channels))
        match shape.operator:
            case Operator.CONVOLUTION:
                return self._fused(self._convolution(read))
            case Operator.FULLY_CONNECTED:
                return self._fully_connected(read)
            case Operator.ADD:
                return self._node(
                    "add", Add(self._activation()), (read, self._input(self.tensors[read].shape))
                )
            case Operator.MAX_POOL:
                return self._pool(read, "max")
            case Operator.AVERAGE_POOL:
                return self._pool(read, "average")

    def graph(self, *outputs: str) -> Graph:
        """The graph, with these tensors as its outputs."""
        return Graph("layers", tuple(self.inputs), outputs, self.tensors, tuple(self.nodes), self.constants)

    def _fused(self, result: str) -> str:
        match self.shape.fusion:
            case Fusion.ADD:
                other = self._input(self.tensors[result].shape)
                pair = (result, other) if self.random.integers(2) else (other, result)
                return self._node("add", Add(self._activation()), pair)
            case Fusion.POOL:
                kind = "max" if self.random.integers(2) else "average"
                return self._fusable_pool(result, kind)
        return result

    def _input(self, shape: tuple[int, ...]) -> str:
        name = f"input{len(self.inputs)}"
        self.tensors[name] = Tensor(name, shape, self._quantisation())
        self.inputs.append(name)
        return name

    def _convolution(self, source: str) -> str:
        shape = self.shape
        activation = self._activation() if shape.fusion is not Fusion.NONE else ""
        if shape.fusion is Fusion.ACTIVATION:
            activation = str(self.random.choice(["relu", "relu6"]))
        operator = Conv2D(shape.stride, shape.padding, activation)
        return self._weighted(operator, source, (shape.out_channels, *shape.kernel, shape.in_channels))

    def _fully_connected(self, source: str) -> str:
        features = math.prod(self.tensors[source].shape)
        activation = "relu" if self.shape.fusion is Fusion.ACTIVATION else ""
        return self._weighted(FullyConnected(activation), source, (self.shape.out_channels, features))

    def _weighted(self, operator: GraphOperator, source: str, shape: tuple[int, ...]) -> str:
        fan_in = math.prod(shape[1:])
        scales = self.random.uniform(0.5, 1.5, shape[0]) / math.sqrt(fan_in) / 2**self.weight_bits
        kind = Quantisation(tuple(scales.tolist()), 0, self.weight_bits, 0)
        weights = self._constant("weights", kind, self._weights(kind, shape))
        return self._node("layer", operator, (source, weights, self._bias(source, kind, shape[0])))

    def _constant(self, kind: str, type_of: Quantisation, values: Array) -> str:
        name = f"{kind}{len(self.nodes)}"
        self.tensors[name] = Tensor(name, values.shape, type_of)
        self.constants[name] = values
        return name

    def _weights(self, kind: Quantisation, shape: tuple[int, ...]) -> Integers:
        values = self.random.integers(kind.low, kind.high + 1, shape)
        if self.shape.corner in (Corner.LOWEST, Corner.HIGHEST) and self.random.integers(2):
            values[:] = np.where(self.random.integers(2, size=shape), kind.low, kind.high)
        return _in_mode(values, self.shape.sparsity, self.random).astype(np.int8)

    def _bias(self, source: str, weights: Quantisation, channels: int) -> str:
        scale = self._type(source).scale[0]
        kind = Quantisation(tuple(scale * factor for factor in weights.scale), 0, 32, 0)
        return self._constant("bias", kind, self.random.integers(-2000, 2000, channels).astype(np.int32))

    def _pool(self, source: str, kind: str) -> str:
        shape = self.shape
        kernel = (min(shape.kernel[0], shape.height), min(shape.kernel[1], shape.width))
        top, left, bottom, right = shape.padding
        down, across = kernel[0] - 1, kernel[1] - 1
        padding = (min(top, down), min(left, across), min(bottom, down), min(right, across))
        return self._window(source, kind, kernel, shape.stride, padding)

    def _fusable_pool(self, source: str, kind: str) -> str:
        """2x2 windows side by side that cover the map, so that the pool can run in the convolution's
        layer."""
        _, height, width, _ = self.tensors[source].shape
        side = (min(2, height), min(2, width))
        return self._window(source, kind, side, side, (0, 0, height % side[0], width % side[1]))

    def _window(
        self,
        source: str,
        kind: str,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int, int, int],
    ) -> str:
        _, height, width, _ = self.tensors[source].shape
        kernel = (min(kernel[0], height), min(kernel[1], width))
        return self._node("pool", Pool2D(kind, kernel, stride, padding), (source,), self._type(source))

    def _node(
        self, name: str, operator: GraphOperator, inputs: tuple[str, ...], like: Quantisation | None = None
    ) -> str:
        shape = output_shape(operator, [self.tensors[source].shape for source in inputs])
        assert shape is not None
        name = f"{name}{len(self.nodes)}"
        result = f"{name}_result"
        self.tensors[result] = Tensor(result, shape, like or self._quantisation())
        self.nodes.append(Node(name, operator, inputs, result))
        return result

    def _type(self, tensor: str) -> Quantisation:
        kind = self.tensors[tensor].quantisation
        assert kind is not None
        return kind

    def _activation(self) -> str:
        return str(self.random.choice(["", "relu", "relu6"]))

    def _quantisation(self) -> Quantisation:
        low = -(1 << (self.map_bits - 1))
        zero_point = int(self.random.integers(low, -low))
        return Quantisation((float(self.random.uniform(0.01, 0.1)),), zero_point, self.map_bits)


def _in_mode(values: Array, sparsity: Sparsity, random: np.random.Generator) -> Array:
    """Weights with as many non-zero ones in each block of four of a kernel row as the mode has, and in the first
    block not fewer, so that no sparser mode would do."""
    rows = values.reshape(
        len(values), -1, math.prod(values.shape[2:]) if values.ndim == 4 else values[0].size
    )
    blocks = filled_rows(rows).reshape(*rows.shape[:2], -1, BLOCK).copy()
    most = BLOCK >> sparsity
    blocks[0, 0, 0, :most] += blocks[0, 0, 0, :most] == 0
    order = random.random(blocks.shape).argsort(axis=-1)
    order[0, 0, 0] = np.arange(BLOCK)
    blocks[order >= most] = 0
    return blocks.reshape(*rows.shape[:2], -1)[:, :, : rows.shape[2]].reshape(values.shape)


def layer_graph(shape: LayerShape, seed: int) -> Graph:
    """The graph of a randomised layer."""
    maker = GraphMaker(seed)
    return maker.graph(maker.layer(shape))


def layer_data(graph: Graph, corner: Corner, seed: int, images: int = 1) -> dict[str, Integers]:
    """Inputs of a graph in a pattern that finds what random data does not."""
    random = np.random.default_rng(seed)
    return {name: _pattern(graph.tensor(name), corner, random, images) for name in graph.inputs}


def _pattern(tensor: Tensor, corner: Corner, random: np.random.Generator, images: int) -> Integers:
    kind = tensor.quantisation
    assert kind is not None
    shape = (images, *tensor.shape[1:])
    noise = random.integers(kind.low, kind.high + 1, shape)
    match corner:
        case Corner.LOWEST:
            noise[:] = kind.low
        case Corner.HIGHEST:
            noise[:] = kind.high
        case Corner.ZERO_POINT:
            noise[:] = kind.zero_point
        case Corner.CHECKERBOARD:
            noise = np.where(np.indices(shape).sum(axis=0) % 2, kind.low, kind.high)
        case Corner.SPARSE:
            noise[random.random(shape) < 0.8] = kind.zero_point
    return noise.astype(np.int8)
