"""Small tops around single blocks; a test names one with its arguments, all strings."""

from dataclasses import dataclass
from itertools import pairwise

from myhdl import ConcatSignal, Signal, always, always_comb, always_seq, block, intbv, modbv

from rtl.bcnn.collect import collect, made_chunks
from rtl.bcnn.count import count_work, find_activity, sum_products
from rtl.bcnn.engine import Work, number_window
from rtl.bcnn.lane import binary_lane, mismatch_columns, number_lane, register
from rtl.bcnn.maps import (
    index_bits,
    map_memory,
    map_write,
    read_bits,
    reads,
    row_copies,
    take_turns,
    turns,
)
from rtl.bcnn.pipeline import load
from rtl.bcnn.pixels import pixels
from rtl.bcnn.place import place_chunks, show_chunks
from rtl.bcnn.place import tap as tap_port
from rtl.bcnn.pool import pool
from rtl.bcnn.popcount import (
    FIELDS_BITS,
    compress,
    fields_of_eight,
    fields_of_sixteen,
    weigh,
    weights_left,
)
from rtl.bcnn.requests import Feed, requests
from rtl.bcnn.scores import SCORE_LATENCY, collect_words, scale
from rtl.bcnn.tests.layers import LAYERS, MINI
from rtl.bcnn.walk import step, walk
from rtl.bcnn.weights import entry_write, weight_memory
from rtl.bcnn.window import (
    columns,
    inside_masks,
    kept_width,
    mixed_columns,
    spread_weights,
    strips,
)
from rtl.bcnn.window import find_inside as find_columns_inside
from rtl.convert import unused
from rtl.lib.counters import COUNTER_BITS
from rtl.lib.delay import delay_control
from rtl.lib.run_queue import descriptor
from rtl.lib.stream import beats, bit, reset, signed, stream, transfer, word

COMPRESSED = ((1, 1), (3, 2), (8, 3), (5, 7), (32, 12), (17, 31), (32, 48))  # (width, words)
WEIGHED = (1, 2, 3, 5, 6)  # fields


def joined(parts):
    """Signals as one, the first lowest."""
    return ConcatSignal(*reversed(parts)) if len(parts) > 1 else parts[0]


def cut(bus, widths):
    """Slices of a bus, the first lowest."""
    edges = [sum(widths[:n]) for n in range(len(widths) + 1)]
    return [bus(last, first) if len(widths) > 1 else bus for first, last in pairwise(edges)]


@block
def name_bits(value, bits):
    """The bits of a list of Signals, for a port."""

    @always_comb
    def show():
        bits.next = value

    return show


@block
def as_number(bits, number):
    """Bits as two's complement."""

    @always_comb
    def show():
        number.next = bits.signed()

    return show


@block
def compressors(clk, bits, left):
    """`compress` at several sizes, side by side. Latency: one cycle."""
    kept_bits = word(len(left))
    words = cut(bits, [width * count for width, count in COMPRESSED])
    kept = [[word(width) for _ in range(weights_left(count))] for width, count in COMPRESSED]
    adders = [
        compress(cut(words[n], [width] * count), kept[n]) for n, (width, count) in enumerate(COMPRESSED)
    ]
    naming = name_bits(joined([each for row in kept for each in row]), kept_bits)
    return adders, naming, register(clk, True, kept_bits, left)


def compressors_all():
    bits = sum(width * count for width, count in COMPRESSED)
    return compressors(bit(), word(bits), word(sum(width * weights_left(count) for width, count in COMPRESSED)))


@block
def field_counters(clk, enable, bits, ones, fields, totals):
    """Ones in fields of sixteen bits; and `weigh` of several numbers of fields."""
    eights = word(FIELDS_BITS)
    results = [word(FIELDS_BITS) for _ in WEIGHED]
    first = fields_of_eight(clk, enable, bits, eights)
    second = fields_of_sixteen(eights, ones)
    parts = cut(fields, [FIELDS_BITS * count for count in WEIGHED])
    weighing = [weigh(cut(parts[n], [FIELDS_BITS] * count), results[n]) for n, count in enumerate(WEIGHED)]
    return first, second, weighing, name_bits(joined(results), totals)


def field_counters_of(bits="32"):
    width = FIELDS_BITS * sum(WEIGHED)
    return field_counters(
        bit(), bit(), word(int(bits)), word(FIELDS_BITS), word(width), word(FIELDS_BITS * len(WEIGHED))
    )


@block
def binary_lanes(clk, valid, first, gain, activations, weights, totals, lanes, columns, chunk, width):
    """`lanes` neighbouring outputs of a row: lane x sees `columns` words from word x on."""
    row, kept = word(len(activations)), word(len(weights))
    found = [signed(width) for _ in range(lanes)]
    each = cut(kept, [chunk] * columns)
    spread = [joined([each[n] for _ in range(lanes)]) for n in range(columns)]
    windows = [row(chunk * (n + lanes), chunk * n) for n in range(columns)]
    left = [word(chunk * lanes) for _ in range(weights_left(columns))]
    matching = mismatch_columns(clk, valid(0), windows, spread, left)
    own = [joined([w(chunk * (n + 1), chunk * n) if lanes > 1 else w for w in left]) for n in range(lanes)]
    instances = [
        binary_lane(clk, valid(4, 1), first, own[n], gain, found[n], chunk)
        for n in range(lanes)
    ]

    @always(clk.posedge)
    def keep():
        row.next = activations
        kept.next = weights

    return matching, instances, keep, name_bits(joined([each(width, 0) for each in found]), totals)


def elaborate_lanes(lanes="32", columns="12", chunk="32"):
    lanes, columns, chunk = int(lanes), int(columns), int(chunk)
    return binary_lanes(
        bit(), word(4), bit(), signed(14), word(chunk * (lanes + columns - 1)), word(chunk * columns),
        word(14 * lanes), lanes, columns, chunk, 14,
    )  # fmt: skip


def number_lane_of(count, bits):
    count, bits = int(count), int(bits)
    return number_lane(bit(), word(4), bit(), word(count * bits), word(count), signed(20), bits)


def walk_of(name):
    layer = LAYERS[name]
    return walk(bit(), reset(), bit(), bit(), step(layer), bit(), layer)


@block
def window(clk, enable, in_map, group, banks, weights, words, spread, layer):
    """Rows (of each lane one) and weights, a cycle later, to what is compared: two cycles from the rows."""
    bits, count = layer.chunk * layer.input_bits, layer.lanes * layer.kernel[1]
    rows = cut(banks, [bits * layer.width] * layer.lanes)
    kept = [word(bits * kept_width(layer)) for _ in range(layer.lanes)]
    mixed = mixed_columns(layer)
    inside = word(max(1, len(mixed)))
    seen = [
        columns(layer, n // layer.kernel[1], kept[n // layer.kernel[1]],
                [x * layer.stride[1] + n % layer.kernel[1] for x in range(layer.p)])
        for n in range(count)
    ]  # fmt: skip
    gated = [word(layer.chunk * layer.p) for _ in range(count)]
    cutting = strips(clk, enable, in_map, group, rows, kept, layer)
    looking = [find_columns_inside(clk, enable, group, inside, inside_masks(layer))] if mixed else []
    spreading = spread_weights(weights, inside, gated, layer)
    if layer.groups == 1:
        unused(group, "one group")
    return cutting, looking, spreading, name_bits(joined(seen), words), name_bits(joined(gated), spread)


def window_of(name):
    layer = LAYERS[name]
    bits = layer.step_bits * layer.p
    return window(
        bit(), bit(), word(layer.rows_at_once), word(index_bits(layer.groups)),
        word(layer.chunk * layer.width * layer.lanes), word(layer.step_bits), word(bits), word(bits), layer,
    )  # fmt: skip


@block
def number_windows(clk, enable, in_map, group, banks, numbers, layer):
    """Rows of numbers to what each output sees."""
    bits, rows = layer.channels * layer.input_bits, layer.rows_at_once
    kept = [word(bits * kept_width(layer)) for _ in range(rows)]
    cutting = strips(clk, enable, in_map, group, cut(banks, [bits * layer.width] * rows), kept, layer)
    seen = [
        number_window(layer, kept, [x * layer.stride[1] + k for k in range(layer.kernel[1])])
        for x in range(layer.p)
    ]
    if layer.groups == 1:
        unused(group, "one group")
    return cutting, name_bits(joined(seen), numbers)


def number_windows_of(name):
    layer = LAYERS[name]
    row = layer.channels * layer.input_bits
    return number_windows(
        bit(), bit(), word(layer.rows_at_once), word(index_bits(layer.groups)),
        word(row * layer.width * layer.rows_at_once), word(row * layer.rows_at_once * layer.kernel[1] * layer.p), layer,
    )  # fmt: skip


@block
def collected(clk, rst, finish, totals, write, write_address, write_data, chunk, layer):
    """`collect` of a bus of sums."""
    bits, largest = len(totals) // layer.p, layer.largest_sum
    numbers = [Signal(intbv(0, min=-2 * largest, max=2 * largest + 1)) for _ in range(layer.p)]
    naming = [as_number(part, numbers[n]) for n, part in enumerate(cut(totals, [bits] * layer.p))]
    collecting = collect(clk, rst, finish, numbers, write, write_address, write_data, chunk, layer)
    return naming, collecting


@dataclass(frozen=True)
class PlainChunk:
    """A Chunk of what is not pooled, or is pooled already."""

    valid: object
    plane: object
    group: object
    row_ends: object
    ends: object
    data: object


def plain_chunk(layer, pixels):
    """A PlainChunk."""
    chunk = made_chunks(layer, pixels)
    return PlainChunk(chunk.valid, chunk.plane, chunk.group, chunk.row_ends, chunk.ends, chunk.data)


def collect_of(name):
    layer = LAYERS[name]
    bits = (2 * layer.largest_sum + 1).bit_length() + 1
    chunk = (made_chunks if layer.pooled else plain_chunk)(layer, layer.p)
    return collected(
        bit(), reset(), bit(), word(bits * layer.p), bit(), word(index_bits(layer.filters)), word(32), chunk, layer
    )


def pool_of(name):
    layer = LAYERS[name]
    return pool(bit(), reset(), made_chunks(layer, layer.p), plain_chunk(layer, layer.group_width), layer)


@dataclass(frozen=True)
class Placed:
    """A Chunk as far as it is placed."""

    valid: object
    group: object
    row_ends: object
    ends: object
    data: object


@block
def placed(clk, rst, chunk, half, read_address, banks, reader, groups):
    """Chunks into a map, whose memories are read; half: the one that is written."""
    writing, write = turns(), map_write(reader, groups)
    banked = [word(len(chunk.data)) for _ in range(reader.lanes * groups)]
    placing = place_chunks(clk, rst, chunk, writing, write, reader)
    memory = map_memory(clk, write, read_address, banked, reader.lanes, groups)

    @always_seq(clk.posedge, reset=rst)
    def turn():
        if writing.filled:
            writing.write_half.next = not writing.write_half

    @always_comb
    def show():
        half.next = writing.write_half

    return placing, memory, turn, show, name_bits(joined(banked), banks)


def placed_for(name, groups):
    """The map of a layer, whose rows come in so many groups."""
    reader, groups = LAYERS[name], int(groups)
    bits = reader.width // groups * reader.chunk
    return placed(
        bit(), reset(), Placed(bit(), word(index_bits(groups)), bit(), bit(), word(bits)), bit(),
        word(read_bits(reader)), word(bits * groups * reader.lanes), reader, groups,
    )  # fmt: skip


@dataclass(frozen=True)
class RowWrite:
    """A MapWrite of a whole row."""

    valid: object
    address: object
    data: object


@block
def copied(clk, write, read_address, banks, layer):
    """Rows into their copies."""
    kept = [word(len(write.data)) for _ in range(layer.rows_at_once)]
    return row_copies(clk, write, read_address, kept, layer), name_bits(joined(kept), banks)


def row_copies_of(name):
    layer = LAYERS[name]
    whole = map_write(layer, 1)
    return copied(
        bit(), RowWrite(whole.valid, whole.address, whole.data), word(read_bits(layer)),
        word(len(whole.data) * layer.rows_at_once), layer,
    )  # fmt: skip


@dataclass(frozen=True)
class ShownChunk:
    """A Chunk as far as a tap shows it."""

    valid: object
    plane: object
    ends: object
    data: object


def show_chunks_of(name):
    layer = LAYERS[name]
    chunk = made_chunks(layer, layer.p)
    shown = ShownChunk(chunk.valid, chunk.plane, chunk.ends, chunk.data)
    return show_chunks(bit(), reset(), shown, word(16), tap_port(layer.p), layer)


@dataclass(frozen=True)
class OneTurn:
    """Turns, as the reader of pixels needs them."""

    room: object
    reserve: object
    filled: object
    write_half: object


def pixels_of(name, memory_bytes):
    layer = LAYERS[name]
    data = beats(int(memory_bytes))
    return pixels(
        bit(), reset(), bit(), data, OneTurn(bit(), bit(), bit(), bit()), map_write(layer, 1), bit(), bit(), bit(),
        layer,
    )  # fmt: skip


def turns_of():
    return take_turns(bit(), reset(), turns(), reads())


@block
def scored(clk, rst, finish, ends, total, entry, words):
    """Sums to words of scores."""
    score, valid, late = signed(32), bit(), bit()
    scaling = scale(clk, finish, total, entry, score)
    following = delay_control(clk, rst, finish, valid, SCORE_LATENCY)
    ending = delay_control(clk, rst, ends, late, SCORE_LATENCY)
    collecting = collect_words(clk, rst, valid, late, score, words)
    return scaling, following, ending, collecting


def scored_of(bits, total_bits):
    return scored(bit(), reset(), bit(), bit(), signed(int(total_bits)), word(48), stream(int(bits)))


@dataclass(frozen=True)
class OpenStream:
    """A Stream that always has room."""

    data: object
    valid: object


LOADED = (LAYERS["zeros"], LAYERS["full"], MINI.layers[1], MINI.layers[-1])


@block
def loaded(clk, rst, words, read_address, enable, weights, parameters):
    """The stream into the weight memories of LOADED, and past them as writes of parameters."""
    first = [entry_write(layer.weight_bits, layer.weight_words) for layer in LOADED]
    second = [entry_write(layer.parameter_bits, layer.filters) for layer in LOADED]
    steps = [word(layer.step_bits) for layer in LOADED]
    addresses = cut(read_address, [len(each.address) for each in first])
    loading = load(clk, rst, words, first, second, LOADED)
    memories = [
        weight_memory(clk, enable, first[n], addresses[n], steps[n], layer.weight_words)
        for n, layer in enumerate(LOADED)
    ]
    for each in second:
        unused(each.part, "a parameter is shorter than a word")
    valid = joined([each.valid for each in second])
    data = joined([part for each in second for part in (each.address, each.data)])
    return loading, memories, name_bits(joined(steps), weights), name_bits(valid, parameters.valid), name_bits(
        data, parameters.data
    )


def loaded_all():
    bits = sum(layer.step_bits for layer in LOADED)
    each = sum(index_bits(layer.filters) + layer.parameter_bits for layer in LOADED)
    addresses = sum(index_bits(layer.weight_words) for layer in LOADED)
    parameters = OpenStream(word(each), word(len(LOADED)))
    return loaded(bit(), reset(), stream(256), word(addresses), bit(), word(bits), parameters)


@dataclass(frozen=True)
class Results:
    """Reads, as the writer of scores needs them."""

    release: object
    full: object


IMAGE, SCORES, LAST_LAYER = 100, 24, 5  # of the requests' test


def requests_16():
    feed = Feed(bit(), bit(), Signal(modbv(0)[16:]), bit())
    return requests(
        bit(), reset(), bit(), descriptor(), word(32), word(32), feed, transfer(), Results(bit(), word(2)), transfer(),
        bit(), bit(), bit(), IMAGE, SCORES, LAST_LAYER, 16,
    )  # fmt: skip


def count_work_of(first):
    return count_work(
        bit(), reset(), bit(), Work(bit(), bit(), bit(), word(17), word(32)), word(COUNTER_BITS), first == "first"
    )


@block
def sums_of(clk, amounts, total, busy, reads, writes, activity, count):
    """`sum_products` of so many amounts, and the activity."""
    summing = sum_products(clk, cut(amounts, [17] * count), total)
    return summing, find_activity(clk, busy, reads, writes, activity)


def sums_5():
    return sums_of(bit(), word(5 * 17), word(20), word(5), bit(), bit(), word(2), 5)
