"""Weight tiles from the FIFO into the array's shadow weights."""

from myhdl import Signal, always, always_comb, always_seq, block, concat, intbv

from rtl.lib.delay import delay
from rtl.lib.stream import bit, word
from rtl.systolic.feeder import FEEDER_LATENCY

LOADER_LATENCY = FEEDER_LATENCY + 1  # one for the cycle between `used` and the first pixel


@block
def unpack(clk, rst, beats, take, row, row_valid, row_bits):
    """Rows of `row_bits` bits from memory words, lowest first. `row` is next when row_valid; `take` moves on."""
    per_beat = len(beats.data) // row_bits
    held = word(len(beats.data))
    shifted = word(len(beats.data))
    left = word(per_beat.bit_length())
    refill = bit()

    @always_comb
    def look():
        row_valid.next = left != 0
        row.next = held[row_bits:]
        shifted.next = held >> row_bits
        refill.next = (left == 0) or (take and left == 1)

    @always_comb
    def accept():
        beats.ready.next = refill

    @always_seq(clk.posedge, reset=rst)
    def count():
        if refill:
            if beats.valid:
                left.next = per_beat
            else:
                left.next = 0
        elif take:
            left.next = left - 1

    @always(clk.posedge)
    def hold():
        if refill:
            held.next = beats.data
        elif take:
            held.next = shifted

    return look, accept, count, hold


@block
def weight_loader(clk, rst, beats, used, loaded, load_rows, weights, rows, columns):
    """Keeps the shadow weights full: `loaded` when a whole tile stands ready, `used` when a MATMUL takes it.

    Rows go out one a cycle, LOADER_LATENCY late, so that row n reaches its elements not before the SWAP that frees
    their shadow weights: a new tile every `rows` cycles.
    """
    row_bits = 4 * columns
    last = rows - 1
    row = word(row_bits)
    row_valid, take, full = bit(), bit(), bit()
    marker = Signal(intbv(1)[rows:])
    chosen = word(rows)
    unpacking = unpack(clk, rst, beats, take, row, row_valid, row_bits)
    late_row = delay(clk, row, weights, LOADER_LATENCY)
    late_marker = delay(clk, chosen, load_rows, LOADER_LATENCY)

    @always_comb
    def decide():
        take.next = row_valid and (used or not full)
        loaded.next = full

    @always_comb
    def choose():
        if take:
            chosen.next = marker
        else:
            chosen.next = 0

    @always_seq(clk.posedge, reset=rst)
    def advance():
        if take:
            marker.next = concat(marker[last:], marker[last])
            full.next = marker[last]
        elif used:
            full.next = False

    return unpacking, late_row, late_marker, decide, choose, advance
