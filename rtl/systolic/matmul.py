"""The array unit: MATMUL from the scratchpad to the accumulators."""

from myhdl import ConcatSignal, always_comb, always_seq, block, concat

from rtl.convert import unused
from rtl.lib.stream import bit, signed, word
from rtl.systolic.accumulator import accumulator
from rtl.systolic.array import FLOW_BITS, array, sum_bits
from rtl.systolic.decode import fields
from rtl.systolic.feeder import FEEDER_LATENCY, feeder
from rtl.systolic.isa import Opcode
from rtl.systolic.pixel import pixel
from rtl.systolic.post import flag_line
from rtl.systolic.sequencer import sequencer
from rtl.systolic.skew import long_delay
from rtl.systolic.weights import weight_loader

COMPUTE, READ_STALL, WRITE_STALL, DEPENDENCY_STALL = range(4)


@block
def issue(queue, tokens, halt, loaded, busy, last, start, used):
    """May the MATMUL at the head of the queue begin?"""
    given = fields(queue.data, Opcode.MATMUL)
    mask, reuse = given["wait"], given["reuse"]

    @always_comb
    def ask():
        tokens.wanted.next = mask

    @always_comb
    def decide():
        start.next = queue.valid and tokens.granted and not halt and (reuse or loaded) and (last or not busy)

    @always_comb
    def take():
        used.next = start and not reuse
        queue.ready.next = start
        tokens.take.next = start

    return ask, decide, take


@block
def report(queue, busy, waits_post, waits_store, others_busy, activity):
    """What the array does: computes, or waits for memory, for results to leave, or for another unit."""

    @always_comb
    def choose():
        activity.next = READ_STALL
        if busy:
            activity.next = COMPUTE
        elif not queue.valid:
            if others_busy:
                activity.next = WRITE_STALL
        elif waits_store:
            activity.next = WRITE_STALL
        elif waits_post:
            activity.next = DEPENDENCY_STALL

    return choose


@block
def count_products(clk, rst, instruction, start, where, executed, left_out):
    """Multiply-accumulates executed, and those an instruction's rectangle leaves out, a cycle later.

    A product with a lane that reads zero, in padding within a streamed pixel, takes its slot: it is executed.
    """
    skipped = fields(instruction, Opcode.MATMUL)["skipped"]
    k_lanes = where.k_lanes(8, 0)

    @always_seq(clk.posedge, reset=rst)
    def count():
        if where.valid and where.counted:
            executed.next = k_lanes * where.c_lanes
        else:
            executed.next = 0
        if start:
            left_out.next = skipped
        else:
            left_out.next = 0

    return count


@block
def steer(clk, rst, where, control, rows):
    """The accumulators' control of a pixel, when its products are about to leave column 0."""
    cycles = FEEDER_LATENCY + rows
    packed = ConcatSignal(where.accumulator, where.shift, where.forward_2, where.forward_1, where.first)
    late = word(len(packed))
    line = word(cycles)
    last = cycles - 1
    wait = long_delay(clk, rst, packed, late, cycles)
    flags = flag_line(clk, rst, where.valid, line)

    @always_comb
    def join():
        if line[last]:
            control.next = concat(late, True)
        else:
            control.next = 0

    return wait, flags, join


@block
def finish(clk, rst, where, give, in_flight, cycles):
    """Tokens of an instruction `cycles` after its last pixel, when POST may read its sums."""
    last_line, valid_line = word(cycles), word(cycles)
    signal = word(4)
    end = cycles - 1
    wait = long_delay(clk, rst, where.signal, signal, cycles)
    last_flags = flag_line(clk, rst, where.last, last_line)
    valid_flags = flag_line(clk, rst, where.valid, valid_line)

    @always_comb
    def pay():
        if last_line[end]:
            give.next = signal
        else:
            give.next = 0

    @always_comb
    def tell():
        in_flight.next = valid_line != 0

    return wait, last_flags, valid_flags, pay, tell


@block
def matmul(clk, rst, queue, tokens, halt, waits_post, waits_store, others_busy, weight_beats, read_address,
           map_data, drain_index, drained, activity, executed, left_out, idle, rows, columns, depth):
    """MATMUL, one pixel a cycle; a new weight tile every max(pixels x passes, rows) cycles.

    map_data: the bytes from read_address on, SCRATCHPAD_LATENCY later. drained: 32 bits a column, a cycle after
    drain_index.
    """
    bits = (depth - 1).bit_length()
    where = pixel(bits)
    start, used, loaded, last, in_flight = bit(), bit(), bit(), bit(), bit()
    flows, load_rows, weights = word(FLOW_BITS * rows), word(rows), word(4 * columns)
    width = sum_bits(rows)
    sums = word(width * columns)
    column_sums = [signed(width) for _ in range(columns)]
    controls = [word(bits + 6) for _ in range(columns + 1)]
    lanes = [signed(32) for _ in range(columns)]
    issuing = issue(queue, tokens, halt, loaded, where.valid, last, start, used)
    walking = sequencer(clk, rst, queue.data, start, where, last)
    feeding = feeder(clk, where, map_data, flows, rows)
    loading = weight_loader(clk, rst, weight_beats, used, loaded, load_rows, weights, rows, columns)
    multiplying = array(clk, rst, flows, load_rows, weights, sums, rows, columns)
    steering = steer(clk, rst, where, controls[0], rows)
    interpreting = [interpret(sums(width * (n + 1), width * n), column_sums[n]) for n in range(columns)]
    adding = [
        accumulator(clk, rst, controls[n], column_sums[n], controls[n + 1], drain_index, lanes[n], depth)
        for n in range(columns)
    ]
    counting = count_products(clk, rst, queue.data, start, where, executed, left_out)
    finishing = finish(clk, rst, where, tokens.give, in_flight, FEEDER_LATENCY + rows + columns + 4)
    reporting = report(queue, where.valid, waits_post, waits_store, others_busy, activity)
    drained_bus = ConcatSignal(*reversed(lanes))
    unused(controls[columns], "the last column has no neighbour")

    @always_comb
    def connect():
        read_address.next = where.address
        drained.next = drained_bus
        idle.next = not queue.valid and not where.valid and not in_flight

    return (issuing, walking, feeding, loading, multiplying, steering, interpreting, adding, counting, finishing,
            reporting, connect)


@block
def interpret(bits, value):
    """Bits of a bus as a two's complement number."""

    @always_comb
    def drive():
        value.next = bits.signed()

    return drive
