"""The feature maps on chip: two runs of bytes a cycle to the array, one to post-processor or store, one written.

Banks of BANK_BYTES, bytes side by side, one word each a cycle: a run of bytes from any address on takes each bank at
most once as long as it does not begin and end in the same one.
"""

from dataclasses import dataclass

from myhdl import ConcatSignal, Signal, always, always_comb, always_seq, block, intbv, modbv

from rtl.lib.stream import word
from rtl.systolic.config import BANK_BYTES

SCRATCHPAD_LATENCY = 2  # from an address to its bytes
BANK_BITS = (BANK_BYTES - 1).bit_length()


@dataclass(frozen=True)
class Place:
    """The line in which a run begins, and the one after it, which banks below the first take."""

    line: object
    following: object


def place(bits):
    """A Place of fresh Signals."""
    return Place(word(bits), word(bits))


@block
def rotate_down(data, places, rotated):
    """Byte `places` becomes byte 0; as many bytes as `rotated` has."""
    width, kept = len(data), len(rotated)
    doubled = ConcatSignal(data, data)
    amount = word(len(places) + 3)
    shifted = word(2 * width)

    @always_comb
    def measure():
        amount.next = places << 3

    @always_comb
    def shift():
        shifted.next = doubled >> amount

    @always_comb
    def cut():
        rotated.next = shifted[kept:]

    return measure, shift, cut


@block
def rotate_up(data, places, rotated, unit):
    """Lane 0 becomes lane `places` of `rotated`; lanes of `unit` bits, a power of two; `data` may have fewer."""
    width, scale = len(rotated), unit.bit_length() - 1
    amount = word(len(places) + scale)
    shifted = word(2 * width)

    @always_comb
    def measure():
        amount.next = places << scale

    @always_comb
    def shift():
        shifted.next = data << amount

    @always_comb
    def fold():
        rotated.next = shifted[2 * width:width] | shifted[width:]

    return measure, shift, fold


@block
def locate(address, where, start, wraps):
    """Splits a byte address: the line, the one after, the byte in it, and which banks take the line after."""
    banks, low = len(wraps), len(start)
    top = low + len(where.line)
    first, after = Signal(modbv(0)[len(where.line):]), Signal(modbv(0)[len(where.line):])
    first_bank = word(low - BANK_BITS)

    @always_comb
    def split():
        start.next = address[low:]
        first.next = address[top:low]
        first_bank.next = address[low:BANK_BITS]

    @always_comb
    def follow():
        where.line.next = first
        where.following.next = after

    @always_comb
    def add():
        after.next = first + 1

    @always_comb
    def compare():
        for bank in range(banks):
            wraps.next[bank] = first_bank > bank

    return split, follow, add, compare


@block
def divide_banks(address, split, belongs, low):
    """Which banks belong to the second run: all but those that lanes 0..split-1 of the first take."""
    banks = len(belongs)
    offset, first_bank, reach, count = word(BANK_BITS), word(low - BANK_BITS), word(9), word(9 - BANK_BITS)
    taken, turned = word(banks), word(banks)
    turning = rotate_up(taken, first_bank, turned, 1)

    @always_comb
    def look():
        offset.next = address[BANK_BITS:]
        first_bank.next = address[low:BANK_BITS]

    @always_comb
    def measure():
        reach.next = split + offset + BANK_BYTES - 1

    @always_comb
    def cut():
        count.next = reach[9:BANK_BITS]

    @always_comb
    def compare():
        for bank in range(banks):
            taken.next[bank] = count > bank

    @always_comb
    def invert():
        for bank in range(banks):
            belongs.next[bank] = not turned[bank]

    return turning, look, measure, cut, compare, invert


@block
def bytes_ram(clk, strobes, write_address, write_data, read_address, read_data, depth):
    """One write of the bytes marked in `strobes` and one read a cycle. Latency 1; a new word is read old."""
    lanes = len(strobes)
    memory = [Signal(intbv(0)[len(write_data):]) for _ in range(depth)]

    @always(clk.posedge)
    def write():
        for lane in range(lanes):
            if strobes[lane]:
                memory[write_address].next[8 * lane + 8:8 * lane] = write_data[8 * lane + 8:8 * lane]

    @always(clk.posedge)
    def read():
        read_data.next = memory[read_address]

    return write, read


@block
def bank(clk, write, first, second, other, strobes, data, wraps, belongs, data_array, data_other, depth):
    """BANK_BYTES lanes, held twice so that they can be read at two places while they are written.

    wraps: bits for write, first, second, other: is this bank's word in the line after? belongs: the array's second run
    has this bank.
    """
    bits = len(write.line)
    address_write, address_array, address_other = word(bits), word(bits), word(bits)
    for_array = bytes_ram(clk, strobes, address_write, data, address_array, data_array, depth)
    for_other = bytes_ram(clk, strobes, address_write, data, address_other, data_other, depth)

    @always_comb
    def choose_write():
        if wraps[0]:
            address_write.next = write.following
        else:
            address_write.next = write.line

    @always_comb
    def choose_array():
        if belongs:
            if wraps[2]:
                address_array.next = second.following
            else:
                address_array.next = second.line
        elif wraps[1]:
            address_array.next = first.following
        else:
            address_array.next = first.line

    @always_comb
    def choose_other():
        if wraps[3]:
            address_other.next = other.following
        else:
            address_other.next = other.line

    return for_array, for_other, choose_write, choose_array, choose_other


@block
def read_side(clk, address, where, wraps, banked, data):
    """Asks the banks for the run at `address` and turns its first byte to lane 0. Latency SCRATCHPAD_LATENCY."""
    bits = (len(banked) // 8 - 1).bit_length()
    start, late_start, rotated = word(bits), word(bits), word(len(data))
    location = locate(address, where, start, wraps)
    rotation = rotate_down(banked, late_start, rotated)

    @always(clk.posedge)
    def keep():
        late_start.next = start
        data.next = rotated

    return location, rotation, keep


@block
def write_side(clk, rst, valid, address, data, strobes, where, wraps, enables, bytes_written):
    """Turns the run to its place; the banks write it a cycle later."""
    bits = (len(enables) - 1).bit_length()
    early, start = place(len(where.line)), word(bits)
    early_wraps, turned_strobes, turned = word(len(wraps)), word(len(enables)), word(len(bytes_written))
    location = locate(address, early, start, early_wraps)
    turn_data = rotate_up(data, start, turned, 8)
    turn_strobes = rotate_up(strobes, start, turned_strobes, 1)

    @always_seq(clk.posedge, reset=rst)
    def enable():
        if valid:
            enables.next = turned_strobes
        else:
            enables.next = 0

    @always(clk.posedge)
    def keep():
        if valid:
            bytes_written.next = turned
            wraps.next = early_wraps
            where.line.next = early.line
            where.following.next = early.following

    return location, turn_data, turn_strobes, enable, keep


@dataclass(frozen=True)
class ArrayRead:
    """The array's two runs: lanes from `split` on come from the second. data: lane n is byte address + n."""

    address: object
    next_address: object
    split: object
    data: object
    next_data: object


def array_read(window_bytes):
    """An ArrayRead of fresh Signals."""
    return ArrayRead(word(24), word(24), word(8), word(8 * window_bytes), word(8 * window_bytes))


@block
def scratchpad(clk, rst, write_valid, write_address, write_data, write_strobes, array, address, data, size):
    """`size` bytes; a run may begin at any byte.

    Reads: SCRATCHPAD_LATENCY. A byte can be read from the second cycle after its write on.
    """
    lanes = len(array.data) // 8
    banks, depth, low = lanes // BANK_BYTES, size // lanes, (lanes - 1).bit_length()
    bits = (depth - 1).bit_length()
    write, first, second, other = [place(bits) for _ in range(4)]
    wraps_write, wraps_first, wraps_second, wraps_other = [word(banks) for _ in range(4)]
    enables, belongs, bytes_written = word(lanes), word(banks), word(8 * lanes)
    width = 8 * BANK_BYTES
    words_array, words_other = [word(width) for _ in range(banks)], [word(width) for _ in range(banks)]
    wraps = [
        ConcatSignal(wraps_other(n), wraps_second(n), wraps_first(n), wraps_write(n)) for n in range(banks)
    ]
    banked, banked_other = ConcatSignal(*reversed(words_array)), ConcatSignal(*reversed(words_other))
    writing = write_side(clk, rst, write_valid, write_address, write_data, write_strobes,
                         write, wraps_write, enables, bytes_written)
    reading = read_side(clk, array.address, first, wraps_first, banked, array.data)
    reading_next = read_side(clk, array.next_address, second, wraps_second, banked, array.next_data)
    reading_other = read_side(clk, address, other, wraps_other, banked_other, data)
    dividing = divide_banks(array.address, array.split, belongs, low)
    holding = [
        bank(clk, write, first, second, other, enables(BANK_BYTES * (n + 1), BANK_BYTES * n),
             bytes_written(width * (n + 1), width * n), wraps[n], belongs(n), words_array[n], words_other[n], depth)
        for n in range(banks)
    ]
    return writing, reading, reading_next, reading_other, dividing, holding
