"""Where a request's program, inputs and outputs stand in the simulated memory."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from compiler.program import Program
from tb.records import PROGRAM_TAG, WriteRegion

GAP_WORDS = 64


@dataclass(frozen=True)
class MemoryMap:
    """Byte addresses; `end` is beyond all of it."""

    program: int
    inputs: int
    outputs: int
    end: int


def place(program: Program, images: int, memory_bytes: int, seed: int) -> MemoryMap:
    """Program, inputs and outputs in a random order, with random gaps, each aligned to the port."""
    rng = random.Random(seed)
    sizes = [
        ("program", len(program.image)),
        ("inputs", images * program.input_bytes),
        ("outputs", images * program.output_bytes),
    ]
    rng.shuffle(sizes)
    addresses, end = {}, 0
    for name, size in sizes:
        end += rng.randrange(GAP_WORDS) * memory_bytes
        addresses[name] = end
        end += -(-size // memory_bytes) * memory_bytes
    return MemoryMap(end=end + GAP_WORDS * memory_bytes, **addresses)


def write_regions(program: Program, images: int, outputs: int) -> list[WriteRegion]:
    """Every byte that the layer table lets a layer write, for each image; what lies side by side is one region."""
    return [
        region
        for number, layer in enumerate(program.layers)
        for region in _joined(
            WriteRegion(number, first, first + region.length - 1)
            for image in range(images)
            for region in sorted(layer.writes, key=lambda region: region.offset)
            for first in (outputs + image * program.output_bytes + region.offset,)
        )
    ]


def _joined(regions: Iterable[WriteRegion]) -> list[WriteRegion]:
    """Regions of one layer in the order of their addresses, neighbours as one."""
    joined: list[WriteRegion] = []
    for region in regions:
        if joined and joined[-1].last + 1 == region.first:
            joined[-1] = replace(joined[-1], last=region.last)
        else:
            joined.append(region)
    return joined


def nowhere() -> Sequence[WriteRegion]:
    """A table that allows nothing."""
    return [WriteRegion(PROGRAM_TAG, 1, 0)]
