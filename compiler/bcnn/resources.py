"""What an engine takes of an FPGA: an estimate, made before any synthesis, good enough to compare engines.

LUTs, from what synthesis gave for `paper` (docs/bcnn-resources.md): 2 for each product of two bits, 3 for each bit of a
number; 100 for each output in parallel (columns, accumulator, threshold, pool); memories of at most 64 words are LUTs
too, 4 of them for 3 bits, or for 6 bits of at most 32 words. Blocks: width by depth, in the shape of a block that needs
fewest. Maps are two halves of rows by slices of channels, a row side by side; where a step takes all kernel rows each
of them has its copy. What all engines share (shell, loading, counters) is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.bcnn.estimate import steps
from rtl.bcnn.config import Layer

PRODUCT_LUTS = 2
NUMBER_BIT_LUTS = 3
OUTPUT_LUTS = 100
LUT_MEMORIES = ((32, 6), (64, 3))  # words, bits of LUT_MEMORY LUTs; deeper memories are blocks
LUT_MEMORY = 4
HALF_BLOCKS = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))  # words, bits


@dataclass(frozen=True)
class Usage:
    """Of one engine or of several. cycles: of an image, the slowest one's; brams: blocks of 36 Kbit, in halves."""

    cycles: int
    luts: int
    brams: float


def usage(layer: Layer) -> Usage:
    """Of one engine, the map that it reads and its weights and parameters."""
    product = PRODUCT_LUTS if layer.binary else NUMBER_BIT_LUTS * layer.input_bits
    luts, halves = layer.p * (layer.uf * product + OUTPUT_LUTS), 0
    for count, words, bits in _memories(layer):
        wide = next((wide for deep, wide in LUT_MEMORIES if words <= deep), 0)
        if wide:
            luts += count * LUT_MEMORY * -(-bits // wide)
        else:
            halves += count * min(-(-words // deep) * -(-bits // wide) for deep, wide in HALF_BLOCKS)
    return Usage(steps(layer), luts, halves / 2)


def _memories(layer: Layer) -> Iterator[tuple[int, int, int]]:
    """How many alike, words, bits of a word."""
    yield 1, layer.weight_words, layer.step_bits
    yield 1, layer.filters, layer.parameter_bits
    rows = layer.out_height if layer.rows_at_once > 1 else layer.height
    row_bits = layer.width * layer.chunk * layer.input_bits
    yield layer.lanes * layer.rows_at_once, 2 * rows * layer.slices, row_bits


def together(parts: list[Usage]) -> Usage:
    """Of several engines in a pipeline."""
    return Usage(
        max(part.cycles for part in parts),
        sum(part.luts for part in parts),
        sum(part.brams for part in parts),
    )
