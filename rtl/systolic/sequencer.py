"""Walks the pixels of a MATMUL instruction."""

from myhdl import Signal, always, always_comb, always_seq, block, modbv

from rtl.lib.stream import bit, signed, word
from rtl.systolic.decode import fields
from rtl.systolic.isa import Opcode


@block
def countdown(clk, rst, start, rows, columns, wide, busy, high_pass, end_of_row, end_of_pass, last):
    """Loop counters: columns, rows, passes. `busy` from the cycle after `start` to the last pixel."""
    column, row = word(11), word(11)
    columns_left, rows_left = word(11), word(11)

    @always_comb
    def find_ends():
        end_of_row.next = column == 0
        end_of_pass.next = (column == 0) and (row == 0)
        last.next = busy and (column == 0) and (row == 0) and not high_pass

    @always_seq(clk.posedge, reset=rst)
    def run():
        if start:
            busy.next = True
            high_pass.next = wide
        elif busy and end_of_pass:
            busy.next = high_pass
            high_pass.next = False

    @always(clk.posedge)
    def count():
        if start:
            columns_left.next = columns - 1
            rows_left.next = rows - 1
            column.next = columns - 1
            row.next = rows - 1
        elif busy:
            if not end_of_row:
                column.next = column - 1
            else:
                column.next = columns_left
                if row == 0:
                    row.next = rows_left
                else:
                    row.next = row - 1

    return find_ends, run, count


@block
def walker(clk, start, busy, origin, step, row_step, end_of_row, end_of_pass, position):
    """A coordinate that goes on by `step` a pixel, by `row_step` from the start of a row to the next, and back to
    `origin` after a pass. The steps (Signals or ints) hold from the cycle after `start`."""
    begin = Signal(position.val)
    row_begin = Signal(position.val)
    next_row = Signal(position.val)

    @always_comb
    def add_row():
        next_row.next = row_begin + row_step

    @always(clk.posedge)
    def walk():
        if start:
            begin.next = origin
            row_begin.next = origin
            position.next = origin
        elif busy:
            if not end_of_row:
                position.next = position + step
            elif end_of_pass:
                row_begin.next = begin
                position.next = begin
            else:
                row_begin.next = next_row
                position.next = next_row

    return add_row, walk


@block
def row_walker(clk, start, busy, y_start, y_step, y_size, end_of_row, end_of_pass, in_range):
    """The map row that is read, and whether the map has it."""
    begin, y, size = signed(13), signed(13), signed(13)
    step = signed(4)

    @always_comb
    def compare():
        in_range.next = (y >= 0) and (y < size)

    @always(clk.posedge)
    def walk():
        if start:
            begin.next = y_start.signed()
            y.next = y_start.signed()
            size.next = y_size
            step.next = y_step
        elif busy and end_of_row:
            if end_of_pass:
                y.next = begin
            else:
                y.next = y + step

    return compare, walk


@block
def hazard_check(clk, rst, valid, index, forward_1, forward_2):
    """Is this accumulator the one added to last, or the one before: its new sum is not in memory yet."""
    newest, newer = word(len(index)), word(len(index))
    newest_valid, newer_valid = bit(), bit()

    @always_comb
    def compare():
        forward_1.next = newest_valid and newest == index
        forward_2.next = newer_valid and newer == index

    @always_seq(clk.posedge, reset=rst)
    def remember():
        if valid:
            newest.next = index
            newer.next = newest
            newest_valid.next = True
            newer_valid.next = newest_valid

    return compare, remember


@block
def sequencer(clk, rst, instruction, start, pixel, last):
    """Sends the pixels of the MATMUL that is in `instruction` when `start` is 1, one a cycle, from the next cycle on.

    `last` is 1 with an instruction's last pixel; a start in that cycle follows without a gap.
    """
    given = fields(instruction, Opcode.MATMUL)
    g_row_elements, g_k_lanes, g_c_lanes = given["row_elements"], given["k_lanes"], given["c_lanes"]
    g_zero_point, g_wide, g_weight_signed = given["zero_point"], given["wide"], given["weight_signed"]
    g_count, g_first, g_shift, g_reuse, g_signal = (
        given["count"], given["first"], given["shift"], given["reuse"], given["signal"])
    g_x_step, g_row_step, g_index_step = given["x_step"], given["row_step"], given["accumulator_row_step"]
    g_x_start = given["x_start"]
    busy, high_pass, end_of_row, end_of_pass, opening = bit(), bit(), bit(), bit(), bit()
    wide, counted, reuse, overwrite = bit(), bit(), bit(), bit()
    weight_shift = word(2)
    x_start, x_step = signed(18), signed(18)
    address_step, row_step, index_step = word(14), word(18), word(14)
    address, index = Signal(modbv(0)[24:]), Signal(modbv(0)[14:])
    loops = countdown(clk, rst, start, given["rows"], given["columns"], g_wide,
                      busy, high_pass, end_of_row, end_of_pass, last)
    addresses = walker(clk, start, busy, given["map_address"], address_step, row_step,
                       end_of_row, end_of_pass, address)
    elements = walker(clk, start, busy, x_start, x_step, 0, end_of_row, end_of_pass, pixel.x)
    indices = walker(clk, start, busy, given["accumulator"], 1, index_step, end_of_row, end_of_pass, index)
    map_rows = row_walker(clk, start, busy, given["y_start"], given["y_step"], given["y_size"],
                          end_of_row, end_of_pass, pixel.in_range)
    hazards = hazard_check(clk, rst, busy, pixel.accumulator, pixel.forward_1, pixel.forward_2)
    bits = len(pixel.accumulator)

    @always_comb
    def extend():
        x_start.next = g_x_start.signed()

    @always(clk.posedge)
    def keep():
        if start:
            pixel.row_elements.next = g_row_elements
            pixel.k_lanes.next = g_k_lanes
            pixel.c_lanes.next = g_c_lanes
            pixel.zero_point.next = g_zero_point.signed()
            pixel.weight_signed.next = g_weight_signed
            pixel.signal.next = g_signal
            wide.next = g_wide
            counted.next = g_count
            reuse.next = g_reuse
            overwrite.next = g_first
            weight_shift.next = g_shift
            x_step.next = g_x_step
            address_step.next = g_x_step
            row_step.next = g_row_step
            index_step.next = g_index_step

    @always_seq(clk.posedge, reset=rst)
    def open_tile():
        if start:
            opening.next = True
        elif busy:
            opening.next = False

    @always_comb
    def describe():
        pixel.valid.next = busy
        pixel.address.next = address
        pixel.accumulator.next = index[bits:]
        pixel.wide.next = wide
        pixel.high.next = high_pass
        pixel.swap.next = opening and not reuse
        pixel.last.next = last

    @always_comb
    def weigh():
        if high_pass:
            pixel.shift.next = weight_shift + 1
        else:
            pixel.shift.next = weight_shift
        if wide:
            pixel.first.next = overwrite and high_pass
            pixel.counted.next = counted and high_pass
        else:
            pixel.first.next = overwrite
            pixel.counted.next = counted

    return loops, addresses, elements, indices, map_rows, hazards, extend, keep, open_tile, describe, weigh
