"""Chunks into the map that the next engine reads; and onto a tap."""

from dataclasses import dataclass

from myhdl import Signal, always_comb, always_seq, block, concat, modbv

from rtl.bcnn.collect import made_chunk, made_planes
from rtl.bcnn.config import CHUNK
from rtl.bcnn.maps import IMAGE_BITS, index_bits
from rtl.lib.every import every
from rtl.lib.stream import bit, word


@dataclass(frozen=True)
class Tap:
    """What one tap shows: rtl/contract.py's TapPort, of one tap."""

    valid: object
    image: object
    address: object
    tag: object
    data: object


def tap(lanes):
    """A Tap of so many lanes."""
    return Tap(bit(), word(IMAGE_BITS), word(32), word(24), word(CHUNK * lanes))


@block
def count_lanes(clk, rst, valid, last, lane, slice_number, lanes):
    """Where a chunk belongs in the steps of the engine that reads it: so many lanes are a slice."""

    @always_seq(clk.posedge, reset=rst)
    def count():
        if valid:
            lane.next = 0 if lane == lanes - 1 else lane + 1

    @always_seq(clk.posedge, reset=rst)
    def count_slices():
        if last:
            slice_number.next = 0
        elif valid and lane == lanes - 1:
            slice_number.next = slice_number + 1

    return count, count_slices


@block
def place_chunks(clk, rst, chunk, turns, write, reader):
    """Writes chunks to where `reader`, the layer that reads them, expects them. Latency: none."""
    slice_number, last = word(index_bits(reader.slices)), bit()
    base, index = word(len(write.address) - 1), Signal(modbv(0)[len(write.address) - 1:])
    counting = every(clk, rst, chunk.valid, last, reader.planes)
    dividing = count_lanes(clk, rst, chunk.valid, last, write.lane, slice_number, reader.lanes)
    slices = reader.slices

    @always_seq(clk.posedge, reset=rst)
    def count_rows():
        if chunk.ends:
            base.next = 0
        elif chunk.row_ends:
            base.next = base + slices

    @always_comb
    def add():
        index.next = base + slice_number

    @always_comb
    def show():
        write.valid.next = chunk.valid
        write.address.next = concat(turns.write_half, index)
        write.group.next = chunk.group
        write.data.next = chunk.data
        turns.filled.next = chunk.ends

    return counting, dividing, count_rows, add, show


@block
def spread_lanes(data, lanes, chunk):
    """Chunks of fewer than CHUNK channels, in lanes of CHUNK bits."""
    count = len(data) // chunk

    @always_comb
    def spread():
        lanes.next = 0
        for n in range(count):
            lanes.next[CHUNK * n + chunk:CHUNK * n] = data[chunk * (n + 1):chunk * n]

    return spread


@block
def show_chunks(clk, rst, chunk, image, tap, layer):
    """A chunk on a tap; its address is the number of its first pixel in the map. Latency: none."""
    width, planes = made_chunk(layer), made_planes(layer)
    pixels, last = len(chunk.data) // width, bit()
    counting = every(clk, rst, chunk.valid, last, planes)
    spreading = spread_lanes(chunk.data, tap.data, width)

    @always_seq(clk.posedge, reset=rst)
    def count():
        if chunk.ends:
            tap.address.next = 0
        elif last:
            tap.address.next = tap.address + pixels

    @always_comb
    def show():
        tap.valid.next = chunk.valid
        tap.image.next = image
        tap.tag.next = chunk.plane

    return counting, spreading, count, show
