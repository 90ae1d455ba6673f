"""Instructions of the max-pooling engine: 256 bits, fields from bit 0 upwards; maxpool.v has the same. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

INSTRUCTION_BYTES = 32


class Opcode(IntEnum):
    POOL = 1  # one layer, from memory to memory
    END = 15  # the image is done


class Source(IntEnum):
    """What `source_offset` is relative to."""

    INPUT = 0
    OUTPUT = 1  # a layer's results, kept behind the outputs


# name: width. destination is relative to the output image; offsets and row_pitch are multiples of the memory port.
FIELDS: Mapping[str, int] = {
    "opcode": 4,
    "layer": 12,
    "source": 1,
    "source_offset": 32,
    "destination": 32,
    "row_pitch": 24,  # bytes from one input row to the next
    "row_words": 16,  # memory words that are read of an input row
    "line_words": 12,  # memory words of a row of results
    "rows": 12,  # of results
    "channel_words": 8,  # memory words of a pixel
    "kernel_rows": 4,
    "kernel_columns": 4,
}


def encode(**values: int) -> bytes:
    """An instruction; fields that are not given are 0. Raises ValueError for one that does not fit."""
    word, low = 0, 0
    for name, width in FIELDS.items():
        value = values.get(name, 0)
        if not 0 <= value < 1 << width:
            raise ValueError(f"{name} is {value}, must fit {width} bits")
        word |= value << low
        low += width
    return word.to_bytes(INSTRUCTION_BYTES, "little")


def decode(data: bytes) -> dict[str, int]:
    """Field values of an instruction."""
    word, values = int.from_bytes(data, "little"), {}
    for name, width in FIELDS.items():
        values[name] = word & ((1 << width) - 1)
        word >>= width
    return values
