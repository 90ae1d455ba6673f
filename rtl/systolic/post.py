"""The post-processor: a walker, a pipeline for each channel, and what travels beside the values."""

from dataclasses import dataclass

from myhdl import ConcatSignal, always_comb, always_seq, block, concat

from rtl.lib.delay import delay
from rtl.lib.stream import bit, word
from rtl.systolic.isa import Opcode, PoolKind, offset
from rtl.systolic.post_lane import (
    ADDED,
    AVERAGE,
    POOLED,
    RESULT,
    TAPPED,
    VALUE,
    Steps,
    post_lane,
    setup,
)
from rtl.systolic.post_walk import keep_setup, position, post_walk
from rtl.systolic.scratchpad import SCRATCHPAD_LATENCY
from rtl.systolic.skew import long_delay

READ = VALUE - SCRATCHPAD_LATENCY  # when the map is asked
DONE = RESULT + 3  # when a result can be read back
POST, POST_SETUP = int(Opcode.POST), int(Opcode.POST_SETUP)
NO_POOL = int(PoolKind.NONE)


@dataclass(frozen=True)
class Trail:
    """What travels with a value: where it comes from or goes to, and for whom."""

    address: object
    lanes: object
    layer: object
    tag: object


def trail():
    """A Trail of fresh Signals."""
    return Trail(word(24), word(8), word(12), word(24))


@block
def follow(clk, rst, address, where, late, cycles):
    """The trail of a position, `cycles` later."""
    packed = ConcatSignal(where.tag, where.layer, where.c_lanes, address)
    unpacked = word(68)
    wait = long_delay(clk, rst, packed, unpacked, cycles)

    @always_comb
    def unpack():
        late.address.next = unpacked[24:]
        late.lanes.next = unpacked[32:24]
        late.layer.next = unpacked[44:32]
        late.tag.next = unpacked[68:44]

    return wait, unpack


@block
def flag_line(clk, rst, flag, line):
    """Bit n of `line` is `flag`, n + 1 cycles later."""
    top = len(line) - 1

    @always_seq(clk.posedge, reset=rst)
    def shift():
        line.next = concat(line[top:], flag)

    return shift


@block
def time_steps(clk, where, steps):
    """Each instruction bit at its place in the pipeline."""
    at_start = word(3)
    at_value = word(3)
    pool_first = word(3)
    at_pool = word(3)
    average = bit()
    to_value = delay(clk, at_start, at_value, VALUE)
    to_added = delay(clk, steps.add, steps.add_late, ADDED - VALUE)
    to_pool = delay(clk, pool_first, at_pool, POOLED)
    to_result = delay(clk, average, steps.average, RESULT - 1 - POOLED)

    @always_comb
    def gather():
        at_start.next[0] = where.from_map
        at_start.next[1] = where.from_map and where.add and not where.operand_turn
        at_start.next[2] = where.add
        pool_first.next = concat(where.pool, where.first)

    @always_comb
    def spread():
        steps.from_map.next = at_value[0]
        steps.hold.next = at_value[1]
        steps.add.next = at_value[2]
        steps.first.next = at_pool[0]
        steps.pool.next = at_pool[3:1]
        average.next = at_pool[3:1] == AVERAGE

    return to_value, to_added, to_pool, to_result, gather, spread


@block
def read_map(clk, rst, where, read_valid, read_address):
    """Asks the scratchpad for a byte or an operand, READ cycles after the position."""
    chosen = word(24)
    wanted = bit()
    line = word(READ)
    last = READ - 1
    wait = long_delay(clk, rst, chosen, read_address, READ)
    flags = flag_line(clk, rst, wanted, line)

    @always_comb
    def choose():
        wanted.next = where.valid and (where.from_map or where.add)
        if where.add and (where.operand_turn or not where.from_map):
            chosen.next = where.operand
        else:
            chosen.next = where.source

    @always_comb
    def ask():
        read_valid.next = line[last]

    return wait, flags, choose, ask


@block
def issue(queue, tokens, halt, busy, last, drained, start, start_setup):
    """May the instruction at the head of the queue begin? One that says so, or that changes the scalars, waits until
    every result before it can be read back."""
    head = queue.data
    opcode, mask = head(4, 0), head(8, 4)
    settle = head(offset(Opcode.POST, "settle")[0])
    allowed, settled = bit(), bit()

    @always_comb
    def ask():
        tokens.wanted.next = mask

    @always_comb
    def check():
        allowed.next = queue.valid and tokens.granted and not halt
        settled.next = drained and not busy

    @always_comb
    def decide():
        start_setup.next = allowed and settled and opcode == POST_SETUP
        if settle:
            start.next = allowed and settled and opcode == POST
        else:
            start.next = allowed and (last or not busy) and opcode == POST

    @always_comb
    def take():
        tokens.take.next = start or start_setup
        queue.ready.next = start or start_setup

    return ask, check, decide, take


@block
def finish(clk, rst, where, start_setup, setup_signal, drained, moving, give):
    """Tokens of an instruction when its last result can be read back; `drained` when all results can; `moving` from the
    cycle after a position until then."""
    valid_line, last_line = word(DONE), word(DONE)
    signal = word(4)
    after = DONE - 1
    valid_flags = flag_line(clk, rst, where.valid, valid_line)
    last_flags = flag_line(clk, rst, where.last, last_line)
    wait = long_delay(clk, rst, where.signal, signal, DONE)

    @always_comb
    def tell():
        drained.next = valid_line == 0

    @always_comb
    def pay():
        if start_setup:
            give.next = setup_signal
        elif last_line[after]:
            give.next = signal
        else:
            give.next = 0

    @always_seq(clk.posedge, reset=rst)
    def move():
        moving.next = where.valid or not drained

    return valid_flags, last_flags, wait, tell, pay, move


@block
def mark_results(clk, rst, where, tap_valid, write_valid, layer_end):
    """When the clamped value may be seen, when the result is written, when a layer's last one is."""
    tap_line, write_line, layer_line = word(TAPPED), word(RESULT), word(RESULT)
    tap_wanted = bit()
    at_tap, at_result = TAPPED - 1, RESULT - 1
    taps = flag_line(clk, rst, tap_wanted, tap_line)
    writes = flag_line(clk, rst, where.write, write_line)
    layers = flag_line(clk, rst, where.layer_end, layer_line)

    @always_comb
    def choose():
        tap_wanted.next = (
            where.valid
            and (where.add or where.pool != NO_POOL)
            and (where.operand_turn or not (where.from_map and where.add))
        )

    @always_comb
    def tell():
        tap_valid.next = tap_line[at_tap]
        write_valid.next = write_line[at_result]
        layer_end.next = layer_line[at_result]

    return taps, writes, layers, choose, tell


@block
def post(clk, rst, queue, tokens, halt, parameter_write, accumulator_index, accumulated, read_valid, read_address,
         map_data, tap_valid, tap, tapped, write_valid, written, results, layer_end, idle, columns, sets):
    """POST and POST_SETUP: one position a cycle, a result RESULT cycles after its last position.

    accumulator_index and the parameters are read at the position, `accumulated` (32 bits a column) comes a cycle later;
    `map_data` SCRATCHPAD_LATENCY after read_address. tap/tapped and written/results: trail and bytes at `valid`.
    """
    where, steps, scalars = position(), Steps(bit(), bit(), bit(), bit(), word(2), bit(), bit()), setup()
    start, start_setup, last, drained, moving = bit(), bit(), bit(), bit(), bit()
    index = queue.data(280, 256)
    tapped_lanes = [word(8) for _ in range(columns)]
    result_lanes = [word(8) for _ in range(columns)]
    bits = len(accumulator_index)
    issuing = issue(queue, tokens, halt, where.valid, last, drained, start, start_setup)
    walking = post_walk(clk, rst, queue.data, index, start, where, last)
    keeping = keep_setup(clk, queue.data, start_setup, scalars)
    timing = time_steps(clk, where, steps)
    reading = read_map(clk, rst, where, read_valid, read_address)
    marking = mark_results(clk, rst, where, tap_valid, write_valid, layer_end)
    finishing = finish(clk, rst, where, start_setup, queue.data(12, 8), drained, moving, tokens.give)
    tap_trail = follow(clk, rst, where.source, where, tap, TAPPED)
    result_trail = follow(clk, rst, where.destination, where, written, RESULT)
    lanes = [
        post_lane(clk, moving, accumulated(32 * lane + 32, 32 * lane), map_data(8 * lane + 8, 8 * lane),
                  parameter_write[lane], where.parameter_set, scalars, steps,
                  tapped_lanes[lane], result_lanes[lane], sets)
        for lane in range(columns)
    ]
    tapped_bus, result_bus = ConcatSignal(*reversed(tapped_lanes)), ConcatSignal(*reversed(result_lanes))

    @always_comb
    def drain():
        accumulator_index.next = where.source[bits:]
        idle.next = drained and not where.valid and not queue.valid

    @always_comb
    def join():
        tapped.next = tapped_bus
        results.next = result_bus

    return (issuing, walking, keeping, timing, reading, marking, finishing, tap_trail, result_trail, lanes, drain,
            join)
