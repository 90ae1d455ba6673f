"""What the sequencer says of one pixel on its way into the array."""

from dataclasses import dataclass

from rtl.lib.stream import bit, signed, word


@dataclass(frozen=True)
class Geometry:
    """Scalars of MATMUL_SETUP, under their names in isa.py, and what is derived from them.

    row_end: row_elements; jump: from the byte of a lane to the one that it would have in the next kernel row.
    """

    row_end: object
    kernel_row: object
    jump: object
    x_step: object
    row_step: object
    y_size: object
    y_step: object
    wide: object
    zero_point: object
    sparsity: object


def geometry():
    """A Geometry of fresh Signals."""
    return Geometry(signed(19), signed(19), signed(19), word(14), word(18), word(11), word(3), bit(),
                    signed(8), word(2))


@dataclass(frozen=True)
class Held:
    """The scalars that the feeder needs, as long as a MATMUL streams."""

    row_end: object
    kernel_row: object
    wide: object
    zero_point: object
    sparsity: object


def held():
    """A Held of fresh Signals."""
    return Held(signed(19), signed(19), bit(), signed(8), word(2))


@dataclass(frozen=True)
class Pixel:
    """One pixel of one pass of a MATMUL; everything but `valid` is undefined while valid is 0."""

    valid: object
    address: object  # scratchpad byte of lane 0
    next_address: object  # the same for lanes in the next kernel row: of the byte that would be lane 0's
    x: object  # position of lane 0 in its map row, in elements
    in_range: object  # the map row exists
    next_in_range: object  # the map row after it exists
    k_lanes: object
    split: object  # first lane in the next kernel row
    high: object  # the high nibble's pass
    first: object  # overwrite the accumulator
    forward_1: object
    forward_2: object
    shift: object
    accumulator: object
    counted: object
    products: object
    c_lanes: object
    last: object  # of its instruction
    signal: object  # tokens to give then


def pixel(accumulator_bits):
    """A Pixel of fresh Signals."""
    return Pixel(
        bit(), word(24), word(24), signed(19), bit(), bit(), signed(19), signed(19), bit(), bit(),
        bit(), bit(), word(2), word(accumulator_bits), bit(), word(8), word(8), bit(), word(4),
    )
