"""From sums to bits: thresholds, and the collecting of a chunk of channels."""

from dataclasses import dataclass

from myhdl import Signal, always, always_comb, always_seq, block, intbv, modbv

from rtl.bcnn.config import CHUNK, FLIP, MINIMUM, THRESHOLD_BITS
from rtl.bcnn.maps import index_bits
from rtl.bcnn.walk import count_places, place
from rtl.convert import unused
from rtl.lib.buses import joined
from rtl.lib.ram import ram
from rtl.lib.stream import bit, signed, word


def made_chunk(layer):
    """Channels side by side in what a layer makes."""
    return min(CHUNK, layer.filters)


def made_planes(layer):
    """Chunks of what a layer makes."""
    return -(-layer.filters // CHUNK)


@dataclass(frozen=True)
class Chunk:
    """Bits of some channels of some pixels, pixel by pixel. plane: which channels; group: which
    pixels of the row; row_ends: no more of this row; ends: an image is complete, also where nothing is `valid` any
    more; minimum: which of the channels are pooled by AND.
    """

    valid: object
    plane: object
    group: object
    row_ends: object
    ends: object
    minimum: object
    data: object


def made_chunks(layer, pixels):
    """A Chunk of so many pixels of what a layer makes."""
    chunk = made_chunk(layer)
    return Chunk(
        bit(), word(index_bits(made_planes(layer))), word(index_bits(layer.groups)), bit(), bit(), word(chunk),
        word(pixels * chunk),
    )  # fmt: skip


@block
def decide(clk, finish, total, threshold, flip, marker, opening, bits):
    """The bit of one filter joins those of the filters before. Latency: one cycle."""

    @always(clk.posedge)
    def collect():
        positive = intbv(0)[1:]
        if finish:
            positive[:] = (total >= threshold) != flip
            if opening:
                bits.next = marker if positive else 0
            elif positive:
                bits.next = bits | marker

    return collect


@block
def collect_flag(clk, finish, flag, marker, opening, bits):
    """The same for a flag."""

    @always(clk.posedge)
    def collect():
        if finish:
            if opening:
                bits.next = marker if flag else 0
            elif flag:
                bits.next = bits | marker

    return collect


@block
def mark(clk, rst, finish, filter_ends, marker, opening, complete):
    """One bit for the filter's place in its chunk; complete: it is the last."""
    top = len(marker) - 1

    @always_comb
    def show():
        opening.next = marker[0]
        complete.next = finish and (marker[top] or filter_ends)

    @always_seq(clk.posedge, reset=rst)
    def turn():
        if finish:
            marker.next = 1 if marker[top] or filter_ends else marker << 1

    return show, turn


@block
def read_parameters(clk, advance, filter_number, filter_ends, write, write_address, write_data, entry):
    """The parameter of the filter at hand: read one cycle ahead."""
    depth = 1 << len(filter_number)
    address = Signal(modbv(0)[len(filter_number):])
    memory = ram(clk, write, write_address, write_data, address, entry, depth)

    @always_comb
    def look_ahead():
        if filter_ends:
            address.next = 0
        elif advance:
            address.next = filter_number + 1
        else:
            address.next = filter_number

    return memory, look_ahead


@block
def collect(clk, rst, finish, totals, write, write_address, write_data, chunk, layer):
    """Chunks of bits from sums: totals, a list with one sum a pixel, is complete at `finish`.

    write: of the parameters (threshold, flip, minimum; see config.py). Latency: one cycle.
    """
    width = made_chunk(layer)
    spot, marker = place(layer), Signal(intbv(1)[width:])
    entry, threshold = word(MINIMUM + 1), signed(THRESHOLD_BITS)
    flip, minimum, opening, complete = bit(), bit(), bit(), bit()
    collected = [word(width) for _ in totals]
    counting = count_places(clk, rst, finish, spot, layer.filters, layer.groups, layer.out_height)
    reading = read_parameters(
        clk, finish, spot.filter, spot.filter_ends, write, write_address, write_data(MINIMUM + 1, 0), entry
    )
    marking = mark(clk, rst, finish, spot.filter_ends, marker, opening, complete)
    deciding = [
        decide(clk, finish, totals[n], threshold, flip, marker, opening, collected[n]) for n in range(len(totals))
    ]
    if layer.pooled:
        flagging = collect_flag(clk, finish, minimum, marker, opening, chunk.minimum)
    else:
        flagging = []
        unused(minimum, "nothing is pooled")
    unused(spot.row, "chunks are counted where they are written")
    bits = joined(collected)
    unused(write_data(len(write_data), MINIMUM + 1), "a parameter is shorter than its place in the stream")

    @always_comb
    def split():
        threshold.next = entry[THRESHOLD_BITS:].signed()
        flip.next = entry[FLIP]
        minimum.next = entry[MINIMUM]

    @always_comb
    def show():
        chunk.data.next = bits

    @always_seq(clk.posedge, reset=rst)
    def tell():
        chunk.valid.next = complete
        chunk.ends.next = spot.image_ends
        chunk.row_ends.next = spot.row_ends

    @always(clk.posedge)
    def name():
        chunk.group.next = spot.group

    planes = number_planes(clk, rst, complete, spot.filter_ends, chunk.plane, made_planes(layer))
    return counting, reading, marking, deciding, flagging, split, show, tell, name, planes


@block
def number_planes(clk, rst, complete, filter_ends, plane, planes):
    """The number of the chunk that is complete. Latency: one cycle."""
    number = word(len(plane))

    @always_seq(clk.posedge, reset=rst)
    def count():
        if filter_ends or planes == 1:
            number.next = 0
        elif complete:
            number.next = number + 1

    @always(clk.posedge)
    def show():
        plane.next = number

    return count, show
