"""Transfers of bytes cut into AXI bursts, for the read and the write DMA."""

from dataclasses import dataclass

from myhdl import Signal, always, always_comb, always_seq, block, concat, intbv, modbv

from rtl.convert import unused
from rtl.lib.stream import bit, stream, word

BURST_BEATS = 16  # a burst ends where its address is a multiple of this many words, so none crosses 4 KB
BEAT_BITS = 4


@dataclass(frozen=True)
class Burst:
    """Stream of bursts: `extra` beats after the first, from byte `address`; `final` marks the end of a
    transfer.
    """

    address: object
    extra: object
    layer: object
    final: object
    valid: object
    ready: object


@dataclass(frozen=True)
class Span:
    """Stream of the words a transfer covers: `extra` words after the first, whose position in its burst is
    `position`.

    The bytes asked for begin at byte `start` of the first word and end with byte `end` of the last.
    """

    extra: object
    position: object
    start: object
    end: object
    valid: object
    ready: object


def burst():
    """A Burst stream."""
    return Burst(word(32), word(BEAT_BITS), word(12), bit(), bit(), bit())


def span(memory_bytes, length_width):
    """A Span stream for words of `memory_bytes` bytes and lengths of `length_width` bits."""
    offset = (memory_bytes - 1).bit_length()
    return Span(word(length_width + 1 - offset), word(BEAT_BITS), word(offset), word(offset), bit(), bit())


@block
def measure_span(address, length, covered):
    """The words that `length` bytes, at least 1, cover from `address` on. Combinational."""
    offset = len(covered.start)
    extent = Signal(modbv(0)[len(length) + 1 :])  # undefined while no command is offered

    @always_comb
    def measure():
        extent.next = address[offset:] + length - 1

    @always_comb
    def cut():
        covered.extra.next = extent[len(extent) : offset]
        covered.end.next = extent[offset:]
        covered.start.next = address[offset:]
        covered.position.next = address[offset + BEAT_BITS : offset]

    return measure, cut


@block
def split_bursts(clk, rst, halt, command, covered, bursts):
    """Each command becomes one span (`covered`, taken in the command's cycle) and the bursts that read or
    write it.

    Latency: one cycle. Throughput: one burst a cycle, and one cycle for each command. No burst is offered in
    `halt`. Ranges: address + length at most 2**32; words of 2 to 64 bytes.
    """
    offset = len(covered.start)
    high = 32 - offset
    first_word = word(high)
    remaining = word(len(covered.extra))
    to_boundary = word(BEAT_BITS)
    after = Signal(modbv(0)[high - BEAT_BITS :])
    left = Signal(modbv(0)[len(covered.extra) :])
    active, taken, accepted = bit(), bit(), bit()

    measurement = measure_span(command.address(offset + BEAT_BITS, 0), command.length, covered)

    @always_comb
    def accept():
        command.ready.next = not active and covered.ready
        covered.valid.next = not active and command.valid
        accepted.next = not active and command.valid and covered.ready

    @always_comb
    def find_boundary():
        to_boundary.next = BURST_BEATS - 1 - first_word[BEAT_BITS:]

    @always_comb
    def offer():
        bursts.final.next = remaining <= to_boundary
        bursts.extra.next = to_boundary
        if remaining <= to_boundary:
            bursts.extra.next = remaining[BEAT_BITS:]
        bursts.address.next = concat(first_word, intbv(0)[offset:])
        bursts.valid.next = active and not halt

    @always_comb
    def take():
        taken.next = bursts.valid and bursts.ready
        after.next = first_word[high:BEAT_BITS] + 1
        left.next = remaining - to_boundary - 1

    @always_seq(clk.posedge, reset=rst)
    def follow():
        if accepted:
            active.next = True
        elif taken and bursts.final:
            active.next = False

    @always(clk.posedge)
    def advance():
        if accepted:
            first_word.next = command.address[32:offset]
            remaining.next = covered.extra
            bursts.layer.next = command.layer
        elif taken:
            first_word.next = concat(after, intbv(0)[BEAT_BITS:])
            remaining.next = left

    return measurement, accept, find_boundary, offer, take, follow, advance


@block
def span_buffer(clk, rst, sink, source, buffer, depth):
    """Spans of transfers in flight, kept by `buffer` (a FIFO block) of `depth`."""
    width = len(sink.extra) + BEAT_BITS + 2 * len(sink.start)
    packed, unpacked = stream(width), stream(width)
    low = len(sink.start)
    kept = buffer(clk, rst, packed, unpacked, depth)

    @always_comb
    def pack():
        packed.data.next = concat(sink.extra, sink.position, sink.end, sink.start)
        packed.valid.next = sink.valid
        sink.ready.next = packed.ready

    @always_comb
    def unpack():
        source.start.next = unpacked.data[low:]
        source.end.next = unpacked.data[2 * low : low]
        source.position.next = unpacked.data[2 * low + BEAT_BITS : 2 * low]
        source.extra.next = unpacked.data[width : 2 * low + BEAT_BITS]
        source.valid.next = unpacked.valid
        unpacked.ready.next = source.ready

    return kept, pack, unpack


@block
def walk_span(clk, rst, covered, advance, lowest, highest, last):
    """Steps through the words of the span on offer, one for each `advance`; takes the span with its last
    word.

    lowest..highest: bytes of the word at hand that were asked for; last: it is the span's last word. Latency:
    combinational from the span's beginning on. Throughput: one word a cycle.
    """
    lane_mask = (1 << len(covered.start)) - 1
    done = word(len(covered.extra))
    begun = bit()

    @always_comb
    def measure():
        last.next = done == covered.extra
        lowest.next = 0
        if not begun:
            lowest.next = covered.start
        highest.next = lane_mask
        if done == covered.extra:
            highest.next = covered.end

    @always_comb
    def take():
        covered.ready.next = advance and done == covered.extra

    @always_seq(clk.posedge, reset=rst)
    def count():
        if advance:
            if done == covered.extra:
                done.next = 0
                begun.next = False
            else:
                done.next = done + 1
                begun.next = True

    return measure, take, count


@block
def lane_mask(lowest, highest, mask):
    """Bits lowest..highest of `mask`. Combinational; ranges: lowest <= highest."""
    lanes = len(mask)
    top = lanes - 1
    ones = (1 << lanes) - 1
    unfilled = word(len(highest))
    below = word(lanes)
    above = Signal(intbv(0)[2 * lanes :])

    @always_comb
    def invert():
        unfilled.next = top - highest

    @always_comb
    def fill():
        below.next = ones >> unfilled
        above.next = ones << lowest

    @always_comb
    def join():
        mask.next = below & above[lanes:]

    unused(above(2 * lanes, lanes), "lanes of the word after")
    return invert, fill, join
