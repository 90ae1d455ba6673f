"""Small tops around single blocks."""

from myhdl import ConcatSignal, always, always_comb, block

from rtl.bcnn.lane import binary_lane
from rtl.lib.stream import bit, signed, word


@block
def binary_lanes(clk, valid, first, gain, activations, weights, totals, lanes, pitch):
    """`lanes` neighbouring outputs of a row: lane x sees the bits from x * pitch on."""
    row, kept = word(len(activations)), word(len(weights))
    width = len(totals) // lanes
    found = [signed(width) for _ in range(lanes)]
    instances = [
        binary_lane(clk, valid, first, row(pitch * n + len(weights), pitch * n), kept, gain, found[n])
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

    return instances, keep, join


def elaborate_lanes(lanes="32", channels="128", columns="3"):
    lanes, channels, columns = int(lanes), int(channels), int(columns)
    return binary_lanes(
        bit(), word(3), bit(), signed(14), word(channels * (lanes + columns - 1)), word(channels * columns),
        word(14 * lanes), lanes, channels,
    )  # fmt: skip
