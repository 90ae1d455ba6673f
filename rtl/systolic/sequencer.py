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
def row_walker(clk, start, busy, y_start, y_step, y_size, end_of_row, end_of_pass, in_range, next_in_range):
    """The map row that is read; whether the map has it, and the one after it."""
    begin, y, size, below = signed(13), signed(13), signed(13), signed(13)
    step = signed(4)

    @always_comb
    def go_down():
        below.next = y + 1

    @always_comb
    def compare():
        in_range.next = (y >= 0) and (y < size)
        next_in_range.next = (below >= 0) and (below < size)

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

    return go_down, compare, walk


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
def keep_geometry(clk, instruction, start, scalars):
    """Takes the scalars of the MATMUL_SETUP that is in `instruction` when `start` is 1."""
    given = fields(instruction, Opcode.MATMUL_SETUP)
    row_elements, row_pitch, kernel_row = given["row_elements"], given["row_pitch"], given["kernel_row"]
    x_step, row_step, y_size, y_step = given["x_step"], given["row_step"], given["y_size"], given["y_step"]
    wide, zero_point, sparsity = given["wide"], given["zero_point"], given["sparsity"]

    @always(clk.posedge)
    def keep():
        if start:
            scalars.row_end.next = row_elements
            scalars.kernel_row.next = kernel_row
            scalars.jump.next = row_pitch - kernel_row
            scalars.x_step.next = x_step
            scalars.row_step.next = row_step
            scalars.y_size.next = y_size
            scalars.y_step.next = y_step
            scalars.wide.next = wide
            scalars.zero_point.next = zero_point.signed()
            scalars.sparsity.next = sparsity

    return keep


@block
def hold_geometry(clk, start, following, scalars, x_step, row_step):
    """The scalars that were set last, from the MATMUL on that is started when `start` is 1."""

    @always(clk.posedge)
    def keep():
        if start:
            scalars.row_end.next = following.row_end
            scalars.kernel_row.next = following.kernel_row
            scalars.wide.next = following.wide
            scalars.zero_point.next = following.zero_point
            scalars.sparsity.next = following.sparsity
            x_step.next = following.x_step
            row_step.next = following.row_step

    return keep


@block
def sequencer(clk, rst, instruction, start, following, scalars, pixel, last):
    """Sends the pixels of the MATMUL that is in `instruction` when `start` is 1, one a cycle, from the next cycle on.

    following: the scalars set last, which it is to use; scalars: those in use. `last` is 1 with an instruction's last
    pixel; a start in that cycle follows without a gap.
    """
    given = fields(instruction, Opcode.MATMUL)
    g_k_lanes, g_split, g_products, g_c_lanes = given["k_lanes"], given["split"], given["products"], given["c_lanes"]
    g_count, g_first, g_shift, g_signal = given["count"], given["first"], given["shift"], given["signal"]
    g_address, g_x_start, g_index_step = given["map_address"], given["x_start"], given["accumulator_row_step"]
    busy, high_pass, end_of_row, end_of_pass = bit(), bit(), bit(), bit()
    counted, overwrite = bit(), bit()
    weight_shift = word(2)
    x_start, element_step = signed(19), signed(19)
    x_step, row_step, index_step = word(14), word(18), word(14)
    next_start = Signal(modbv(0)[24:])
    address, next_address, index = Signal(modbv(0)[24:]), Signal(modbv(0)[24:]), Signal(modbv(0)[14:])
    holding = hold_geometry(clk, start, following, scalars, x_step, row_step)
    loops = countdown(clk, rst, start, given["rows"], given["columns"], following.wide,
                      busy, high_pass, end_of_row, end_of_pass, last)
    addresses = walker(clk, start, busy, g_address, x_step, row_step, end_of_row, end_of_pass, address)
    next_addresses = walker(clk, start, busy, next_start, x_step, row_step,
                            end_of_row, end_of_pass, next_address)
    elements = walker(clk, start, busy, x_start, element_step, 0, end_of_row, end_of_pass, pixel.x)
    indices = walker(clk, start, busy, given["accumulator"], 1, index_step, end_of_row, end_of_pass, index)
    map_rows = row_walker(clk, start, busy, given["y_start"], following.y_step, following.y_size,
                          end_of_row, end_of_pass, pixel.in_range, pixel.next_in_range)
    hazards = hazard_check(clk, rst, busy, pixel.accumulator, pixel.forward_1, pixel.forward_2)
    bits = len(pixel.accumulator)

    @always_comb
    def extend():
        x_start.next = g_x_start.signed()
        element_step.next = x_step

    @always_comb
    def begin_next_row():
        next_start.next = g_address + following.jump

    @always(clk.posedge)
    def keep():
        if start:
            pixel.k_lanes.next = g_k_lanes
            pixel.split.next = g_split
            pixel.products.next = g_products
            pixel.c_lanes.next = g_c_lanes
            pixel.signal.next = g_signal
            counted.next = g_count
            overwrite.next = g_first
            weight_shift.next = g_shift
            index_step.next = g_index_step

    @always_comb
    def describe():
        pixel.valid.next = busy
        pixel.address.next = address
        pixel.next_address.next = next_address
        pixel.accumulator.next = index[bits:]
        pixel.high.next = high_pass
        pixel.last.next = last

    @always_comb
    def weigh():
        if high_pass:
            pixel.shift.next = weight_shift + 1
        else:
            pixel.shift.next = weight_shift
        if scalars.wide:
            pixel.first.next = overwrite and high_pass
            pixel.counted.next = counted and high_pass
        else:
            pixel.first.next = overwrite
            pixel.counted.next = counted

    return (holding, loops, addresses, next_addresses, elements, indices, map_rows, hazards, extend, begin_next_row,
            keep, describe, weigh)
