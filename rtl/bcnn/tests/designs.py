"""Small tops around single blocks; a test names one with its arguments, all strings."""

from dataclasses import dataclass
from itertools import pairwise

from myhdl import Signal, always, always_comb, always_seq, block, intbv, modbv

from rtl.bcnn.collect import collect, made_chunks
from rtl.bcnn.count import count_work, find_activity, sum_products
from rtl.bcnn.engine import Work, sums, work
from rtl.bcnn.lane import binary_lane, count_negative, flip_numbers, number_lane
from rtl.bcnn.maps import (
    Turns,
    index_bits,
    map_memory,
    map_write,
    read_bits,
    reads,
    row_copies,
    take_turns,
    turns,
)
from rtl.bcnn.pipeline import load, report
from rtl.bcnn.pixels import pixels
from rtl.bcnn.place import place_chunks, show_chunks
from rtl.bcnn.place import tap as tap_port
from rtl.bcnn.pool import pool
from rtl.bcnn.requests import Feed, find_drained, requests
from rtl.bcnn.scores import SCORE_LATENCY, collect_words, scale, show_scores
from rtl.bcnn.tests.layers import LAYERS, MINI
from rtl.bcnn.walk import step, walk
from rtl.bcnn.weights import entry_write, weight_memory
from rtl.bcnn.window import (
    columns,
    find_inside,
    gate_columns,
    gated_columns,
    inside_masks,
    kept_width,
    lane_columns,
    lane_weights,
    mixed_columns,
    pixel_bits,
    strips,
)
from rtl.convert import unused
from rtl.lib.buses import joined
from rtl.lib.counters import COUNTER_BITS
from rtl.lib.delay import delay_control
from rtl.lib.run_queue import descriptor
from rtl.lib.stream import beats, bit, reset, signed, stream, transfer, word


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
def binary_lanes(clk, valid, first, gain, activations, weights, totals, lanes, pitch):
    """`lanes` neighbouring outputs of a row: lane x sees the bits from x * pitch on."""
    row, kept = word(len(activations)), word(len(weights))
    width = len(totals) // lanes
    found = [signed(width) for _ in range(lanes)]
    windows = [row(pitch * n + len(weights), pitch * n) if lanes > 1 else row for n in range(lanes)]
    instances = [binary_lane(clk, valid, first, windows[n], kept, gain, found[n]) for n in range(lanes)]

    @always(clk.posedge)
    def keep():
        row.next = activations
        kept.next = weights

    return instances, keep, name_bits(joined([each(width, 0) for each in found]), totals)


def elaborate_lanes(lanes="32", channels="128", columns="3"):
    lanes, channels, columns = int(lanes), int(channels), int(columns)
    return binary_lanes(
        bit(), word(3), bit(), signed(14), word(channels * (lanes + columns - 1)), word(channels * columns),
        word(14 * lanes), lanes, channels,
    )  # fmt: skip


@block
def number_sum(clk, valid, first, numbers, weights, total, rows, bits):
    """A number lane with the signs of its weights: a step's numbers and weights come row by row."""
    kept, count = word(len(weights)), len(weights) // rows
    parts, flips = cut(numbers, [count * bits] * rows), [word(count * bits) for _ in range(rows)]
    gain, windows = signed(len(total)), [word(count * bits) for _ in range(rows)]
    keeping = [keep_word(clk, part, windows[n]) for n, part in enumerate(parts)]
    flipping = [flip_numbers(part, flips[n], bits) for n, part in enumerate(cut(kept, [count] * rows))]
    balancing = count_negative(clk, kept, gain, len(weights) << bits - 1)
    lane = number_lane(clk, valid, first, windows, flips, gain, total, bits)
    return keeping, keep_word(clk, weights, kept), flipping, balancing, lane


@block
def keep_word(clk, value, kept):
    """A cycle later."""

    @always(clk.posedge)
    def keep():
        kept.next = value

    return keep


def number_sum_of(rows, count, bits):
    rows, count, bits = int(rows), int(count), int(bits)
    return number_sum(
        bit(), word(3), bit(), word(rows * count * bits), word(rows * count), signed(20), rows, bits
    )  # fmt: skip


def walk_of(name):
    layer = LAYERS[name]
    return walk(bit(), reset(), bit(), bit(), step(layer), bit(), layer)


def whole_kernel(layer, lane, bits, part):
    """What a lane sees, with zeros for the columns that it leaves out."""
    seen, first = lane_columns(layer, lane), lane * layer.stride[1]
    before, after = seen[0] - first, first + layer.kernel[1] - 1 - seen[-1]
    return joined(["0" * bits] * before + [part] + ["0" * bits] * after)


@block
def window(clk, enable, in_map, group, banks, weights, words, spread, layer):
    """Rows (of each lane one) and weights, a cycle later, to what each lane compares: two cycles from the rows."""
    bits = pixel_bits(layer)
    rows = cut(banks, [bits // layer.lanes * layer.width] * layer.lanes)
    kept, mixed = [word(bits * kept_width(layer))], mixed_columns(layer)
    inside, gated = word(max(1, len(mixed))), [word(bits) for _ in gated_columns(layer)]
    seen = [
        whole_kernel(layer, n, bits, columns(layer, kept[0], lane_columns(layer, n))) for n in range(layer.p)
    ]
    shown = [whole_kernel(layer, n, bits, lane_weights(layer, n, weights, gated)) for n in range(layer.p)]
    cutting = strips(clk, enable, in_map, group, rows, kept, layer)
    looking = [find_inside(clk, enable, group, inside, inside_masks(layer))] if mixed else []
    gating = [gate_columns(weights, inside, gated, layer)] if mixed else []
    return cutting, looking, gating, name_bits(joined(seen), words), name_bits(joined(shown), spread)


def window_of(name):
    layer = LAYERS[name]
    bits = layer.step_bits * layer.p
    return window(
        bit(), bit(), word(layer.rows_at_once), word(index_bits(layer.groups)),
        word(layer.chunk * layer.width * layer.lanes), word(layer.step_bits), word(bits), word(bits), layer,
    )  # fmt: skip


@block
def number_windows(clk, enable, in_map, group, banks, numbers, layer):
    """Rows of numbers to what each output sees, kernel row by kernel row."""
    bits, rows = pixel_bits(layer), layer.rows_at_once
    kept = [word(bits * kept_width(layer)) for _ in range(rows)]
    cutting = strips(clk, enable, in_map, group, cut(banks, [bits * layer.width] * rows), kept, layer)
    seen = [columns(layer, row, lane_columns(layer, n)) for n in range(layer.p) for row in kept]
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
def scored(clk, rst, finish, ends, total, entry, image, words, tap):
    """Sums to words of scores, and onto a tap."""
    score, valid, late = signed(32), bit(), bit()
    scaling = scale(clk, finish, total, entry, score)
    following = delay_control(clk, rst, finish, valid, SCORE_LATENCY)
    ending = delay_control(clk, rst, ends, late, SCORE_LATENCY)
    showing = show_scores(clk, rst, valid, late, image, score, tap)
    collecting = collect_words(clk, rst, valid, late, score, words)
    return scaling, following, ending, showing, collecting


def scored_of(bits, total_bits):
    lanes = int(bits) // 64
    return scored(
        bit(), reset(), bit(), bit(), signed(int(total_bits)), word(48), word(16), stream(int(bits)), tap_port(lanes)
    )  # fmt: skip


@dataclass(frozen=True)
class OpenStream:
    """A Stream that always has room."""

    data: object
    valid: object


@block
def summed(clk, rst, halt, write, map_image, map_turns, room, begun, weight_write, lane_sums, done, layer, parts):
    """`sums` with the sums of its lanes on one bus."""
    largest, width = layer.largest_sum, len(lane_sums.data) // layer.p
    found = [Signal(intbv(0, min=-2 * largest, max=2 * largest + 1)) for _ in range(layer.p)]
    made = word(len(map_image))
    given = Turns(map_turns.room, map_turns.reserve, map_image, map_turns.filled, map_turns.write_half, made)
    summing = sums(
        clk, rst, halt, write, given, room, begun.data, begun.valid, weight_write, found, lane_sums.valid, done, layer,
        parts,
    )  # fmt: skip
    unused(made, "nobody looks at the map")
    return summing, name_bits(joined([each(width, 0) for each in found]), lane_sums.data)


def summed_of(name, parts):
    layer, parts = LAYERS[name], int(parts)
    width = len(Signal(intbv(0, min=-2 * layer.largest_sum, max=2 * layer.largest_sum + 1)))
    write = map_write(layer, parts)
    if layer.rows_at_once > 1:
        write = RowWrite(write.valid, write.address, write.data)
    return summed(
        bit(), reset(), bit(), write, word(16), OneTurn(bit(), bit(), bit(), bit()), bit(), OpenStream(word(16), bit()),
        entry_write(layer.weight_bits, layer.weight_words), OpenStream(word(width * layer.p), bit()), work(), layer,
        parts,
    )  # fmt: skip


LOADED = (LAYERS["zeros"], LAYERS["full"], LAYERS["long"], MINI.layers[-1])


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


IMAGE, SCORES, LAST_LAYER = 100, 24, 5  # of the requests' test


def requests_16():
    feed = Feed(bit(), bit(), Signal(modbv(0)[16:]), bit())
    return requests(
        bit(), reset(), bit(), descriptor(), word(32), word(32), feed, transfer(), bit(), transfer(),
        bit(), bit(), bit(), IMAGE, SCORES, LAST_LAYER, 16,
    )  # fmt: skip


def drained_words(words):
    return find_drained(bit(), reset(), bit(), bit(), bit(), int(words))


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


@dataclass(frozen=True)
class Told:
    """What a pipeline tells the shell that counts."""

    activity: object
    layer_event: object
    layer: object
    macs: object
    macs_skipped: object


@dataclass(frozen=True)
class Fill:
    """The end of an image in a map."""

    filled: object


@block
def reported(clk, ends, busy, no_input, no_room, macs, skipped, told):
    """`report` of as many engines as `busy` has bits."""
    count = len(busy)
    maps = [Fill(bit()), *[Fill(ends(n)) for n in range(count)]]
    works = [
        Work(busy(n), no_input(n), no_room(n), part, left)
        for n, (part, left) in enumerate(zip(cut(macs, [17] * count), cut(skipped, [32] * count), strict=True))
    ]
    return report(clk, maps, works, told)


def reported_3():
    told = Told(word(2), bit(), word(12), word(20), word(36))
    return reported(bit(), word(3), word(3), word(3), word(3), word(51), word(96), told)
