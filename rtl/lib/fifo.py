"""First-in first-out buffers; what is next stands on the output (first word falls through)."""

from myhdl import Signal, always, always_comb, always_seq, block, intbv, modbv

from rtl.lib.ram import ram


@block
def fifo(clk, rst, sink, source, depth):
    """Buffer of `depth` words in block RAM, for depths of 16 and more.

    Latency: two cycles from an empty buffer. Throughput: one word a cycle in and out.
    Ranges: depth is a power of two; sink and source are Streams of one width. Reset empties it.
    """
    bits = (depth - 1).bit_length()
    assert depth == 1 << bits, f"depth is {depth}, must be a power of two"
    write_pointer = Signal(modbv(0)[bits:])
    read_pointer = Signal(modbv(0)[bits:])
    next_pointer = Signal(modbv(0)[bits:])
    level = Signal(intbv(0)[bits + 1 :])
    push, pop, full, shown = [Signal(bool(0)) for _ in range(4)]

    buffer = ram(clk, push, write_pointer, sink.data, next_pointer, source.data, depth)

    @always_comb
    def handshake():
        sink.ready.next = not full
        source.valid.next = shown
        push.next = sink.valid and not full
        pop.next = shown and source.ready

    @always_comb
    def advance():
        next_pointer.next = read_pointer
        if pop:
            next_pointer.next = read_pointer + 1

    @always_seq(clk.posedge, reset=rst)
    def move_pointers():
        read_pointer.next = next_pointer
        if push:
            write_pointer.next = write_pointer + 1

    @always_seq(clk.posedge, reset=rst)
    def count():
        # A word written in this cycle is readable only in the next: `shown` looks at the level before it.
        if pop:
            shown.next = level != 1
        else:
            shown.next = level != 0
        if push and not pop:
            level.next = level + 1
            full.next = level == depth - 1
        elif pop and not push:
            level.next = level - 1
            full.next = False

    return buffer, handshake, advance, move_pointers, count


@block
def small_fifo(clk, rst, sink, source, depth):
    """Buffer of `depth` words in registers or LUT RAM, for depths below 16.

    Latency: one cycle from an empty buffer. Throughput: one word a cycle in and out.
    Ranges: depth is a power of two of at least 2; sink and source are Streams of one width. Reset empties it.
    """
    bits = (depth - 1).bit_length()
    assert depth == 1 << bits and depth >= 2, f"depth is {depth}, must be a power of two of at least 2"
    memory = [Signal(intbv(0)[len(sink.data) :]) for _ in range(depth)]
    write_pointer = Signal(modbv(0)[bits:])
    read_pointer = Signal(modbv(0)[bits:])
    push, pop, full, filled = [Signal(bool(0)) for _ in range(4)]
    level = Signal(intbv(0)[bits + 1 :])

    @always_comb
    def handshake():
        sink.ready.next = not full
        source.valid.next = filled
        push.next = sink.valid and not full
        pop.next = filled and source.ready

    @always_comb
    def show():
        source.data.next = memory[read_pointer]

    @always(clk.posedge)
    def write():
        if push:
            memory[write_pointer].next = sink.data

    @always_seq(clk.posedge, reset=rst)
    def count():
        if push:
            write_pointer.next = write_pointer + 1
        if pop:
            read_pointer.next = read_pointer + 1
        if push and not pop:
            level.next = level + 1
            full.next = level == depth - 1
            filled.next = True
        elif pop and not push:
            level.next = level - 1
            full.next = False
            filled.next = level != 1

    return handshake, show, write, count
