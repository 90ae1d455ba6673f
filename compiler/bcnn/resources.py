"""What an engine takes of an FPGA: an estimate, made before any synthesis, good enough to compare engines.

LUTs: 3 for each product of two bits (XNOR, mask and its share of the adder tree), one for each bit of the sum for a
product of a number; 40 for each output in parallel (accumulator, threshold); 4 for 3 bits of 64 words of memories
that are too small for a block. Blocks: width by depth, in the shape of a block that needs fewest. Maps are two halves
of rows by slices of channels, a row side by side; where a step takes all kernel rows each of them has its copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.bcnn.estimate import steps
from rtl.bcnn.config import Layer

PRODUCT_LUTS = 3
OUTPUT_LUTS = 40
SMALLEST_BLOCK_BITS = 4096  # smaller memories are LUTs
LUT_MEMORY = (64, 3, 4)  # words, bits, LUTs
HALF_BLOCKS = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))  # words, bits


@dataclass(frozen=True)
class Usage:
    """Of one engine or of several. cycles: of an image, the slowest one's; brams: blocks of 36 Kbit, in halves."""

    cycles: int
    luts: int
    brams: float


def usage(layer: Layer) -> Usage:
    """Of one engine, the map that it reads and its weights and parameters."""
    product = PRODUCT_LUTS if layer.binary else layer.input_bits + 1
    luts, halves = layer.p * (layer.uf * product + OUTPUT_LUTS), 0
    for count, words, bits in _memories(layer):
        if words * bits < SMALLEST_BLOCK_BITS:
            deep, wide, cost = LUT_MEMORY
            luts += count * cost * -(-words // deep) * -(-bits // wide)
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
