"""How many cycles a tiling takes: enough to choose between tilings, before any instruction is written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.errors import DoesNotFit
from compiler.systolic.constants import tile_bytes
from compiler.systolic.operations import Operation
from compiler.systolic.pieces import Piece, packings
from compiler.systolic.tiling import PixelTile, Rectangle, candidates, seen
from rtl.systolic.config import Config
from rtl.systolic.isa import Sparsity

# What a group costs beside its pixels and results: from the last product to the last result.
GROUP_LATENCY = 74
# Weights loaded again for every tile of pixels cost memory traffic and instructions.
NEARLY = 1.02


@dataclass(frozen=True)
class Tiling:
    """How a product is cut. `pieces` stand in the order of accumulation, which is that of the weights in
    memory."""

    tiles: tuple[PixelTile, ...]
    pieces: tuple[Piece, ...]


def choose(operation: Operation, config: Config) -> Tiling:
    """Of the tilings that take hardly more than the fewest estimated cycles, the one that loads fewest weights.

    Raises DoesNotFit where none fits the accumulators."""
    assert operation.product is not None
    orders = [_widest_first(operation, order) for order in packings(operation, config)]
    found = list(candidates(operation, config))
    if not found:
        raise DoesNotFit(
            f"no tile of results fits a bank of {config.bank_accumulators} accumulators", node=operation.name
        )
    tilings = [(tiles, order) for order in orders for tiles in found]
    cycles = [estimate(operation, *tiling, config) for tiling in tilings]
    near = [tiling for tiling, needed in zip(tilings, cycles, strict=True) if needed <= NEARLY * min(cycles)]
    tiles, order = min(near, key=lambda tiling: len(tiling[0]) * len(tiling[1]))
    return Tiling(tuple(tiles), tuple(order))


def _widest_first(operation: Operation, order: list[Piece]) -> list[Piece]:
    """The piece that sees most pixels comes first: the first product of a tile must stream all its pixels
    anyway."""
    result = operation.in_hand
    whole = Rectangle(0, result.height, 0, result.width)
    widest = max(order, key=lambda piece: seen(operation, piece, whole).pixels)
    return [widest, *(piece for piece in order if piece is not widest)]


def estimate(operation: Operation, tiles: list[PixelTile], order: list[Piece], config: Config) -> int:
    """Cycles from the first product to the last result: array and post-processor in a pipeline of two
    banks."""
    product = operation.product
    assert product is not None
    least = tile_cycles(product.sparsity, config)
    channel_tiles = -(-product.result.channels // config.columns)
    array, previous, post = 0, 0, 0
    for tile in tiles:
        sizes = np.array([seen(operation, piece, tile.pixels).pixels for piece in order])
        sizes[0] = tile.pixels.pixels
        busy = np.maximum(sizes[sizes > 0] * product.passes, least)
        accumulate = int(busy.sum()) * product.nibbles
        finish = _post_cycles(operation, tile)
        for _ in range(channel_tiles):
            array = max(array, previous) + accumulate
            previous, post = post, max(array, post) + finish
    return post


def tile_cycles(sparsity: Sparsity, config: Config) -> int:
    """Cycles to bring a weight tile into the array, and so the least time of a MATMUL: two rows a cycle, and
    one cycle for each word of positions, but no faster than its words come."""
    words = 0 if sparsity == Sparsity.DENSE else config.rows // config.indexed_rows
    return max(config.rows // 2 + words, tile_bytes(sparsity, config) // config.memory_bytes)


def _post_cycles(operation: Operation, tile: PixelTile) -> int:
    window = operation.window
    per_result = window.kernel[0] * window.kernel[1] if window else 1
    return tile.results.pixels * per_result + GROUP_LATENCY
