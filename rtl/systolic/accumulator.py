"""Accumulators of one column: partial sums of every pixel of a tile, in two banks."""

from myhdl import always, always_comb, always_seq, block

from rtl.lib.ram import ram
from rtl.lib.stream import bit, signed, word

# bits of `control`; the accumulator's index is above them, its highest bit the bank
VALID, FIRST, FORWARD_1, FORWARD_2, SHIFT = 0, 1, 2, 3, 4
INDEX = 6


@block
def bank(clk, adding, index, drain_index, write_enable, write_index, write_data, read_data, depth):
    """Half of the accumulators; while it is not added to, it can be drained. Latency 1."""
    address = word(len(index))
    memory = ram(clk, write_enable, write_index, write_data, address, read_data, depth)

    @always_comb
    def choose():
        if adding:
            address.next = index
        else:
            address.next = drain_index

    return memory, choose


@block
def adder(control, products, low, high, newest, newer, total):
    """total = the accumulator's old value + products << 4 * shift."""
    top = len(control) - 1
    old, addend = signed(32), signed(32)

    @always_comb
    def choose():
        if control[FIRST]:
            old.next = 0
        elif control[FORWARD_1]:
            old.next = newest
        elif control[FORWARD_2]:
            old.next = newer
        elif control[top]:
            old.next = high.signed()
        else:
            old.next = low.signed()

    @always_comb
    def scale():
        if control[SHIFT + 1]:
            addend.next = products << 8
        elif control[SHIFT]:
            addend.next = products << 4
        else:
            addend.next = products

    @always_comb
    def add():
        total.next = old + addend

    return choose, scale, add


@block
def accumulator(clk, rst, control_in, products, control_out, drain_index, drained, depth):
    """Adds `products`, which come one cycle after their control, to the accumulator at the control's index.

    FIRST overwrites; FORWARD_n takes the n-th last sum instead of the memory's, which shows a sum from the third cycle
    on. The bank that is not added to is read through `drain_index`; `drained` comes one cycle later.
    control_out is control_in for the next column, a cycle later.
    """
    bits = len(drain_index)
    top = len(control_in) - 1
    index, write_index = word(bits - 1), word(bits - 1)
    low, high, stored = word(32), word(32), word(32)
    add_low, add_high, write_low, write_high, drain_high = bit(), bit(), bit(), bit(), bit()
    total, newest, newer = signed(32), signed(32), signed(32)
    lower = bank(clk, add_low, index, drain_index(bits - 1, 0), write_low, write_index, stored, low, depth // 2)
    upper = bank(clk, add_high, index, drain_index(bits - 1, 0), write_high, write_index, stored, high, depth // 2)
    sum_up = adder(control_out, products, low, high, newest, newer, total)

    @always_comb
    def address():
        index.next = control_in[top:INDEX]
        add_low.next = control_in[VALID] and not control_in[top]
        add_high.next = control_in[VALID] and control_in[top]

    @always_seq(clk.posedge, reset=rst)
    def control():
        control_out.next = control_in
        write_low.next = control_out[VALID] and not control_out[top]
        write_high.next = control_out[VALID] and control_out[top]

    @always(clk.posedge)
    def keep():
        drain_high.next = drain_index[bits - 1]
        if control_out[VALID]:
            newest.next = total
            newer.next = newest
            write_index.next = control_out[top:INDEX]

    @always_comb
    def read_out():
        stored.next = newest[32:]
        if drain_high:
            drained.next = high.signed()
        else:
            drained.next = low.signed()

    return lower, upper, sum_up, address, control, keep, read_out
