"""Pooling of bits, chunk by chunk: OR, or AND for channels whose threshold falls."""

from myhdl import ConcatSignal, Signal, always, always_comb, always_seq, block, intbv

from rtl.bcnn.collect import made_chunk
from rtl.bcnn.maps import index_bits
from rtl.bcnn.window import forward
from rtl.convert import unused
from rtl.lib.buses import joined
from rtl.lib.stream import bit, word

POOL_LATENCY = 1


@block
def combine(first, second, either, result):
    """AND, or OR where `either` says so."""

    @always_comb
    def choose():
        result.next = (first & second) | ((first | second) & either)

    return choose


@block
def pool_across(data, either, result, layer):
    """Neighbouring pixels of a row."""
    bits, count = made_chunk(layer), layer.group_width
    parts = [
        joined([data(bits * (x * layer.pool[1] + n + 1), bits * (x * layer.pool[1] + n)) for x in range(count)])
        for n in range(layer.pool[1])
    ]
    if len(parts) == 1:
        unused(either, "windows have one column")
    steps = [parts[0], *[word(len(result)) for _ in parts[1:]]]
    combining = [combine(steps[n], parts[n + 1], either, steps[n + 1]) for n in range(len(parts) - 1)]
    return combining, forward(steps[-1], result)


@block
def line_memory(clk, write, address, data, read_address, kept, depth):
    """What the rows of a window that is not complete have given. Latency: one cycle; a new word is read old."""
    memory = [Signal(intbv(0)[len(data):]) for _ in range(depth)]

    @always(clk.posedge)
    def keep():
        if write:
            memory[address].next = data

    @always(clk.posedge)
    def read():
        kept.next = memory[read_address]

    return keep, read


@block
def count_rows(clk, rst, row_ends, ends, opening, closing, rows):
    """Where in its window a row is."""
    number = word(index_bits(rows))

    @always_comb
    def tell():
        opening.next = number == 0
        closing.next = number == rows - 1

    @always_seq(clk.posedge, reset=rst)
    def count():
        if ends or (row_ends and number == rows - 1):
            number.next = 0
        elif row_ends:
            number.next = number + 1

    return tell, count


@block
def pool(clk, rst, chunk, pooled, layer):
    """Chunks of windows from chunks of rows. Latency: POOL_LATENCY from the last row of a window."""
    width, rows = len(pooled.data), layer.pool[0]
    across, row, result, kept, spread, late_spread = [word(width) for _ in range(6)]
    places = ConcatSignal(chunk.group, chunk.plane)
    late_place = word(len(places))
    opening, closing, late_opening, late_closing, there, write, ends, row_ends = [bit() for _ in range(8)]
    minimums = joined([chunk.minimum] * layer.group_width)
    group_bits = len(chunk.plane)

    spreading = invert(minimums, spread)
    pooling = pool_across(chunk.data, spread, across, layer)
    counting = count_rows(clk, rst, chunk.row_ends, chunk.ends, opening, closing, rows)
    down = combine(row, kept, late_spread, result)
    memory = line_memory(clk, write, late_place, pooled.data, places, kept, 1 << len(places))

    @always(clk.posedge)
    def keep():
        if chunk.valid:
            row.next = across
            late_spread.next = spread
            late_place.next = places
            late_opening.next = opening
        late_closing.next = closing

    @always_seq(clk.posedge, reset=rst)
    def follow():
        there.next = chunk.valid
        ends.next = chunk.ends
        row_ends.next = chunk.row_ends

    @always_comb
    def join():
        pooled.data.next = row if late_opening else result
        pooled.plane.next = late_place[group_bits:]
        pooled.group.next = late_place[len(late_place):group_bits]

    @always_comb
    def tell():
        write.next = there and not late_closing
        pooled.valid.next = there and late_closing
        pooled.ends.next = ends
        pooled.row_ends.next = row_ends and late_closing

    return spreading, pooling, counting, down, memory, keep, follow, join, tell


@block
def invert(bits, inverted):
    """All bits."""

    @always_comb
    def turn():
        inverted.next = ~bits

    return turn
