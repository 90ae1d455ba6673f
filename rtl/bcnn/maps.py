"""Feature maps between two engines: two halves, one written while the other is read."""

from dataclasses import dataclass

from myhdl import always, always_comb, always_seq, block, concat

from rtl.lib.ram import ram
from rtl.lib.stream import bit, word

IMAGE_BITS = 16


@dataclass(frozen=True)
class Turns:
    """A producer: it starts an image when there is `room`, and tells `reserve` with its `image`, later `filled`.

    write_half, made: the half that is being filled, and with which image.
    """

    room: object
    reserve: object
    image: object
    filled: object
    write_half: object
    made: object


def turns():
    """A Turns."""
    return Turns(bit(), bit(), word(IMAGE_BITS), bit(), bit(), word(IMAGE_BITS))


@dataclass(frozen=True)
class Reads:
    """A consumer's turns: it starts when its half is `full`, and tells `release`.

    half, image: which half is to be read next, and the image in it; following: the image in the other half.
    """

    release: object
    full: object
    half: object
    image: object
    following: object


def reads():
    """A Reads."""
    return Reads(bit(), word(2), bit(), word(IMAGE_BITS), word(IMAGE_BITS))


@block
def take_turns(clk, rst, turns, reads):
    """Two halves in turn. Latency: one cycle from each message to what follows of it."""
    reserved, reserve_half, full_even, full_odd = word(2), bit(), bit(), bit()
    even, odd = word(IMAGE_BITS), word(IMAGE_BITS)

    @always_comb
    def show():
        turns.room.next = reserved != 2
        reads.full.next = concat(full_odd, full_even)

    @always_comb
    def name():
        turns.made.next = odd if turns.write_half else even
        reads.image.next = odd if reads.half else even
        reads.following.next = even if reads.half else odd

    @always_seq(clk.posedge, reset=rst)
    def count():
        if turns.reserve and not reads.release:
            reserved.next = reserved + 1
        elif reads.release and not turns.reserve:
            reserved.next = reserved - 1

    @always_seq(clk.posedge, reset=rst)
    def turn():
        if turns.reserve:
            reserve_half.next = not reserve_half
        if turns.filled:
            turns.write_half.next = not turns.write_half
        if reads.release:
            reads.half.next = not reads.half

    @always_seq(clk.posedge, reset=rst)
    def fill():
        if turns.filled and not turns.write_half:
            full_even.next = True
        elif reads.release and not reads.half:
            full_even.next = False
        if turns.filled and turns.write_half:
            full_odd.next = True
        elif reads.release and reads.half:
            full_odd.next = False

    @always(clk.posedge)
    def remember():
        if turns.reserve:
            if reserve_half:
                odd.next = turns.image
            else:
                even.next = turns.image

    return show, name, count, turn, fill, remember


@dataclass(frozen=True)
class MapWrite:
    """Pixels of one chunk of channels. address: half, then row by slice of channels; lane: the chunk in the slice;
    group: which pixels of the row."""

    valid: object
    address: object
    lane: object
    group: object
    data: object


def index_bits(count):
    """Bits of a number below `count`, at least 1."""
    return max(1, (count - 1).bit_length())


def write_bits(layer):
    """Of an address in the map that a layer reads: the half, then row by slice."""
    return 1 + index_bits(layer.height * layer.slices)


def read_bits(layer):
    """Of an address in its memories: the same, or the half and the row of outputs where all kernel rows are read."""
    return 1 + index_bits(layer.out_height) if layer.rows_at_once > 1 else write_bits(layer)


def map_write(layer, groups):
    """A MapWrite for the map that a layer reads, whose rows are written in so many groups of pixels."""
    bits = layer.width // groups * layer.chunk * layer.input_bits
    return MapWrite(
        bit(), word(write_bits(layer)), word(index_bits(layer.lanes)), word(index_bits(groups)), word(bits)
    )


@block
def select_bank(valid, lane, group, enable, own_lane, own_group):
    """Whether a write is for this bank."""

    @always_comb
    def decide():
        enable.next = valid and lane == own_lane and group == own_group

    return decide


@block
def map_memory(clk, write, read_address, banks, lanes, groups):
    """banks: the words of `read_address`, one cycle later; bank of a lane and group: lane * groups + group."""
    depth = 1 << len(read_address)
    enables = [bit() for _ in banks]
    choosing = [
        select_bank(write.valid, write.lane, write.group, enables[lane * groups + group], lane, group)
        for lane in range(lanes)
        for group in range(groups)
    ]
    memories = [
        ram(clk, enables[n], write.address, write.data, read_address, banks[n], depth) for n in range(lanes * groups)
    ]
    return choosing, memories


@block
def row_copies(clk, write, read_address, banks, layer):
    """The same for a layer that reads all rows of a kernel at once: copy n holds row y * stride + n - top at address y.

    write.address: half, then the row.
    """
    bits = len(read_address)
    half, row = write.address(len(write.address) - 1), write.address(len(write.address) - 1, 0)
    enables = [bit() for _ in banks]
    addresses = [word(bits) for _ in banks]
    placing = [
        place_row(write.valid, half, row, enables[n], addresses[n], _places(layer, n)) for n in range(len(banks))
    ]
    memories = [
        ram(clk, enables[n], addresses[n], write.data, read_address, banks[n], 1 << bits) for n in range(len(banks))
    ]
    return placing, memories


def _places(layer, copy):
    """For each row of the map its address in a copy, -1 for none."""
    places = []
    for row in range(layer.height):
        y, rest = divmod(row - copy + layer.padding[0], layer.stride[0])
        places.append(y if rest == 0 and 0 <= y < layer.out_height else -1)
    return tuple(places)


@block
def place_row(valid, half, row, enable, address, places):
    """Where a row goes, if it goes anywhere."""
    where = tuple(max(0, place) for place in places)
    used = tuple(int(place >= 0) for place in places)
    low = len(address) - 1
    line, wanted = word(low), word(1)

    @always_comb
    def look():
        line.next = where[row]

    @always_comb
    def look_for():
        wanted.next = used[row]

    @always_comb
    def decide():
        enable.next = valid and wanted[0]
        address.next = concat(half, line)

    return look, look_for, decide
