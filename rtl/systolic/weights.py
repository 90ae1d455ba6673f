"""Weight tiles from the FIFO into the array, two rows a cycle."""

from myhdl import ConcatSignal, Signal, always, always_comb, always_seq, block, concat, intbv

from rtl.lib.delay import delay
from rtl.lib.stream import bit, word
from rtl.systolic.cluster import LOADED_ROWS
from rtl.systolic.element import POSITION_BITS, WEIGHT_BITS
from rtl.systolic.feeder import FEEDER_LATENCY

LOADER_LATENCY = FEEDER_LATENCY  # weights follow the SWAP that frees their place


@block
def unpack(clk, rst, beats, take, weights, positions, there, pair_bits, position_bits, shared):
    """Pairs of rows from memory words, lowest first. They are there when `there`; `take` moves on.

    The highest bit of a beat says that it belongs to an indexed tile: in that, a word of positions stands before every
    `shared` words of weights. Positions of other tiles are 0.
    """
    width = len(beats.data) - 1
    indexed, data = beats.data(width), beats.data(width, 0)
    per_beat = width // pair_bits
    held, shifted, places, shifted_places = word(width), word(width), word(width), word(width)
    left, owed = word(per_beat.bit_length()), word(shared.bit_length())
    refill, is_places = bit(), bit()

    @always_comb
    def look():
        there.next = left != 0
        weights.next = held[pair_bits:]
        positions.next = places[position_bits:]
        shifted.next = held >> pair_bits
        shifted_places.next = places >> position_bits
        refill.next = (left == 0) or (take and left == 1)
        is_places.next = indexed and owed == 0

    @always_comb
    def accept():
        beats.ready.next = refill

    @always_seq(clk.posedge, reset=rst)
    def count():
        if refill:
            if beats.valid and not is_places:
                left.next = per_beat
            else:
                left.next = 0
        elif take:
            left.next = left - 1

    @always_seq(clk.posedge, reset=rst)
    def owe():
        if refill and beats.valid:
            if is_places:
                owed.next = shared
            elif indexed:
                owed.next = owed - 1

    @always(clk.posedge)
    def hold():
        if refill:
            held.next = data
        elif take:
            held.next = shifted

    @always(clk.posedge)
    def hold_places():
        if refill and beats.valid and is_places:
            places.next = data
        elif refill and beats.valid and not indexed:
            places.next = 0
        elif take:
            places.next = shifted_places

    return look, accept, count, owe, hold, hold_places


@block
def distribute(weights, positions, lanes, columns, size):
    """A pair of rows as one lane for each column of clusters (see cluster.weight_bits)."""
    value, place = WEIGHT_BITS * size, POSITION_BITS * size
    parts = []
    for group in range(columns // size):
        values = [
            weights(start + value * (group + 1), start + value * group)
            for start in (0, WEIGHT_BITS * columns)
        ]
        places = [
            positions(start + place * (group + 1), start + place * group)
            for start in (0, POSITION_BITS * columns)
        ]
        parts += values + places
    joined = ConcatSignal(*reversed(parts))

    @always_comb
    def join():
        lanes.next = joined

    return join


@block
def weight_loader(clk, rst, beats, used, loaded, load_pairs, lanes, rows, columns, size, shared):
    """Keeps the shadow weights full: `loaded` when a whole tile stands ready, `used` when a MATMUL takes it.

    Pairs of rows go out one a cycle, LOADER_LATENCY late, so that they reach their elements not before the SWAP that
    frees their places: a new tile every rows / 2 cycles, and one more for each word of positions.
    """
    pairs = rows // LOADED_ROWS
    pair_bits, position_bits = 2 * WEIGHT_BITS * columns, 2 * POSITION_BITS * columns
    last = pairs - 1
    weights, positions = word(pair_bits), word(position_bits)
    there, take, full = bit(), bit(), bit()
    marker, chosen, distributed = Signal(intbv(1)[pairs:]), word(pairs), word(len(lanes))
    unpacking = unpack(clk, rst, beats, take, weights, positions, there, pair_bits, position_bits, shared)
    spreading = distribute(weights, positions, distributed, columns, size)
    late_lanes = delay(clk, distributed, lanes, LOADER_LATENCY)
    late_marker = delay(clk, chosen, load_pairs, LOADER_LATENCY)

    @always_comb
    def decide():
        take.next = there and (used or not full)
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

    return unpacking, spreading, late_lanes, late_marker, decide, choose, advance
