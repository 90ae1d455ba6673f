"""The MATMUL instructions of a tile of pixels: one for each piece of the reduction and weight nibble."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from compiler.systolic.constants import tile_bytes
from compiler.systolic.model import Tiling
from compiler.systolic.operations import Operation
from compiler.systolic.pieces import Piece, kernel_row_lanes
from compiler.systolic.steps import Resources, Span, Step, WeightTile
from compiler.systolic.tiling import Rectangle, seen
from rtl.systolic.config import Config
from rtl.systolic.isa import Opcode, Sparsity

ADDRESS_MASK = (1 << 24) - 1


@dataclass(frozen=True)
class Block:
    """What one bank of accumulators holds: pixels of some output channels. weights: offset of the first of its
    weight tiles."""

    pixels: Rectangle
    channels: range
    bank: int
    weights: int


class MatmulEmitter:
    """Keeps the scalars that MATMUL_SETUP gave last and the tile that the array holds, so that either is given
    anew only where it changes."""

    def __init__(self, config: Config, bases: Mapping[str, int]) -> None:
        self._config = config
        self._bases = bases
        self._resources = Resources(config)
        self._scalars: dict[str, int] = {}
        self._held: WeightTile | None = None

    def setup(self, layer: int, operation: Operation) -> Iterator[Step]:
        """MATMUL_SETUP, unless its scalars hold already."""
        scalars = _scalars(operation)
        if scalars != self._scalars:
            self._scalars = scalars
            yield Step(Opcode.MATMUL_SETUP, {"layer": layer} | scalars)

    def block(self, layer: int, operation: Operation, tiling: Tiling, block: Block) -> Iterator[Step]:
        """Every MATMUL of a block. The first one streams all its pixels, the others those that they see."""
        product = operation.product
        assert product is not None
        pixels, pieces = block.pixels, tiling.pieces
        areas = [pixels, *(seen(operation, piece, pixels) for piece in pieces[1:])]
        skipped = _skipped(pieces, areas, block)
        size = tile_bytes(product.sparsity, self._config)
        for number, (piece, area) in enumerate(zip(pieces, areas, strict=True)):
            if area.pixels:
                fields = self._fields(operation, piece, area, block) | {
                    "layer": layer,
                    "first": int(number == 0),
                    "count": 1,
                    "skipped": skipped[number],
                }
                reads = self._rows_read(operation, piece, area)
                step = Step(Opcode.MATMUL, fields, reads, (self._resources.bank(block.bank),))
                first = block.weights + number * product.nibbles * size
                tiles = range(first, first + product.nibbles * size, size)
                indexed = product.sparsity != Sparsity.DENSE
                yield from self._nibbles(step, [WeightTile(at, at + size, indexed) for at in tiles])

    def _nibbles(self, step: Step, tiles: Sequence[WeightTile]) -> Iterator[Step]:
        """The high nibbles, signed, and where weights have 8 bits the low ones, unsigned and not counted
        again."""
        high = {"shift": len(tiles) - 1, "weight_signed": 1}
        yield self._with_tile(replace(step, fields={**step.fields, **high}), tiles[0])
        if len(tiles) == 2:
            low = {"first": 0, "count": 0, "skipped": 0}
            yield self._with_tile(replace(step, fields={**step.fields, **low}), tiles[1])

    def _with_tile(self, step: Step, tile: WeightTile) -> Step:
        """With a weight tile taken from the FIFO, unless the array holds it."""
        held, self._held = self._held == tile, tile
        return replace(step, fields={**step.fields, "reuse": int(held)}, tile=None if held else tile)

    def _fields(self, operation: Operation, piece: Piece, area: Rectangle, block: Block) -> dict[str, int]:
        product, source = operation.product, operation.source
        assert product is not None
        (stride_y, stride_x), (top, left, _, _) = product.stride, product.padding
        first = piece.parts[0]
        y = area.top * stride_y - top + first.kernel_row
        x = (area.left * stride_x - left) * source.channels + first.start
        offset = (area.top - block.pixels.top) * block.pixels.width + area.left - block.pixels.left
        return {
            "map_address": (source.address(self._bases) + y * source.row_step + x) & ADDRESS_MASK,
            "x_start": x,
            "y_start": y,
            "rows": area.height,
            "columns": area.width,
            "k_lanes": piece.lanes,
            "split": piece.split,
            "products": piece.products,
            "c_lanes": len(block.channels),
            "accumulator": block.bank * self._config.bank_accumulators + offset,
            "accumulator_row_step": block.pixels.width,
        }

    def _rows_read(self, operation: Operation, piece: Piece, area: Rectangle) -> tuple[Span, ...]:
        product, source = operation.product, operation.source
        assert product is not None
        stride, top = product.stride[0], product.padding[0]
        first = area.top * stride - top + piece.parts[0].kernel_row
        last = (area.bottom - 1) * stride - top + piece.parts[-1].kernel_row
        start, end = max(0, first), min(source.height, last + 1)
        if start >= end:
            return ()
        base = source.address(self._bases)
        return (self._resources.bytes(base + start * source.row_step, base + end * source.row_step),)


def executed(step: Step) -> int:
    """What the MACS counter counts for a MATMUL."""
    f = step.fields
    return f["count"] * f["rows"] * f["columns"] * f["products"] * f["c_lanes"] if "products" in f else 0


def _scalars(operation: Operation) -> dict[str, int]:
    """MATMUL_SETUP's fields. Steps that nothing takes are 0, so that wide maps of one pixel fit."""
    product, source, result = operation.product, operation.source, operation.in_hand
    assert product is not None
    several_rows = product.weights.shape[1] > 1
    return {
        "row_elements": source.row,
        "row_pitch": source.row_step if several_rows else 0,
        "kernel_row": kernel_row_lanes(operation) if several_rows else 0,
        "x_step": product.stride[1] * source.channels if result.width > 1 else 0,
        "row_step": product.stride[0] * source.row_step if result.height > 1 else 0,
        "y_size": source.height,
        "y_step": product.stride[0] if result.height > 1 else 0,
        "wide": int(product.passes == 2),
        "zero_point": product.source_zero_point,
        "sparsity": int(product.sparsity),
    }


def _skipped(pieces: Sequence[Piece], areas: Sequence[Rectangle], block: Block) -> list[int]:
    """For each piece, the nominal products that are not executed; the first also carries those of the pieces
    that see nothing of the block, and so have no instruction."""
    left_out = [
        (block.pixels.pixels * piece.elements - area.pixels * piece.products) * len(block.channels)
        for piece, area in zip(pieces, areas, strict=True)
    ]
    unseen = sum(count for count, area in zip(left_out, areas, strict=True) if not area.pixels)
    return [left_out[0] + unseen, *left_out[1:]]
