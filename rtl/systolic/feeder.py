"""From the scratchpad to one bundle of activation nibbles for every row of the array."""

from dataclasses import dataclass

from myhdl import ConcatSignal, Constant, always, always_comb, block, intbv

from rtl.lib.delay import delay
from rtl.lib.stream import bit, signed, word
from rtl.systolic.element import ACTIVATION_BITS, BUNDLE_BITS, LANES
from rtl.systolic.isa import Sparsity
from rtl.systolic.scratchpad import SCRATCHPAD_LATENCY

FEEDER_LATENCY = SCRATCHPAD_LATENCY + 1  # from a pixel to the flows that enter the array
TWO_OF_FOUR, ONE_OF_FOUR = int(Sparsity.TWO_OF_FOUR), int(Sparsity.ONE_OF_FOUR)


@dataclass(frozen=True)
class Recipe:
    """How bytes become nibbles: held for all lanes of one pixel."""

    zero_point: object
    wide: object
    high: object
    sparsity: object
    split: object


def recipe():
    """A Recipe of fresh Signals."""
    return Recipe(signed(8), bit(), bit(), word(2), word(8))


@block
def clip(clk, valid, x, row_end, in_range, lowest, limit, low, high):
    """Lanes low..high-1 are those of lowest..limit-1 that lie inside the map row. Latency SCRATCHPAD_LATENCY.

    x: position of the byte that is, or would be, lane 0's; row_end: positions in the row.
    """
    first, after, rest, distance = signed(19), signed(19), signed(20), signed(20)
    low_early, high_early = word(8), word(8)

    @always_comb
    def measure():
        rest.next = row_end - x
        distance.next = -x

    @always_comb
    def choose():
        if distance > 255:
            first.next = 255
        elif distance > lowest:
            first.next = distance
        else:
            first.next = lowest
        if rest <= 0 or not in_range:
            after.next = 0
        elif rest < limit:
            after.next = rest
        else:
            after.next = limit

    @always(clk.posedge)
    def step():
        low.next = low_early
        high.next = high_early
        if valid:
            low_early.next = first[8:]
            high_early.next = after[8:]

    return measure, choose, step


@block
def mark(low, high, next_low, next_high, split, mask, behind):
    """mask: does a lane carry an activation? behind: does it lie in the next kernel row?"""
    lanes = len(mask)

    @always_comb
    def compare():
        for lane in range(lanes):
            mask.next[lane] = (low <= lane and lane < high) or (next_low <= lane and lane < next_high)
            behind.next[lane] = split <= lane

    return compare


@block
def follow(clk, pixel, scalars, late):
    """The recipe of a pixel, SCRATCHPAD_LATENCY later."""
    early = recipe()

    @always(clk.posedge)
    def step():
        if pixel.valid:
            early.zero_point.next = scalars.zero_point
            early.wide.next = scalars.wide
            early.high.next = pixel.high
            early.sparsity.next = scalars.sparsity
            early.split.next = pixel.split[8:]
        late.zero_point.next = early.zero_point
        late.wide.next = early.wide
        late.high.next = early.high
        late.sparsity.next = early.sparsity
        late.split.next = early.split

    return step


@block
def nibble(clk, value, next_value, behind, in_range, how, activation):
    """Zero point off, then the asked nibble; exact zero where the lane has no activation. Latency 1.

    high: the upper five bits of the 9-bit difference; wide: its low four; otherwise all (a 4-bit value fits in five).
    """
    chosen, difference = signed(8), signed(9)

    @always_comb
    def select():
        if behind:
            chosen.next = next_value.signed()
        else:
            chosen.next = value.signed()

    @always_comb
    def subtract():
        difference.next = chosen - how.zero_point

    @always(clk.posedge)
    def keep():
        if not in_range:
            activation.next = 0
        elif how.high:
            activation.next = difference[9:4]
        elif how.wide:
            activation.next = difference[4:]
        else:
            activation.next = difference[5:]

    return select, subtract, keep


@block
def bundle(sparsity, own, of_two, of_one, chosen):
    """The activations that a row's weights choose from: its own lane, or four lanes of its block."""

    @always_comb
    def choose():
        if sparsity == ONE_OF_FOUR:
            chosen.next = of_one
        elif sparsity == TWO_OF_FOUR:
            chosen.next = of_two
        else:
            chosen.next = own

    return choose


@block
def bundles(clk, sparsity, activations, row_bundles):
    """A bundle for each row from the nibbles of all lanes; `sparsity` is a cycle older than the nibbles."""
    late = word(2)
    keep_in_step = delay(clk, sparsity, late, 1)

    def block_of(index):
        return activations(BUNDLE_BITS * (index + 1), BUNDLE_BITS * index)

    choices = [
        bundle(late, activations(ACTIVATION_BITS * (row + 1), ACTIVATION_BITS * row),
               block_of(row * LANES // 2 // LANES), block_of(row), row_bundles[row])
        for row in range(len(row_bundles))
    ]
    return keep_in_step, choices


@block
def feeder(clk, pixel, scalars, swap, extend, data, next_data, flows, rows, size):
    """`data` and `next_data` (SCRATCHPAD_LATENCY after their pixel) are the bytes from the pixel's two addresses on.

    flows, FEEDER_LATENCY after the pixel: for each row of clusters the rows' bundles, SWAP, EXTEND. swap comes a cycle
    before the first pixel that uses new weights, extend (their sign) with it.
    """
    lanes = LANES * rows
    how = recipe()
    low, high, next_low, next_high = word(8), word(8), word(8), word(8)
    mask, behind = word(lanes), word(lanes)
    late_swap, late_extend = bit(), bit()
    nibbles = [word(ACTIVATION_BITS) for _ in range(lanes)]
    row_bundles = [word(BUNDLE_BITS) for _ in range(rows)]
    next_x = signed(19)
    beginning = Constant(intbv(0, min=-(1 << 18), max=1 << 18))
    clipping = clip(clk, pixel.valid, pixel.x, scalars.row_end, pixel.in_range, beginning, pixel.split, low, high)
    clipping_next = clip(clk, pixel.valid, next_x, scalars.row_end, pixel.next_in_range, pixel.split, pixel.k_lanes,
                         next_low, next_high)
    marking = mark(low, high, next_low, next_high, how.split, mask, behind)
    following = follow(clk, pixel, scalars, how)
    picking = [
        nibble(clk, data(8 * lane + 8, 8 * lane), next_data(8 * lane + 8, 8 * lane), behind(lane), mask(lane), how,
               nibbles[lane])
        for lane in range(lanes)
    ]
    bundling = bundles(clk, how.sparsity, ConcatSignal(*reversed(nibbles)), row_bundles)
    swap_delay = delay(clk, swap, late_swap, FEEDER_LATENCY)
    extend_delay = delay(clk, extend, late_extend, FEEDER_LATENCY)
    joined = ConcatSignal(*[
        part
        for group in reversed(range(rows // size))
        for part in (late_extend, late_swap, *reversed(row_bundles[group * size:(group + 1) * size]))
    ])

    @always_comb
    def step_back():
        next_x.next = pixel.x - scalars.kernel_row

    @always_comb
    def join():
        flows.next = joined

    return (clipping, clipping_next, marking, following, picking, bundling, swap_delay, extend_delay, step_back, join)
