"""Instruction set of the systolic array: 256-bit instructions, fields from bit 0 upwards.

Plain data: standard library only. The encoder, the assembler, the document, the compiler and the RTL's decoder all
read the tables below.

Every instruction goes to one unit, in program order within the unit. It begins when a token from each unit in `wait`
has arrived (they are taken) and gives, when its last effect is visible, one token to each unit in `signal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

INSTRUCTION_BYTES = 32
HEADER_MAGIC = 0x52505341  # "ASPR"


class IsaError(ValueError):
    """An instruction that cannot be encoded or decoded; the message names opcode, field and rule."""


class Unit(IntEnum):
    """Bit positions in the `wait` and `signal` masks."""

    LOAD = 0
    ARRAY = 1
    POST = 2
    STORE = 3


class Opcode(IntEnum):
    LOAD_MAP = 1  # memory -> scratchpad
    LOAD_WEIGHTS = 2  # memory -> weight FIFO
    LOAD_PARAMETERS = 3  # memory -> one parameter set
    MATMUL = 4  # scratchpad x weight tile -> accumulators
    POST_SETUP = 5  # scalars that the following POST instructions use
    POST = 6  # accumulators or scratchpad -> requantise, add, pool -> scratchpad
    STORE = 7  # scratchpad -> memory
    MATMUL_SETUP = 8  # scalars that the following MATMUL instructions use
    END = 15  # every unit idle: the image is done


class Base(IntEnum):
    """What a memory offset is relative to."""

    PROGRAM = 0
    INPUT = 1
    OUTPUT = 2


class PoolKind(IntEnum):
    NONE = 0
    MAX = 1
    AVERAGE = 2


class Sparsity(IntEnum):
    """How many of four neighbours in the reduction have a weight, and so an element of the array."""

    DENSE = 0
    TWO_OF_FOUR = 1
    ONE_OF_FOUR = 2


@dataclass(frozen=True)
class Field:
    name: str
    width: int
    text: str
    signed: bool = False

    @property
    def low(self) -> int:
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << (self.width - (1 if self.signed else 0))) - 1


_COMMON = (
    Field("opcode", 4, "what to do"),
    Field("wait", 4, "units whose token must arrive first"),
    Field("signal", 4, "units that get a token at the end"),
    Field("layer", 12, "layer this belongs to; tags memory traffic, taps and events"),
)
_MOVE = (
    Field("base", 2, "what `offset` is relative to (Base)"),
    Field("offset", 32, "byte offset in memory"),
    Field("length", 24, "bytes, at least 1"),
)
_SCRATCHPAD = (Field("address", 24, "byte address in the scratchpad; equal to `offset` modulo the port width"),)
_TILE = (Field("indexed", 1, "tiles of a sparse layer: positions stand before the weights"),)
_SET = (Field("parameter_set", 6, "index of the parameter set"),)

_MATMUL_SETUP = (
    Field("row_elements", 16, "elements in a map row (width x channels): lanes outside 0..row_elements-1 read zero"),
    Field("row_pitch", 16, "scratchpad bytes from one map row to the next"),
    Field("kernel_row", 14, "elements in a kernel row: what lane `split` lies behind lane 0 of the next kernel row"),
    Field("x_step", 14, "elements from one output pixel to the next"),
    Field("row_step", 18, "scratchpad bytes from one output row to the next"),
    Field("y_size", 11, "rows in the map: rows outside 0..y_size-1 read zero"),
    Field("y_step", 3, "map rows from one output row to the next"),
    Field("wide", 1, "8-bit activations: two passes, high nibble (shift + 1) and low nibble"),
    Field("zero_point", 8, "subtracted from every activation inside the map", True),
    Field("sparsity", 2, "Sparsity: lanes that share an element, and elements that share lanes"),
)
_MATMUL = (
    Field("map_address", 24, "scratchpad byte of lane 0 at the first pixel; wraps: padding may begin before the map"),
    Field("x_start", 17, "place of lane 0 in its map row at the first pixel, in elements; negative in padding", True),
    Field("y_start", 11, "map row read for the first output row; negative in padding", True),
    Field("rows", 11, "output rows to stream"),
    Field("columns", 11, "output pixels a row to stream"),
    Field("k_lanes", 8, "lanes in use; the others read zero"),
    Field("split", 8, "first lane that belongs to the next kernel row; k_lanes: none"),
    Field("products", 8, "array rows in use: products a column for each pixel"),
    Field("c_lanes", 8, "array columns in use"),
    Field("accumulator", 14, "accumulator of the first pixel"),
    Field("accumulator_row_step", 14, "accumulators from one output row to the next"),
    Field("first", 1, "overwrite the accumulators instead of adding to them"),
    Field("shift", 2, "weight of this product: 0, 4 or 8 bits to the left, in units of 4"),
    Field("weight_signed", 1, "weight nibbles are two's complement (0: unsigned low halves of 8-bit weights)"),
    Field("reuse", 1, "keep the weights of the instruction before; no tile is taken from the FIFO"),
    Field("count", 1, "count MACs (set in one of the nibble passes of a tile)"),
    Field("skipped", 28, "nominal products of this tile that are not executed"),
)
_POST_SETUP = (
    Field("output_zero_point", 8, "added after requantisation", True),
    Field("low", 8, "clamp after requantisation (or after reading the map)", True),
    Field("high", 8, "clamp", True),
    Field("multiplier_1", 31, "residual add: of the value in hand"),
    Field("shift_1", 5, "residual add: right shift"),
    Field("zero_point_1", 8, "residual add: of the value in hand", True),
    Field("multiplier_2", 31, "residual add: of the operand read from the scratchpad"),
    Field("shift_2", 5, "residual add: right shift"),
    Field("zero_point_2", 8, "residual add: of the operand", True),
    Field("multiplier_out", 31, "residual add: of the sum"),
    Field("shift_out", 5, "residual add: right shift"),
    Field("add_zero_point", 8, "residual add: of the result", True),
    Field("add_low", 8, "residual add: clamp", True),
    Field("add_high", 8, "residual add: clamp", True),
    Field("divisor_multiplier", 24, "average pool: (|sum| + half) * multiplier >> (16 + shift)"),
    Field("divisor_shift", 5, "average pool: see divisor_multiplier"),
    Field("divisor_half", 11, "average pool: positions of the window / 2, added before dividing"),
)
_POST = (
    Field("from_map", 1, "source: 0 accumulators (requantised), 1 scratchpad"),
    Field("source", 24, "accumulator, or scratchpad byte, of the first window's first position"),
    Field("source_row_step", 18, "from one output row to the next"),
    Field("source_step", 14, "from one output pixel to the next"),
    Field("window_row_step", 16, "from one window row to the next"),
    Field("window_step", 14, "from one window position to the next"),
    Field("rows", 11, "output rows"),
    Field("columns", 11, "output pixels a row"),
    Field("window_rows", 6, "rows of the pooling window (1: none)"),
    Field("window_columns", 6, "columns of the pooling window (1: none)"),
    Field("pool", 2, "PoolKind"),
    Field("destination", 24, "scratchpad byte of the first result"),
    Field("row_step", 18, "scratchpad bytes from one output row to the next, for destination and operand"),
    Field("step", 14, "scratchpad bytes from one output pixel to the next, for destination and operand"),
    Field("c_lanes", 8, "channels"),
    Field("parameter_set", 6, "biases, multipliers and shifts to requantise with"),
    Field("add", 1, "add the operand at `operand`"),
    Field("operand", 24, "scratchpad byte of the operand for the first result"),
    Field("settle", 1, "begin when every earlier result can be read back: some of them are read here"),
    Field("layer_end", 1, "an event is raised when the last result is written"),
)

FIELDS: dict[Opcode, tuple[Field, ...]] = {
    Opcode.LOAD_MAP: _COMMON + _MOVE + _SCRATCHPAD,
    Opcode.LOAD_WEIGHTS: _COMMON + _MOVE + _TILE,
    Opcode.LOAD_PARAMETERS: _COMMON + _MOVE + _SET,
    Opcode.MATMUL_SETUP: _COMMON + _MATMUL_SETUP,
    Opcode.MATMUL: _COMMON + _MATMUL,
    Opcode.POST_SETUP: _COMMON + _POST_SETUP,
    Opcode.POST: _COMMON + _POST,
    Opcode.STORE: _COMMON + _MOVE + _SCRATCHPAD,
    Opcode.END: _COMMON,
}
UNIT = {
    Opcode.LOAD_MAP: Unit.LOAD, Opcode.LOAD_WEIGHTS: Unit.LOAD, Opcode.LOAD_PARAMETERS: Unit.LOAD,
    Opcode.MATMUL_SETUP: Unit.ARRAY, Opcode.MATMUL: Unit.ARRAY,
    Opcode.POST_SETUP: Unit.POST, Opcode.POST: Unit.POST, Opcode.STORE: Unit.STORE,
}


def offset(opcode: Opcode, name: str) -> tuple[int, int]:
    """(lowest bit, width) of a field."""
    position = 0
    for field in FIELDS[opcode]:
        if field.name == name:
            return position, field.width
        position += field.width
    raise IsaError(f"{opcode.name} has no field {name!r}")


@dataclass(frozen=True)
class Instruction:
    """One instruction: opcode and field values; fields not given are 0."""

    opcode: Opcode
    fields: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.fields.get(name, 0)


def instruction(opcode: Opcode, **fields: int) -> Instruction:
    """Checks names and ranges. Raises IsaError."""
    known = {field.name: field for field in FIELDS[opcode]}
    for name, value in fields.items():
        if name not in known or name == "opcode":
            raise IsaError(f"{opcode.name} has no field {name!r}")
        if not known[name].low <= value <= known[name].high:
            raise IsaError(f"{opcode.name}.{name} is {value}, must be {known[name].low}..{known[name].high}")
    return Instruction(opcode, dict(fields))


def encode(item: Instruction) -> bytes:
    """32 bytes, bit 0 first (little endian)."""
    word, position = 0, 0
    for field in FIELDS[item.opcode]:
        value = int(item.opcode) if field.name == "opcode" else item[field.name]
        word |= (value & ((1 << field.width) - 1)) << position
        position += field.width
    return word.to_bytes(INSTRUCTION_BYTES, "little")


def decode(data: bytes) -> Instruction:
    """The instruction in 32 bytes. Raises IsaError for an unknown opcode or bits set outside the fields."""
    word = int.from_bytes(data, "little")
    try:
        opcode = Opcode(word & 15)
    except ValueError:
        raise IsaError(f"unknown opcode {word & 15}") from None
    values: dict[str, int] = {}
    position = 0
    for field in FIELDS[opcode]:
        value = (word >> position) & ((1 << field.width) - 1)
        if field.signed and value >> (field.width - 1):
            value -= 1 << field.width
        values[field.name] = value
        position += field.width
    if word >> position:
        raise IsaError(f"{opcode.name}: bits above {position} must be zero")
    del values["opcode"]
    return Instruction(opcode, {name: value for name, value in values.items() if value})
