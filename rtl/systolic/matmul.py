"""The array unit: MATMUL from the scratchpad to the accumulators."""

from myhdl import ConcatSignal, always_comb, always_seq, block, concat

from rtl.convert import unused
from rtl.lib.stream import bit, word
from rtl.systolic.accumulator import BITS, accumulator
from rtl.systolic.array import array, array_latency, sum_bits
from rtl.systolic.cluster import LOADED_ROWS, weight_bits
from rtl.systolic.decode import fields
from rtl.systolic.element import BUNDLE_BITS
from rtl.systolic.feeder import FEEDER_LATENCY, feeder
from rtl.systolic.isa import Opcode
from rtl.systolic.pixel import geometry, held, pixel
from rtl.systolic.post import flag_line
from rtl.systolic.sequencer import keep_geometry, sequencer
from rtl.systolic.skew import long_delay
from rtl.systolic.weights import weight_loader

COMPUTE, READ_STALL, WRITE_STALL, DEPENDENCY_STALL = range(4)
MATMUL = int(Opcode.MATMUL)


@block
def issue(queue, tokens, halt, loaded, busy, last, start, used, start_setup):
    """May the instruction at the head of the queue begin? A set-up may while the MATMUL before it runs."""
    given = fields(queue.data, Opcode.MATMUL)
    opcode, mask, reuse = given["opcode"], given["wait"], given["reuse"]
    allowed = bit()

    @always_comb
    def ask():
        tokens.wanted.next = mask

    @always_comb
    def decide():
        allowed.next = queue.valid and tokens.granted and not halt

    @always_comb
    def begin():
        start.next = allowed and opcode == MATMUL and (reuse or loaded) and (last or not busy)
        start_setup.next = allowed and opcode != MATMUL

    @always_comb
    def take():
        used.next = start and not reuse
        queue.ready.next = start or start_setup
        tokens.take.next = start or start_setup

    return ask, decide, begin, take


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
    """Multiply-accumulates executed, and those that an instruction leaves out, a cycle later.

    A product with a lane that reads zero, in padding within a streamed pixel, takes its slot: it is executed.
    """
    skipped = fields(instruction, Opcode.MATMUL)["skipped"]

    @always_seq(clk.posedge, reset=rst)
    def count():
        if where.valid and where.counted:
            executed.next = where.products * where.c_lanes
        else:
            executed.next = 0
        if start:
            left_out.next = skipped
        else:
            left_out.next = 0

    return count


@block
def steer(clk, rst, where, control, cycles):
    """The accumulators' control of a pixel, `cycles` later."""
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
def matmul(clk, rst, queue, tokens, halt, waits_post, waits_store, others_busy, weight_beats, reading, drain_index,
           drained, activity, executed, left_out, idle, cfg):
    """MATMUL, one pixel a cycle; a new weight tile every max(pixels x passes, words of a tile) cycles.

    reading: an ArrayRead of the scratchpad. drained: 32 bits a column, a cycle after drain_index.
    """
    rows, columns, size = cfg.rows, cfg.columns, cfg.cluster
    down, across, bits = rows // size, columns // size, (cfg.accumulators - 1).bit_length()
    where, following, scalars = pixel(bits), geometry(), held()
    start, used, start_setup, loaded, last, in_flight = bit(), bit(), bit(), bit(), bit(), bit()
    weight_signed = fields(queue.data, Opcode.MATMUL)["weight_signed"]
    flows, load_pairs = word(rows * BUNDLE_BITS + 2 * down), word(rows // LOADED_ROWS)
    weights = word(weight_bits(size) * across)
    width, drain_width = sum_bits(rows) * size, BITS * size
    sums = word(width * across)
    controls = [word(bits + 6) for _ in range(across + 1)]
    lanes = [word(drain_width) for _ in range(across)]
    to_sums = FEEDER_LATENCY + array_latency(rows, size)
    issuing = issue(queue, tokens, halt, loaded, where.valid, last, start, used, start_setup)
    setting = keep_geometry(clk, queue.data, start_setup, following)
    walking = sequencer(clk, rst, queue.data, start, following, scalars, where, last)
    feeding = feeder(clk, where, scalars, used, weight_signed, reading.data, reading.next_data, flows, rows, size)
    loading = weight_loader(clk, rst, weight_beats, used, loaded, load_pairs, weights, rows, columns, size,
                            cfg.indexed_rows * cfg.row_bytes // cfg.memory_bytes)
    multiplying = array(clk, rst, flows, load_pairs, weights, sums, rows, columns, size)
    steering = steer(clk, rst, where, controls[0], to_sums - 1)
    adding = [
        accumulator(clk, rst, controls[n], sums(width * (n + 1), width * n), controls[n + 1], drain_index, lanes[n],
                    cfg.accumulators)
        for n in range(across)
    ]
    counting = count_products(clk, rst, queue.data, start, where, executed, left_out)
    finishing = finish(clk, rst, where, tokens.give, in_flight, to_sums + across + 3)
    reporting = report(queue, where.valid, waits_post, waits_store, others_busy, activity)
    drained_bus = ConcatSignal(*reversed(lanes))
    unused(controls[across], "the last column has no neighbour")

    @always_comb
    def read():
        reading.address.next = where.address
        reading.next_address.next = where.next_address
        reading.split.next = where.split[8:]

    @always_comb
    def connect():
        drained.next = drained_bus
        idle.next = not queue.valid and not where.valid and not in_flight

    return (issuing, setting, walking, feeding, loading, multiplying, steering, adding, counting, finishing, reporting,
            read, connect)
