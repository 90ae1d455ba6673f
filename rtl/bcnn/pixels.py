"""Images into the first map: memory words to numbers, numbers to rows."""

from myhdl import Signal, always, always_comb, always_seq, block, concat, modbv

from rtl.bcnn.maps import index_bits
from rtl.convert import unused
from rtl.lib.every import every
from rtl.lib.stream import bit, word


@block
def take_numbers(clk, rst, beats, opened, ends, number, there, full):
    """The bytes of memory words, one a cycle while `opened`; what is left of a word at `ends` is dropped."""
    count = len(beats.data) // 8
    position = Signal(modbv(0)[index_bits(count):])
    held, last = word(len(beats.data)), bit()

    @always_comb
    def find():
        beats.ready.next = not full
        there.next = full and opened
        last.next = position == count - 1
        number.next = held[8:]

    @always_seq(clk.posedge, reset=rst)
    def follow():
        if not full:
            full.next = beats.valid
            position.next = 0
        elif opened:
            full.next = not last and not ends
            position.next = position + 1

    @always(clk.posedge)
    def shift():
        if not full:
            held.next = beats.data
        elif opened:
            held.next = held >> 8

    unused(beats.keep, "numbers are counted")
    unused(beats.last, "numbers are counted")
    return find, follow, shift


@block
def collect_row(clk, there, number, row):
    """The newest number highest; half their range added to each, so that none is negative."""
    bits, width = len(number), len(row)
    positive = word(bits)

    @always_comb
    def add_half():
        positive.next = number ^ (1 << bits - 1)

    @always(clk.posedge)
    def shift():
        if there:
            if width == bits:
                row.next = positive
            else:
                row.next = concat(positive, row[width:bits])

    return add_half, shift


@block
def count_numbers(clk, rst, there, row, row_ends, ends, numbers, rows):
    """Numbers of a row, rows of an image; the ends come with the last number."""
    counting = every(clk, rst, there, row_ends, numbers)

    @always_comb
    def find_end():
        ends.next = row_ends and row == rows - 1

    @always_seq(clk.posedge, reset=rst)
    def count_rows():
        if ends:
            row.next = 0
        elif row_ends:
            row.next = row + 1

    return counting, find_end, count_rows


@block
def pixels(clk, rst, halt, beats, turns, write, room, opens, ends, layer):
    """One image after the other into the map of the first layer. opens, ends: the first and the last number of one.

    room: there may be one more image in the pipeline.
    """
    numbers = layer.width * layer.channels
    row, data, number, low = word(index_bits(layer.height)), word(numbers * layer.input_bits), word(8), layer.input_bits
    there, row_ends, opened, full = bit(), bit(), bit(), bit()
    taking = take_numbers(clk, rst, beats, opened, ends, number, there, full)
    collecting = collect_row(clk, there, number(low, 0) if low < 8 else number, data)
    counting = count_numbers(clk, rst, there, row, row_ends, ends, numbers, layer.height)
    if low < 8:
        unused(number(8, low), "numbers have fewer bits")

    @always_comb
    def decide():
        opens.next = full and not opened and turns.room and room and not halt
        turns.reserve.next = full and not opened and turns.room and room and not halt

    @always_seq(clk.posedge, reset=rst)
    def follow():
        if ends:
            opened.next = False
        elif opens:
            opened.next = True

    @always_seq(clk.posedge, reset=rst)
    def tell():
        write.valid.next = row_ends
        turns.filled.next = ends

    @always(clk.posedge)
    def place():
        write.address.next = concat(turns.write_half, row)
        write.lane.next = 0
        write.group.next = 0

    @always_comb
    def show():
        write.data.next = data

    return taking, collecting, counting, decide, follow, tell, place, show
