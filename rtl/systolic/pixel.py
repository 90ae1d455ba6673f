"""What the sequencer says of one pixel on its way into the array."""

from dataclasses import dataclass

from rtl.lib.stream import bit, signed, word


@dataclass(frozen=True)
class Pixel:
    """One pixel of one pass of a MATMUL; everything but `valid` is undefined while valid is 0."""

    valid: object
    address: object  # scratchpad byte of lane 0
    x: object  # position of lane 0 in its map row, in elements
    in_range: object  # the map row exists
    row_elements: object
    k_lanes: object
    zero_point: object
    wide: object  # 8-bit activations
    high: object  # the high nibble's pass
    swap: object  # first pixel of a new weight tile
    weight_signed: object
    first: object  # overwrite the accumulator
    forward_1: object
    forward_2: object
    shift: object
    accumulator: object
    counted: object
    c_lanes: object
    last: object  # of its instruction
    signal: object  # tokens to give then


def pixel(accumulator_bits):
    """A Pixel of fresh Signals."""
    return Pixel(
        bit(), word(24), signed(18), bit(), signed(18), signed(18), signed(8), bit(), bit(), bit(), bit(), bit(),
        bit(), bit(), word(2), word(accumulator_bits), bit(), word(8), bit(), word(4),
    )
