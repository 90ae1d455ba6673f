"""Walks the results of a POST instruction, and for each the positions of its window."""

from dataclasses import dataclass

from myhdl import Signal, always, always_comb, always_seq, block, modbv

from rtl.lib.stream import bit, word
from rtl.systolic.decode import fields
from rtl.systolic.isa import Opcode, PoolKind

NONE = int(PoolKind.NONE)


@dataclass(frozen=True)
class Position:
    """One read of POST: an accumulator or byte of a window, or the operand of an add that follows its byte."""

    valid: object
    source: object
    destination: object
    operand: object
    operand_turn: object  # the operand is read in this cycle, after a byte that was read from the map
    first: object  # of its window
    write: object  # last of its window: a result follows
    last: object  # of its instruction
    from_map: object
    add: object
    pool: object
    parameter_set: object
    c_lanes: object
    layer: object
    tag: object
    layer_end: object
    signal: object


def position():
    """A Position of fresh Signals."""
    return Position(bit(), Signal(modbv(0)[24:]), Signal(modbv(0)[24:]), Signal(modbv(0)[24:]), bit(), bit(), bit(),
                    bit(), bit(), bit(), word(2), word(6), word(8), word(12), word(24), bit(), word(4))


@dataclass(frozen=True)
class Ends:
    """Which loops are at their last turn."""

    window_row: object
    window: object
    row: object
    all: object


@block
def counter(clk, start, step, turns, ended):
    """Counts `turns` down and starts again; `ended` in the last turn."""
    left, again = word(len(turns)), word(len(turns))

    @always_comb
    def compare():
        ended.next = left == 0

    @always(clk.posedge)
    def count():
        if start:
            again.next = turns - 1
            left.next = turns - 1
        elif step:
            if left == 0:
                left.next = again
            else:
                left.next = left - 1

    return compare, count


@block
def loops(clk, start, step, given_window_columns, given_window_rows, given_columns, given_rows, ends, first):
    """Window column, window row, column, row, from the inside out; `first` at the first position of a window."""
    end_window_column, end_window_row, end_column, end_row = bit(), bit(), bit(), bit()
    step_window_row, step_column, step_row = bit(), bit(), bit()
    inner = counter(clk, start, step, given_window_columns, end_window_column)
    second = counter(clk, start, step_window_row, given_window_rows, end_window_row)
    third = counter(clk, start, step_column, given_columns, end_column)
    outer = counter(clk, start, step_row, given_rows, end_row)

    @always_comb
    def chain():
        step_window_row.next = step and end_window_column
        step_column.next = step and end_window_column and end_window_row
        step_row.next = step and end_window_column and end_window_row and end_column

    @always_comb
    def tell():
        ends.window_row.next = end_window_column
        ends.window.next = end_window_column and end_window_row
        ends.row.next = end_window_column and end_window_row and end_column
        ends.all.next = end_window_column and end_window_row and end_column and end_row

    @always(clk.posedge)
    def open_window():
        if start:
            first.next = True
        elif step:
            first.next = ends.window

    return inner, second, third, outer, chain, tell, open_window


@block
def window_pointer(clk, start, step, ends, origin, window_step, window_row_step, pixel_step, row_step, pointer):
    """Address of the window's position; the steps hold from the cycle after `start`."""
    window_row, pixel, row = [Signal(modbv(0)[24:]) for _ in range(3)]
    next_row, next_pixel, next_window_row = [Signal(modbv(0)[24:]) for _ in range(3)]

    @always_comb
    def add():
        next_row.next = row + row_step
        next_pixel.next = pixel + pixel_step
        next_window_row.next = window_row + window_row_step

    @always(clk.posedge)
    def walk():
        if start:
            row.next = origin
            pixel.next = origin
            window_row.next = origin
            pointer.next = origin
        elif step:
            if not ends.window_row:
                pointer.next = pointer + window_step
            elif not ends.window:
                window_row.next = next_window_row
                pointer.next = next_window_row
            elif not ends.row:
                pixel.next = next_pixel
                window_row.next = next_pixel
                pointer.next = next_pixel
            else:
                row.next = next_row
                pixel.next = next_row
                window_row.next = next_row
                pointer.next = next_row

    return add, walk


@block
def result_pointer(clk, start, step, ends, origin, pixel_step, row_step, pointer):
    """Address that moves once a result; the steps hold from the cycle after `start`."""
    row = Signal(modbv(0)[24:])
    next_row = Signal(modbv(0)[24:])

    @always_comb
    def add():
        next_row.next = row + row_step

    @always(clk.posedge)
    def walk():
        if start:
            row.next = origin
            pointer.next = origin
        elif step and ends.window:
            if not ends.row:
                pointer.next = pointer + pixel_step
            else:
                row.next = next_row
                pointer.next = next_row

    return add, walk


@block
def post_walk(clk, rst, instruction, index, start, position, last):
    """Sends the positions of the POST that is in `instruction` when `start` is 1, from the next cycle on.

    `last` is 1 with the instruction's last position; a start in that cycle follows without a gap.
    """
    given = fields(instruction, Opcode.POST)
    g_source_row_step, g_source_step = given["source_row_step"], given["source_step"]
    g_window_row_step, g_window_step = given["window_row_step"], given["window_step"]
    g_row_step, g_step = given["row_step"], given["step"]
    g_from_map, g_add, g_pool, g_set = given["from_map"], given["add"], given["pool"], given["parameter_set"]
    g_c_lanes, g_layer, g_layer_end, g_signal = given["c_lanes"], given["layer"], given["layer_end"], given["signal"]
    source_row_step, source_step, window_row_step, window_step = word(18), word(14), word(16), word(14)
    row_step, pixel_step = word(18), word(14)
    busy, step, second_turn, layer_ends = bit(), bit(), bit(), bit()
    ends = Ends(bit(), bit(), bit(), bit())
    looping = loops(clk, start, step, given["window_columns"], given["window_rows"], given["columns"], given["rows"],
                    ends, position.first)
    sources = window_pointer(clk, start, step, ends, given["source"], window_step, window_row_step, source_step,
                             source_row_step, position.source)
    results = result_pointer(clk, start, step, ends, given["destination"], pixel_step, row_step,
                             position.destination)
    operands = result_pointer(clk, start, step, ends, given["operand"], pixel_step, row_step, position.operand)

    @always(clk.posedge)
    def keep():
        if start:
            source_row_step.next = g_source_row_step
            source_step.next = g_source_step
            window_row_step.next = g_window_row_step
            window_step.next = g_window_step
            row_step.next = g_row_step
            pixel_step.next = g_step
            layer_ends.next = g_layer_end

    @always(clk.posedge)
    def describe():
        if start:
            position.from_map.next = g_from_map
            position.add.next = g_add
            position.pool.next = g_pool
            position.parameter_set.next = g_set
            position.c_lanes.next = g_c_lanes
            position.layer.next = g_layer
            position.signal.next = g_signal
            position.tag.next = index

    @always_comb
    def take_turns():
        step.next = busy and (second_turn or not (position.from_map and position.add))
        position.operand_turn.next = second_turn

    @always_comb
    def tell():
        position.valid.next = busy
        position.write.next = step and ends.window
        position.last.next = step and ends.all
        position.layer_end.next = step and ends.all and layer_ends
        last.next = step and ends.all

    @always_seq(clk.posedge, reset=rst)
    def run():
        if start:
            busy.next = True
            second_turn.next = False
        elif busy:
            second_turn.next = not step
            if step and ends.all:
                busy.next = False

    return looping, sources, results, operands, keep, describe, take_turns, tell, run


@block
def keep_setup(clk, instruction, start, scalars):
    """Takes the scalars of the POST_SETUP that is in `instruction` when `start` is 1."""
    given = fields(instruction, Opcode.POST_SETUP)
    output_zero_point, low, high = given["output_zero_point"], given["low"], given["high"]
    multiplier_1, shift_1, zero_point_1 = given["multiplier_1"], given["shift_1"], given["zero_point_1"]
    multiplier_2, shift_2, zero_point_2 = given["multiplier_2"], given["shift_2"], given["zero_point_2"]
    multiplier_out, shift_out = given["multiplier_out"], given["shift_out"]
    add_zero_point, add_low, add_high = given["add_zero_point"], given["add_low"], given["add_high"]
    multiplier, shift, half = given["divisor_multiplier"], given["divisor_shift"], given["divisor_half"]

    @always(clk.posedge)
    def keep():
        if start:
            scalars.output_zero_point.next = output_zero_point.signed()
            scalars.low.next = low.signed()
            scalars.high.next = high.signed()
            scalars.multiplier_1.next = multiplier_1
            scalars.shift_1.next = shift_1
            scalars.zero_point_1.next = zero_point_1.signed()
            scalars.multiplier_2.next = multiplier_2
            scalars.shift_2.next = shift_2
            scalars.zero_point_2.next = zero_point_2.signed()
            scalars.multiplier_out.next = multiplier_out
            scalars.shift_out.next = shift_out
            scalars.add_zero_point.next = add_zero_point.signed()
            scalars.add_low.next = add_low.signed()
            scalars.add_high.next = add_high.signed()
            scalars.divisor_multiplier.next = multiplier
            scalars.divisor_shift.next = shift
            scalars.divisor_half.next = half

    return keep
