"""Instructions of the fully connected engine: 256 bits, fields from bit 0 upwards. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

INSTRUCTION_BYTES = 32
PARAMETER_BYTES = 12  # bias, multiplier, shift of one output, 32 bits each


class Opcode(IntEnum):
    LAYER = 1  # one fully connected layer, from memory to memory
    END = 15  # the image is done


class Source(IntEnum):
    """What `source_offset` is relative to."""

    INPUT = 0
    OUTPUT = 1  # a layer's results, kept behind the outputs


# name: (width, signed). weights_offset is relative to the program, destination to the output image; all offsets are
# multiples of the memory port's width. length: bytes of the layer's rows of weights and parameters.
FIELDS: Mapping[str, tuple[int, bool]] = {
    "opcode": (4, False),
    "layer": (12, False),
    "source": (1, False),
    "source_offset": (32, False),
    "weights_offset": (32, False),
    "length": (24, False),
    "destination": (32, False),
    "features": (16, False),
    "outputs": (16, False),
    "zero_point": (8, True),
    "output_zero_point": (8, True),
    "low": (8, True),
    "high": (8, True),
}
BITS = sum(width for width, _ in FIELDS.values())


def offset(name: str) -> tuple[int, int]:
    """(lowest bit, width) of a field."""
    names = list(FIELDS)
    return sum(FIELDS[each][0] for each in names[: names.index(name)]), FIELDS[name][0]


def encode(**values: int) -> bytes:
    """An instruction; fields that are not given are 0. Raises ValueError for one that does not fit."""
    word = 0
    for name, value in values.items():
        (low, width), signed = offset(name), FIELDS[name][1]
        least = -(1 << (width - 1)) if signed else 0
        if not least <= value < least + (1 << width):
            raise ValueError(f"{name} is {value}, must fit {width} bits")
        word |= (value & ((1 << width) - 1)) << low
    return word.to_bytes(INSTRUCTION_BYTES, "little")


def decode(data: bytes) -> dict[str, int]:
    """Field values of an instruction."""
    word, values = int.from_bytes(data, "little"), {}
    for name, (width, signed) in FIELDS.items():
        value = word >> offset(name)[0] & ((1 << width) - 1)
        values[name] = value - (1 << width) if signed and value >> (width - 1) else value
    return values
