"""The feature maps on chip: any run of bytes a cycle to the array, another to the post-processor, one written."""

from dataclasses import dataclass

from myhdl import ConcatSignal, Signal, always, always_comb, always_seq, block, modbv

from rtl.lib.ram import ram
from rtl.lib.stream import word

SCRATCHPAD_LATENCY = 2  # from an address to its bytes


@dataclass(frozen=True)
class Place:
    """The word in which a run begins, and the one after it."""

    word: object
    following: object


@block
def rotate_down(data, places, rotated):
    """Byte `places` becomes byte 0."""
    width = len(data)
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
        rotated.next = shifted[width:]

    return measure, shift, cut


@block
def rotate_up(data, places, rotated, unit):
    """Lane 0 becomes lane `places`; lanes of `unit` bits, a power of two."""
    width = len(data)
    scale = unit.bit_length() - 1
    doubled = ConcatSignal(data, data)
    amount = word(len(places) + scale)
    shifted = Signal(modbv(0)[2 * width:])

    @always_comb
    def measure():
        amount.next = places << scale

    @always_comb
    def shift():
        shifted.next = doubled << amount

    @always_comb
    def cut():
        rotated.next = shifted[2 * width:width]

    return measure, shift, cut


@block
def wrap_mask(places, mask):
    """Bit n is set where lane n belongs to the next word: n < places."""
    lanes = len(mask)

    @always_comb
    def compare():
        for lane in range(lanes):
            mask.next[lane] = places > lane

    return compare


@block
def byte_bank(clk, write, read_a, read_b, enable, data, wraps, data_a, data_b, depth):
    """One byte lane, held twice so that it can be read at two places while it is written.

    wraps: bits for write, a and b: is this lane's byte in the word after?
    """
    address_w, address_a, address_b = word(len(write.word)), word(len(write.word)), word(len(write.word))
    copy_a = ram(clk, enable, address_w, data, address_a, data_a, depth)
    copy_b = ram(clk, enable, address_w, data, address_b, data_b, depth)

    @always_comb
    def choose():
        address_w.next = write.word
        address_a.next = read_a.word
        address_b.next = read_b.word
        if wraps[0]:
            address_w.next = write.following
        if wraps[1]:
            address_a.next = read_a.following
        if wraps[2]:
            address_b.next = read_b.following

    return copy_a, copy_b, choose


@block
def locate(address, place, places, wraps):
    """Splits a byte address: the word, the one after, the byte in it, and which lanes lie in the word after."""
    lanes = len(wraps)
    low = len(places)
    top = low + len(place.word)
    after = Signal(modbv(0)[len(place.word):])
    first = Signal(modbv(0)[len(place.word):])

    @always_comb
    def split():
        places.next = address[low:]
        first.next = address[top:low]

    @always_comb
    def follow():
        place.word.next = first
        place.following.next = after

    @always_comb
    def add():
        after.next = first + 1

    @always_comb
    def compare():
        for lane in range(lanes):
            wraps.next[lane] = places > lane

    return split, follow, add, compare


@block
def read_side(clk, address, place, wraps, bytes_read, data):
    """Asks the banks for the run at `address` and turns its first byte to lane 0. Latency SCRATCHPAD_LATENCY."""
    bits = (len(wraps) - 1).bit_length()
    places, late_places = word(bits), word(bits)
    rotated = word(len(data))
    location = locate(address, place, places, wraps)
    rotation = rotate_down(bytes_read, late_places, rotated)

    @always(clk.posedge)
    def keep():
        late_places.next = places
        data.next = rotated

    return location, rotation, keep


@block
def write_side(clk, rst, valid, address, data, strobes, place, wraps, enables, bytes_written):
    """Turns the run to its place; the banks write it a cycle later."""
    bits = (len(wraps) - 1).bit_length()
    early = Place(word(len(place.word)), word(len(place.word)))
    places = word(bits)
    early_wraps, turned_strobes = word(len(wraps)), word(len(wraps))
    turned = word(len(data))
    location = locate(address, early, places, early_wraps)
    turn_data = rotate_up(data, places, turned, 8)
    turn_strobes = rotate_up(strobes, places, turned_strobes, 1)

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
            place.word.next = early.word
            place.following.next = early.following

    return location, turn_data, turn_strobes, enable, keep


@block
def scratchpad(clk, rst, write_valid, write_address, write_data, write_strobes,
               address_a, data_a, address_b, data_b, size):
    """`size` bytes in as many byte banks as a word has bytes; a run may begin at any byte.

    Reads: SCRATCHPAD_LATENCY. A byte can be read from the second cycle after its write on.
    """
    lanes = len(data_a) // 8
    depth = size // lanes
    bits = (depth - 1).bit_length()
    write, read_a, read_b = [Place(word(bits), word(bits)) for _ in range(3)]
    wraps_w, wraps_a, wraps_b, enables = word(lanes), word(lanes), word(lanes), word(lanes)
    bytes_written = word(8 * lanes)
    lanes_a = [word(8) for _ in range(lanes)]
    lanes_b = [word(8) for _ in range(lanes)]
    wraps = [ConcatSignal(wraps_b(lane), wraps_a(lane), wraps_w(lane)) for lane in range(lanes)]
    writing = write_side(clk, rst, write_valid, write_address, write_data, write_strobes,
                         write, wraps_w, enables, bytes_written)
    reading_a = read_side(clk, address_a, read_a, wraps_a, ConcatSignal(*reversed(lanes_a)), data_a)
    reading_b = read_side(clk, address_b, read_b, wraps_b, ConcatSignal(*reversed(lanes_b)), data_b)
    banks = [
        byte_bank(clk, write, read_a, read_b, enables(lane), bytes_written(8 * lane + 8, 8 * lane), wraps[lane],
                  lanes_a[lane], lanes_b[lane], depth)
        for lane in range(lanes)
    ]
    return writing, reading_a, reading_b, banks
