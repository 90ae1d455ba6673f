"""Small tops around single blocks."""

from myhdl import ConcatSignal, always, always_comb, block

from rtl.bcnn.lane import binary_lane, mismatch_columns
from rtl.bcnn.popcount import weights_left
from rtl.lib.stream import bit, signed, word


@block
def binary_lanes(clk, valid, first, gain, activations, weights, totals, lanes, columns, chunk, width):
    """`lanes` neighbouring outputs of a row: lane x sees `columns` words from word x on."""
    row, kept = word(len(activations)), word(len(weights))
    found = [signed(width) for _ in range(lanes)]
    each = [kept(chunk * (n + 1), chunk * n) for n in range(columns)]
    spread = [ConcatSignal(*[each[n] for _ in range(lanes)]) for n in range(columns)]
    windows = [row(chunk * (n + lanes), chunk * n) for n in range(columns)]
    left = [word(chunk * lanes) for _ in range(weights_left(columns))]
    matching = mismatch_columns(clk, valid(0), windows, spread, left)
    own = [ConcatSignal(*[w(chunk * (n + 1), chunk * n) for w in reversed(left)]) for n in range(lanes)]
    instances = [
        binary_lane(clk, valid(4, 1), first, own[n], gain, found[n], chunk)
        for n in range(lanes)
    ]
    joined = ConcatSignal(*reversed(found))

    @always(clk.posedge)
    def keep():
        row.next = activations
        kept.next = weights

    @always_comb
    def join():
        totals.next = joined

    return matching, instances, keep, join


def elaborate_lanes(lanes="32", columns="12", chunk="32"):
    lanes, columns, chunk = int(lanes), int(columns), int(chunk)
    return binary_lanes(
        bit(), word(4), bit(), signed(14), word(chunk * (lanes + columns - 1)), word(chunk * columns),
        word(14 * lanes), lanes, columns, chunk, 14,
    )  # fmt: skip
