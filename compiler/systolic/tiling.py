"""Cutting a product into tiles: rectangles of pixels for a bank of accumulators, and which of them a piece of the
reduction sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.systolic.operations import Operation
from compiler.systolic.pieces import Part, Piece
from compiler.systolic.windows import reach
from rtl.systolic.config import Config


@dataclass(frozen=True)
class Rectangle:
    """Rows [top, bottom) and columns [left, right)."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def pixels(self) -> int:
        return max(0, self.height) * max(0, self.width)


@dataclass(frozen=True)
class PixelTile:
    """`pixels` of the product are accumulated together, and become `results` (smaller where a pool
    follows)."""

    pixels: Rectangle
    results: Rectangle


def split(size: int, parts: int) -> list[tuple[int, int]]:
    """[start, end) of `parts` nearly equal parts of range(size)."""
    return [(size * part // parts, size * (part + 1) // parts) for part in range(parts)]


def seen(operation: Operation, piece: Piece, tile: Rectangle) -> Rectangle:
    """The least rectangle of a tile's pixels that holds all for which at least one element of the piece lies
    inside the source map."""
    found = [_seen(operation, part, tile) for part in piece.parts]
    areas = [area for area in found if area.pixels]
    if not areas:
        return found[0]
    return Rectangle(
        min(area.top for area in areas),
        max(area.bottom for area in areas),
        min(area.left for area in areas),
        max(area.right for area in areas),
    )


def _seen(operation: Operation, part: Part, tile: Rectangle) -> Rectangle:
    assert operation.product is not None
    (stride_y, stride_x), (top, left, _, _) = operation.product.stride, operation.product.padding
    source = operation.source
    step = stride_x * source.channels
    row_start = part.kernel_row - top
    column_start = part.start - left * source.channels
    return Rectangle(
        max(tile.top, _ceil_divide(-row_start, stride_y)),
        min(tile.bottom, _ceil_divide(source.height - row_start, stride_y)),
        max(tile.left, (-column_start - part.elements) // step + 1),
        min(tile.right, _ceil_divide(source.row - column_start, step)),
    )


def _ceil_divide(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def pixel_tiles(operation: Operation, rows: int, columns: int) -> list[PixelTile]:
    """The results in rows x columns nearly equal rectangles, with the pixels of the product that each is made
    of."""
    result = operation.result
    return [
        _pixel_tile(operation, Rectangle(top, bottom, left, right))
        for top, bottom in split(result.height, rows)
        for left, right in split(result.width, columns)
    ]


def _pixel_tile(operation: Operation, results: Rectangle) -> PixelTile:
    window, pixels = operation.window, operation.in_hand
    if window is None:
        return PixelTile(results, results)
    (kernel_y, kernel_x), (stride_y, stride_x) = window.kernel, window.stride
    above, left, _, _ = window.padding
    rows = reach(results.top, results.bottom, pixels.height, kernel_y, stride_y, above)
    columns = reach(results.left, results.right, pixels.width, kernel_x, stride_x, left)
    return PixelTile(Rectangle(*rows, *columns), results)


def candidates(operation: Operation, config: Config) -> Iterator[list[PixelTile]]:
    """Tilings whose every tile fits a bank of accumulators: for each number of columns, the fewest rows and a
    few more (more and smaller tiles hide the post-processing better, fewer need fewer weight loads)."""
    result = operation.result
    for columns in _counts(operation, 1, result.width):
        found = 0
        for rows in _counts(operation, 0, result.height):
            tiles = pixel_tiles(operation, rows, columns)
            if all(tile.pixels.pixels <= config.bank_accumulators for tile in tiles):
                yield tiles
                found += 1
                if found == _MORE_ROWS:
                    break
        if found and columns >= _least_columns(operation, config) + _MORE_COLUMNS:
            return


_MORE_ROWS = 3
_MORE_COLUMNS = 2


def _counts(operation: Operation, axis: int, size: int) -> range:
    window = operation.window
    if window is not None and window.kernel[axis] != window.stride[axis]:
        return range(1, 2)
    return range(1, size + 1)


def _least_columns(operation: Operation, config: Config) -> int:
    return _ceil_divide(operation.in_hand.width, config.bank_accumulators)
