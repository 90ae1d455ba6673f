"""What the array is asked to do: a list of operations, each a group of graph nodes that runs as one layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from compiler.systolic.sparsity import sparsity_of
from golden.arithmetic import AddParameters, Requantisation
from rtl.systolic.isa import Sparsity


@dataclass(frozen=True)
class View:
    """A map's place in a wider one of the same height and width: its channels begin at `first` of `channels`."""

    tensor: str
    channels: int
    first: int


@dataclass(frozen=True)
class Map:
    """A feature map in the scratchpad: height x width x channels bytes, channels innermost.

    views: the maps that it is a part of, from the narrowest to the widest, which is the one that stands in the
    scratchpad; none where it stands there itself. row_gap: unused bytes behind each row."""

    tensor: str
    height: int
    width: int
    channels: int
    views: tuple[View, ...] = ()
    row_gap: int = 0

    @property
    def holder(self) -> str:
        """The tensor under which its bytes are allocated."""
        return self.views[-1].tensor if self.views else self.tensor

    @property
    def pixel_step(self) -> int:
        """Bytes from one pixel to the next."""
        return self.views[-1].channels if self.views else self.channels

    @property
    def row_step(self) -> int:
        """Bytes from one row to the next."""
        return self.width * self.pixel_step + self.row_gap

    @property
    def holder_size(self) -> int:
        """Bytes of the whole that it stands in."""
        return self.height * self.row_step

    def address(self, bases: Mapping[str, int]) -> int:
        """Scratchpad byte of its first element, from the base addresses of what is allocated."""
        return bases[self.holder] + (self.views[-1].first if self.views else 0)

    @property
    def size(self) -> int:
        """Bytes, one an element."""
        return self.height * self.width * self.channels

    @property
    def row(self) -> int:
        """Elements of one row."""
        return self.width * self.channels


@dataclass(frozen=True)
class Product:
    """Convolution; a fully connected layer is a 1x1 one on a single pixel. weights: (out, kernel_h, kernel_w,
    in) int8; bias: (out,) int32. `result` is the map before any fused add or pool."""

    weights: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    weight_bits: int
    source_bits: int
    source_zero_point: int
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    requantisation: Requantisation
    result: Map

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those with padding included."""
        return self.result.height * self.result.width * self.weights.size

    @cached_property
    def sparsity(self) -> Sparsity:
        """The sparsest mode that the weights allow."""
        return sparsity_of(self.weights)

    @property
    def nibbles(self) -> int:
        """Weight tiles for one piece of the reduction: one for 4 bits, high and low for 8."""
        return self.weight_bits // 4

    @property
    def passes(self) -> int:
        """Times that the pixels stream for one weight tile."""
        return self.source_bits // 4


@dataclass(frozen=True)
class Residual:
    """Add to the value in hand. In `parameters`, index 1 is the value in hand and index 2 the operand."""

    operand: Map
    parameters: AddParameters


@dataclass(frozen=True)
class Window:
    """Pooling window over the values in hand. kind: 'max' or 'average'."""

    kind: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]


@dataclass(frozen=True)
class Move:
    """The source's pixels from `begin` on, every `stride`-th, into the result; with `fill`, that value
    instead, whatever the source holds."""

    source: Map
    result: Map
    begin: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (1, 1)
    fill: int | None = None


@dataclass(frozen=True)
class Operation:
    """One layer: `product` of the source, or the source itself, then `residual` or `window` if any; or `moves`,
    which make the result part by part.

    nodes: the graph nodes it computes, in order."""

    name: str
    nodes: tuple[str, ...]
    source: Map
    result: Map
    product: Product | None = None
    residual: Residual | None = None
    window: Window | None = None
    moves: tuple[Move, ...] = ()

    @property
    def in_hand(self) -> Map:
        """The map whose values come to the post-processor before add and pool."""
        return self.product.result if self.product else self.source

    @property
    def writes(self) -> tuple[Map, ...]:
        return tuple(move.result for move in self.moves) or (self.result,)

    @property
    def reads(self) -> tuple[Map, ...]:
        if self.moves:
            return tuple(move.source for move in self.moves)
        return (self.source, self.residual.operand) if self.residual else (self.source,)


@dataclass(frozen=True)
class Plan:
    """A graph, lowered. aliases: every map tensor's name to the tensor that holds its bytes."""

    name: str
    operations: tuple[Operation, ...]
    inputs: tuple[Map, ...]
    outputs: tuple[Map, ...]
    aliases: dict[str, str]

    def follows(self, index: int) -> bool:
        """Whether operation `index` is a pool of what the product before it makes: it then runs along with
        that, rows behind it, while the array goes on."""
        if index == 0:
            return False
        before, operation = self.operations[index - 1], self.operations[index]
        pools = operation.window is not None and operation.product is None
        return pools and before.product is not None and operation.source.holder == before.result.holder
