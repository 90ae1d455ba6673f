"""Accumulators of a column of clusters: partial sums of every pixel of a tile, in two banks."""

from myhdl import ConcatSignal, always, always_comb, always_seq, block

from rtl.lib.ram import ram
from rtl.lib.stream import bit, signed, word

# bits of `control`; the accumulator's index is above them, its highest bit the bank
VALID, FIRST, FORWARD_1, FORWARD_2, SHIFT = 0, 1, 2, 3, 4
INDEX = 6
BITS = 32


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
    old, addend = signed(BITS), signed(BITS)

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
            addend.next = products.signed() << 8
        elif control[SHIFT]:
            addend.next = products.signed() << 4
        else:
            addend.next = products.signed()

    @always_comb
    def add():
        total.next = old + addend

    return choose, scale, add


@block
def lane(clk, control, products, low, high, drain_high, newest, drained):
    """One column's sum, kept for the memory and for the pixels that come next; and what is drained."""
    total, newer = signed(BITS), signed(BITS)
    sum_up = adder(control, products, low, high, newest, newer, total)

    @always(clk.posedge)
    def keep():
        if control[VALID]:
            newest.next = total
            newer.next = newest

    @always_comb
    def read_out():
        if drain_high:
            drained.next = high
        else:
            drained.next = low

    return sum_up, keep, read_out


@block
def accumulator(clk, rst, control_in, products, control_out, drain_index, drained, depth):
    """Adds each lane's products, which come one cycle after their control, to the accumulators at the control's index.

    FIRST overwrites; FORWARD_n takes the n-th last sum instead of the memory's, which shows a sum from the third cycle
    on. The bank that is not added to is read through `drain_index`; `drained` comes one cycle later.
    control_out is control_in for the next column of clusters, a cycle later.
    """
    lanes, bits, top = len(drained) // BITS, len(drain_index), len(control_in) - 1
    width = len(products) // lanes
    index, write_index = word(bits - 1), word(bits - 1)
    low, high, stored = word(len(drained)), word(len(drained)), word(len(drained))
    add_low, add_high, write_low, write_high, drain_high = bit(), bit(), bit(), bit(), bit()
    newest, drained_lanes = [signed(BITS) for _ in range(lanes)], [word(BITS) for _ in range(lanes)]
    joined, joined_drained = ConcatSignal(*reversed(newest)), ConcatSignal(*reversed(drained_lanes))
    lower = bank(clk, add_low, index, drain_index(bits - 1, 0), write_low, write_index, stored, low, depth // 2)
    upper = bank(clk, add_high, index, drain_index(bits - 1, 0), write_high, write_index, stored, high, depth // 2)
    adding = [
        lane(clk, control_out, products(width * (n + 1), width * n), low(BITS * (n + 1), BITS * n),
             high(BITS * (n + 1), BITS * n), drain_high, newest[n], drained_lanes[n])
        for n in range(lanes)
    ]

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
            write_index.next = control_out[top:INDEX]

    @always_comb
    def join():
        stored.next = joined
        drained.next = joined_drained

    return lower, upper, adding, address, control, keep, join
