"""Cutting the reduction into pieces, the lanes of one weight tile each, so that the banks of the scratchpad can
serve every pixel.

Kernel rows are packed one behind the other: a piece may hold the end of one and the beginning of the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

from compiler.passes.prune import BLOCK
from compiler.systolic.operations import Operation
from compiler.systolic.sparsity import lanes_of, products_of
from rtl.systolic.config import BANK_BYTES, Config
from rtl.systolic.isa import Sparsity


@dataclass(frozen=True)
class Part:
    """Elements [start, start + elements) of a kernel row."""

    kernel_row: int
    start: int
    elements: int


@dataclass(frozen=True)
class Piece:
    """One weight tile's share of the reduction. parts: one, or two of consecutive kernel rows; split: lanes
    of the first one, those that fill up its last block included; lanes, products: of both."""

    parts: tuple[Part, ...]
    split: int
    lanes: int
    products: int

    @property
    def elements(self) -> int:
        """Nominal products of a pixel and output channel."""
        return sum(part.elements for part in self.parts)


def packings(operation: Operation, config: Config) -> list[list[Piece]]:
    """The ways to cut a product's reduction that are worth comparing, each in the order of the kernel."""
    cutter = _Cutter(operation, config)
    packed, by_row = list(cutter.pieces(packed=True)), list(cutter.pieces(packed=False))
    return [packed] if packed == by_row else [packed, by_row]


def kernel_row_lanes(operation: Operation) -> int:
    """Lanes from one kernel row to the next."""
    assert operation.product is not None
    return lanes_of(operation.product.weights[0, 0].size, operation.product.sparsity)


class _Cutter:
    def __init__(self, operation: Operation, config: Config) -> None:
        product, source = operation.product, operation.source
        assert product is not None
        self._sparsity = product.sparsity
        self._rows = product.weights.shape[1]
        self._elements = product.weights[0, 0].size
        self._row = kernel_row_lanes(operation)
        self._capacity = config.rows << product.sparsity
        self._window = config.window_bytes
        self._pitch = source.row_step
        top, left, _, _ = product.padding
        self._origin = -top * source.row_step - left * source.channels
        down = product.stride[0] * source.row_step if product.result.height > 1 else 0
        across = product.stride[1] * source.channels if product.result.width > 1 else 0
        self._steps = gcd(BANK_BYTES, down, across)

    def pieces(self, packed: bool) -> Iterator[Piece]:
        kernel_row, start = 0, 0
        while kernel_row < self._rows:
            split = self._first(kernel_row, start)
            beyond = start + split == self._row and kernel_row + 1 < self._rows
            second = self._second(kernel_row, start, split) if packed and beyond else 0
            yield self._piece(kernel_row, start, split, second)
            kernel_row, start = (kernel_row + 1, second) if second else (kernel_row, start + split)
            if start == self._row:
                kernel_row, start = kernel_row + 1, 0

    def _first(self, kernel_row: int, start: int) -> int:
        """Lanes from an element on that lie in one kernel row and in one window."""
        room = self._whole_blocks(self._window - self._largest_offset(kernel_row, start))
        return min(self._capacity, self._row - start, room)

    def _second(self, kernel_row: int, start: int, split: int) -> int:
        """Lanes at the beginning of the next kernel row that can be read with the `split` ones before them:
        the banks between them must differ, wherever in its bank lane 0 lies."""
        distance = (self._pitch - start) % self._window
        offsets = range(self._largest_offset(kernel_row, start) % self._steps, BANK_BYTES, self._steps)
        if any((at + distance) // BANK_BYTES <= (at + split - 1) // BANK_BYTES for at in offsets):
            return 0
        room = self._window - distance - offsets[-1]
        lanes = min(self._capacity - split, self._row, room)
        return max(0, self._whole_blocks(lanes))

    def _largest_offset(self, kernel_row: int, start: int) -> int:
        """Of lane 0 in its bank, over all pixels; maps begin at a bank."""
        place = self._origin + kernel_row * self._pitch + start
        return BANK_BYTES - self._steps + place % self._steps

    def _whole_blocks(self, lanes: int) -> int:
        return lanes if self._sparsity == Sparsity.DENSE else lanes // BLOCK * BLOCK

    def _piece(self, kernel_row: int, start: int, split: int, second: int) -> Piece:
        parts = [Part(kernel_row, start, min(split, self._elements - start))]
        if second:
            parts.append(Part(kernel_row + 1, 0, min(second, self._elements)))
        lanes = (split if second else 0) + parts[-1].elements
        products = sum(products_of(part.elements, self._sparsity) for part in parts)
        return Piece(tuple(parts), split if second else lanes, lanes, products)
