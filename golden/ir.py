"""The graph that every stage of assay speaks: tensors, nodes and their attributes.

All feature maps are NHWC. A convolution's weights are (out_channels, kernel_h, kernel_w, in_channels);
a fully connected layer's are (out_features, in_features). `golden.run` executes a graph node by node and is
the definition of what each operator means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class GraphError(ValueError):
    """A graph that breaks a rule of the IR; the message names node or tensor, and the rule."""


@dataclass(frozen=True)
class Quantisation:
    """real = scale * (q - zero_point). One scale, or one for each index of `axis` (then zero_point is 0).

    One bit is -1 or +1, with zero point 0: 0 is no value of it."""

    scale: tuple[float, ...]
    zero_point: int = 0
    bits: int = 8
    axis: int | None = None

    def __post_init__(self) -> None:
        if self.bits not in (1, 4, 6, 8, 32):
            raise GraphError(f"quantisation: bits is {self.bits}, must be 1, 4, 6, 8 or 32")
        if any(not np.isfinite(s) or s <= 0 for s in self.scale):
            raise GraphError("quantisation: every scale must be finite and above zero")
        if self.bits == 1 and self.zero_point != 0:
            raise GraphError("quantisation: one bit has zero point 0")
        if not self.low <= self.zero_point <= self.high:
            raise GraphError(f"quantisation: zero point {self.zero_point} is outside int{self.bits}")

    @property
    def low(self) -> int:
        return -1 if self.bits == 1 else -(1 << (self.bits - 1))

    @property
    def high(self) -> int:
        return 1 if self.bits == 1 else (1 << (self.bits - 1)) - 1


@dataclass(frozen=True)
class Tensor:
    """A value on an edge of the graph. Integer tensors (quantisation given) are held in int8 (1 to 8 bits) or
    int32 arrays, float ones in float32."""

    name: str
    shape: tuple[int, ...]
    quantisation: Quantisation | None = None


@dataclass(frozen=True)
class Conv2D:
    """inputs: map, weights, bias (bias may be absent: ''). padding: (top, left, bottom, right) of real
    zeros. activation: '', 'relu' or 'relu6'; applied to the output before it is stored.

    Weights of one bit make a binary product: no bias, other inputs, see `golden.binary`. padding_value: what
    padding adds instead of zeros, 1 or -1; to float maps and to maps of one bit alone."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    activation: str = ""
    padding_value: int = 0


@dataclass(frozen=True)
class FullyConnected:
    """inputs: map (flattened in NHWC order to (n, features)), weights, bias or ''. output: (n, out).

    Weights of one bit make a binary product, see `golden.binary`."""

    activation: str = ""


@dataclass(frozen=True)
class Add:
    """Elementwise sum of two maps of one shape."""

    activation: str = ""


@dataclass(frozen=True)
class Pool2D:
    """kind 'max' or 'average'; average divides by the number of positions inside the map.

    inputs: map and, for the maximum of a map of one bit, perhaps `minimum`, int8 (channels,): 1 in the channels
    of which the least value is taken instead (as when a falling threshold came before the pool, not behind)."""

    kind: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True)
class Reshape:
    """Same values in the same (NHWC) order under another shape; no data moves."""


@dataclass(frozen=True)
class Concat:
    """Channels of two or more maps of one height and width, in the order of the inputs."""


@dataclass(frozen=True)
class Slice:
    """Positions begin, begin + stride, ... before end, along (height, width); all channels."""

    begin: tuple[int, int]
    end: tuple[int, int]
    stride: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Pad:
    """So many channels of real zeros in front of a map's channels, and behind them."""

    before: int
    after: int


@dataclass(frozen=True)
class BatchNorm:
    """Float graphs only. inputs: map, gamma, beta, mean, variance."""

    epsilon: float = 1e-5


@dataclass(frozen=True)
class Relu:
    """Float graphs only (folded into its producer by the compiler). limit: None, or 6.0 for ReLU6."""

    limit: float | None = None


@dataclass(frozen=True)
class Sign:
    """Float graphs only: scale where x >= 0, -scale elsewhere (BipolarQuant of QONNX)."""

    scale: float = 1.0


Operator = Conv2D | FullyConnected | Add | Pool2D | Reshape | Concat | Slice | Pad | BatchNorm | Relu | Sign
ONE_QUANTISATION = Pool2D | Reshape | Concat | Slice | Pad
"""Operators that do not rescale: their inputs and their output are quantised alike."""


@dataclass(frozen=True)
class Node:
    """One operator: reads `inputs` (tensor names), makes the tensor `output`."""

    name: str
    operator: Operator
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which they can run. `constants` holds weights and biases by tensor name."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: dict[str, Tensor]
    nodes: tuple[Node, ...]
    constants: dict[str, Array] = field(default_factory=dict)

    def tensor(self, name: str) -> Tensor:
        try:
            return self.tensors[name]
        except KeyError:
            raise GraphError(f"{self.name}: no tensor named {name!r}") from None

    def consumers(self, tensor: str) -> Iterator[Node]:
        return (node for node in self.nodes if tensor in node.inputs)

    def producer(self, tensor: str) -> Node | None:
        return next((node for node in self.nodes if node.output == tensor), None)

    def with_nodes(self, nodes: tuple[Node, ...]) -> Graph:
        return replace(self, nodes=nodes)
