"""From a scratchpad word to one activation nibble for every row of the array."""

from dataclasses import dataclass

from myhdl import ConcatSignal, always, always_comb, block

from rtl.lib.stream import bit, signed, word
from rtl.systolic.element import ACTIVATION_BITS
from rtl.systolic.scratchpad import SCRATCHPAD_LATENCY

FEEDER_LATENCY = SCRATCHPAD_LATENCY + 1  # from a pixel to the flows that enter the array


@dataclass(frozen=True)
class Recipe:
    """How bytes become nibbles: held for all rows of one pixel."""

    zero_point: object
    wide: object
    high: object
    swap: object
    weight_signed: object


def recipe():
    """A Recipe of fresh Signals."""
    return Recipe(signed(8), bit(), bit(), bit(), bit())


@block
def clip(clk, pixel, low, high):
    """Lanes low..high-1 lie inside the map and the tile. Latency SCRATCHPAD_LATENCY."""
    first, end, rest, distance = signed(18), signed(18), signed(19), signed(19)
    low_early, high_early = word(8), word(8)

    @always_comb
    def measure():
        rest.next = pixel.row_elements - pixel.x
        distance.next = -pixel.x

    @always_comb
    def choose():
        if distance > 255:
            first.next = 255
        elif distance > 0:
            first.next = distance
        else:
            first.next = 0
        if rest <= 0 or not pixel.in_range:
            end.next = 0
        elif rest < pixel.k_lanes:
            end.next = rest
        else:
            end.next = pixel.k_lanes

    @always(clk.posedge)
    def step():
        low.next = low_early
        high.next = high_early
        if pixel.valid:
            low_early.next = first[8:]
            high_early.next = end[8:]

    return measure, choose, step


@block
def mark(low, high, mask, rows):
    """One bit a row: does it carry an activation?"""

    @always_comb
    def compare():
        for row in range(rows):
            mask.next[row] = (low <= row) and (row < high)

    return compare


@block
def follow(clk, pixel, late):
    """The recipe of a pixel, SCRATCHPAD_LATENCY later."""
    early = recipe()

    @always(clk.posedge)
    def step():
        if pixel.valid:
            early.zero_point.next = pixel.zero_point
            early.wide.next = pixel.wide
            early.high.next = pixel.high
            early.weight_signed.next = pixel.weight_signed
        early.swap.next = pixel.valid and pixel.swap
        late.zero_point.next = early.zero_point
        late.wide.next = early.wide
        late.high.next = early.high
        late.weight_signed.next = early.weight_signed
        late.swap.next = early.swap

    return step


@block
def nibble(clk, value, in_range, how, activation):
    """Zero point off, then the asked nibble; exact zero where the row has no activation. Latency 1.

    high: the upper five bits of the 9-bit difference; wide: its low four; otherwise all (a 4-bit value fits in five).
    """
    difference = signed(9)
    chosen = word(ACTIVATION_BITS)

    @always_comb
    def subtract():
        difference.next = value.signed() - how.zero_point

    @always_comb
    def choose():
        if how.high:
            chosen.next = difference[9:4]
        elif how.wide:
            chosen.next = difference[4:]
        else:
            chosen.next = difference[5:]

    @always(clk.posedge)
    def keep():
        if in_range:
            activation.next = chosen
        else:
            activation.next = 0

    return subtract, choose, keep


@block
def feeder(clk, pixel, data, flows, rows):
    """`data` (SCRATCHPAD_LATENCY after its pixel) are the bytes from the pixel's address on; flows come a cycle later.

    flows: for each row SIGNED, SWAP, activation.
    """
    how = recipe()
    low, high = word(8), word(8)
    mask = word(rows)
    swap, weight_signed = bit(), bit()
    activations = [word(ACTIVATION_BITS) for _ in range(rows)]
    clipping = clip(clk, pixel, low, high)
    marking = mark(low, high, mask, rows)
    following = follow(clk, pixel, how)
    nibbles = [
        nibble(clk, data(8 * row + 8, 8 * row), mask(row), how, activations[row]) for row in range(rows)
    ]
    lanes = ConcatSignal(*[part for row in reversed(range(rows)) for part in (weight_signed, swap, activations[row])])

    @always(clk.posedge)
    def pass_flags():
        swap.next = how.swap
        weight_signed.next = how.weight_signed

    @always_comb
    def join():
        flows.next = lanes

    return clipping, marking, following, nibbles, pass_flags, join
