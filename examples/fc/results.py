"""From sums to results, and from results to memory words."""

from myhdl import Signal, always, always_comb, always_seq, block, modbv

from rtl.convert import unused
from rtl.lib.delay import delay_control
from rtl.lib.fifo import small_fifo
from rtl.lib.requantiser import REQUANTISER_LATENCY, requantiser
from rtl.lib.stream import bit, signed, stream, word

DEPTH = 4  # words between results and memory
MOST_HELD = 2  # results of at most two words are on their way when the multipliers stop


@block
def finish(clk, rst, closing, total, parameters, zero_point, low, high, valid, result):
    """result = clamp(requantise(total + bias) + zero_point, low, high), a byte. Latency: REQUANTISER_LATENCY + 2."""
    bias, multiplier, shift = signed(32), word(31), signed(6)
    biased, scaled = Signal(modbv(0, min=-(1 << 31), max=1 << 31)), signed(32)
    least, most, moved = signed(8), signed(8), signed(33)
    done = bit()

    @always_comb
    def split():
        bias.next = parameters[32:].signed()
        multiplier.next = parameters[63:32]
        shift.next = parameters[70:64].signed()
        least.next = low.signed()
        most.next = high.signed()

    sum_of_both, kept_multiplier, kept_shift = signed(33), word(31), signed(6)

    @always_comb
    def add():
        sum_of_both.next = total + bias

    @always(clk.posedge)
    def keep():
        biased.next = sum_of_both[32:].signed()
        kept_multiplier.next = multiplier
        kept_shift.next = shift

    scaling = requantiser(clk, biased, kept_multiplier, kept_shift, scaled)
    timing = delay_control(clk, rst, closing, done, REQUANTISER_LATENCY + 1)

    @always_comb
    def move():
        moved.next = scaled + zero_point.signed()

    @always_seq(clk.posedge, reset=rst)
    def announce():
        valid.next = done

    @always(clk.posedge)
    def clamp():
        if moved < least:
            result.next = least[8:]
        elif moved > most:
            result.next = most[8:]
        else:
            result.next = moved[8:]

    return split, add, keep, scaling, timing, move, announce, clamp


@block
def pack(clk, rst, start, outputs, valid, result, number, source, blocked):
    """Results, one byte each, as memory words; the last word of a layer may be short.

    number: of the result on offer. blocked: no more weights are to be multiplied, for there may be no room.
    """
    lanes = len(source.data) // 8
    bits, highest = (lanes - 1).bit_length(), lanes - 1
    lane, last = number(bits, 0), Signal(modbv(0)[16:])
    gathered, complete, ended = word(8 * lanes), bit(), bit()
    sink, held = stream(8 * lanes), word(3)
    buffer = small_fifo(clk, rst, sink, source, DEPTH)

    @always_comb
    def measure():
        last.next = outputs - 1

    @always_comb
    def look():
        ended.next = valid and (lane == highest or number == last)
        sink.valid.next = complete
        sink.data.next = gathered
        blocked.next = held >= MOST_HELD

    @always_seq(clk.posedge, reset=rst)
    def follow():
        complete.next = ended
        if start:
            number.next = 0
        elif valid:
            number.next = number + 1
        if ended and not (source.valid and source.ready):
            held.next = held + 1
        elif source.valid and source.ready and not ended:
            held.next = held - 1

    @always(clk.posedge)
    def gather():
        if valid:
            for i in range(lanes):
                if lane == i:
                    gathered.next[8 * i + 8 : 8 * i] = result

    unused(sink.ready, "there is room for what is on its way when the multipliers stop")
    return buffer, measure, look, follow, gather
