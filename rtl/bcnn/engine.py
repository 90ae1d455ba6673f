"""One layer: map in, map out.

walk -> map and weight memories -> row, strip -> lanes -> collect -> (pool) -> place
  0          1                       2            2+3        6         7
"""

from dataclasses import dataclass

from myhdl import ConcatSignal, Constant, Signal, always, always_comb, always_seq, block, concat, intbv

from rtl.bcnn.collect import collect, made_chunks
from rtl.bcnn.lane import LANE_LATENCY, binary_lane, count_negative, flip_numbers, number_lane
from rtl.bcnn.maps import map_memory, read_bits, reads, row_copies, take_turns
from rtl.bcnn.place import place_chunks, show_chunks
from rtl.bcnn.pool import pool
from rtl.bcnn.walk import schedule, step, walk
from rtl.bcnn.weights import weight_memory
from rtl.bcnn.window import (
    column_inside,
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
from rtl.lib.delay import delay, delay_control
from rtl.lib.stream import bit, signed, word

GAIN_LATENCY = LANE_LATENCY  # both meet in the lanes' last stage


@dataclass(frozen=True)
class Work:
    """What an engine does in a cycle, for the counters: a step; nothing to read; no room for what it would make; macs:
    products of the step, skipped: those that the image did without, with its last step."""

    busy: object
    no_input: object
    no_room: object
    macs: object
    skipped: object


def work():
    """A Work."""
    return Work(bit(), bit(), bit(), word(17), word(32))


def step_products(layer, tail):
    """Products of a step that belong to real channels."""
    real = layer.uf // layer.kernel[1]
    if layer.binary:
        real = layer.lanes * layer.chunk
        real -= (layer.planes * layer.chunk - layer.channels) if tail else 0
    return layer.p * layer.kernel[1] * real


def executed(layer):
    """Products of an image that are done, masked columns included."""
    row = sum(step_products(layer, number == layer.slices - 1) for number in range(layer.slices))
    if layer.rows_at_once > 1:
        kernels = layer.out_height
    else:
        kernels = sum((left + 1) // layer.slices for left in schedule(layer).left)
    return kernels * row * layer.groups * layer.filters


def nominal(layer):
    """Products of an image, those with padding included."""
    return layer.out_height * layer.out_width * layer.filters * layer.fan_in


@block
def start_images(halt, active, image_ends, reads, room, start, half, image):
    """An image starts when its half is full and the next map has room, also with the last step of the one before."""
    here, there = bit(), bit()

    @always_comb
    def look():
        here.next = reads.full[1] if reads.half else reads.full[0]
        there.next = reads.full[0] if reads.half else reads.full[1]

    @always_comb
    def decide():
        start.next = room and not halt and ((image_ends and there) or (not active and here))
        half.next = reads.half != image_ends
        image.next = reads.following if image_ends else reads.image
        reads.release.next = image_ends

    return look, decide


@block
def tell_work(clk, step, start, image_ends, full, room, work, layer):
    """What the engine does, a cycle later."""
    whole, last = step_products(layer, False), step_products(layer, True)
    skipped = nominal(layer) - executed(layer)

    @always(clk.posedge)
    def tell():
        work.busy.next = step.valid
        work.no_input.next = not step.valid and not start and full == 0
        work.no_room.next = not step.valid and not start and full != 0 and not room
        work.macs.next = 0
        if step.valid:
            work.macs.next = last if step.tail else whole
        work.skipped.next = skipped if image_ends else 0

    return tell


@block
def follow_steps(clk, rst, step, valid, first, finish):
    """valid: bit n, n + 1 cycles after the step; first: with the last stage of the lanes; finish: a sum is complete."""
    stages = len(valid)
    ends = bit()
    ending = delay_control(clk, rst, ends, finish, stages + 1)
    beginning = delay(clk, step.first, first, stages)

    @always_comb
    def find():
        ends.next = step.valid and step.last

    @always_seq(clk.posedge, reset=rst)
    def shift():
        valid.next[stages:1] = valid[stages - 1:0]
        valid.next[0] = step.valid

    return ending, beginning, find, shift


def constant(value, width):
    """A number that never changes."""
    return Constant(intbv(value, min=-(1 << width - 1), max=1 << width - 1))


@block
def find_gain(clk, group, tail, gain, table):
    """Products of a lane's step, by group of pixels and whether the slice is the last. Latency: GAIN_LATENCY."""
    late_group, late_tail = word(len(group)), bit()
    place, found = ConcatSignal(late_group, late_tail), signed(len(gain))
    delaying = delay(clk, group, late_group, GAIN_LATENCY - 1), delay(clk, tail, late_tail, GAIN_LATENCY - 1)

    @always_comb
    def look():
        found.next = table[place]

    @always(clk.posedge)
    def keep():
        gain.next = found

    return delaying, look, keep


def gain_table(layer, lane):
    """Products of a lane's step: index twice the group, one more for the last slice."""
    places = [lane * layer.stride[1] + k for k in range(layer.kernel[1])]
    flags = [column_inside(layer, place) for place in places]
    real = [step_products(layer, tail) // (layer.p * layer.kernel[1]) for tail in (False, True)]
    return tuple(
        sum(flag[group] for flag in flags) * (real[0] if tail == 0 and layer.slices > 1 else real[1])
        for group in range(layer.groups)
        for tail in (0, 1)
    )


@block
def binary_sums(clk, valid, first, group, tail, kept, weights, totals, layer):
    """Sums of bits: totals of the lanes, from a row or strip and a step's weights."""
    width, mixed = len(totals[0]), mixed_columns(layer)
    gated = [word(pixel_bits(layer)) for _ in gated_columns(layer)]
    in_map = word(max(1, len(mixed)))
    tables = [gain_table(layer, lane) for lane in range(layer.p)]
    distinct = sorted(set(tables))
    fixed = all(len(set(table)) == 1 for table in distinct)
    gains = [constant(table[0], width) if fixed else signed(width) for table in distinct]
    looking, gaining = [], []
    if mixed:
        looking = [find_inside(clk, valid(0), group, in_map, inside_masks(layer)),
                   gate_columns(weights, in_map, gated, layer)]
    if fixed:
        unused(tail, "all steps have the same products")
        unused(group, "all groups have the same products")
    else:
        gaining = [find_gain(clk, group, tail, gains[n], distinct[n]) for n in range(len(distinct))]
    lanes = [
        binary_lane(clk, valid(LANE_LATENCY + 1, 1), first, columns(layer, kept[0], lane_columns(layer, n)),
                    lane_weights(layer, n, weights, gated), gains[distinct.index(tables[n])], totals[n])
        for n in range(layer.p)
    ]
    return looking, gaining, lanes


@block
def number_sums(clk, valid, first, kept, weights, totals, layer):
    """Sums of numbers: totals of the lanes."""
    bits, rows = layer.input_bits, layer.rows_at_once
    row_bits = layer.kernel[1] * pixel_bits(layer)
    flips = [word(row_bits) for _ in range(rows)]
    gain = signed(len(totals[0]))
    flipping = [flip_numbers(weights(row_bits // bits * (n + 1), row_bits // bits * n), flips[n], bits)
                for n in range(rows)]
    balancing = count_negative(clk, weights, gain, layer.step_bits << bits - 1)
    lanes = [
        number_lane(clk, valid(LANE_LATENCY + 1, 1), first,
                    [columns(layer, row, lane_columns(layer, n)) for row in kept], flips, gain, totals[n], bits)
        for n in range(layer.p)
    ]
    return flipping, balancing, lanes


@block
def sums(clk, rst, halt, write, turns, room, image, start, weight_write, totals, finish, work, layer, parts):
    """From the map to complete sums: totals, a list with one a lane, are complete at `finish`.

    parts: into how many groups of pixels the rows of the map are cut when it is written; start, image: of the next map.
    """
    now, half, image_ends, address = step(layer), bit(), bit(), word(read_bits(layer))
    count = layer.rows_at_once if layer.rows_at_once > 1 else layer.lanes * parts
    bits = layer.width * layer.chunk * layer.input_bits // (1 if layer.rows_at_once > 1 else parts)
    banks = [word(bits) for _ in range(count)]
    kept = [word(kept_width(layer) * pixel_bits(layer)) for _ in range(layer.rows_at_once)]
    weights, valid, first = word(layer.step_bits), word(LANE_LATENCY + 1), bit()
    given = reads()
    in_map, group, tail = word(len(now.in_map)), word(len(now.group)), bit()

    turning = take_turns(clk, rst, turns, given)
    starting = start_images(halt, now.valid, image_ends, given, room, start, half, image)
    walking = walk(clk, rst, start, half, now, image_ends, layer)
    telling = tell_work(clk, now, start, image_ends, given.full, room, work, layer)
    following = follow_steps(clk, rst, now, valid, first, finish)
    if layer.rows_at_once > 1:
        memory = row_copies(clk, write, address, banks, layer)
    else:
        memory = map_memory(clk, write, address, banks, layer.lanes, parts)
    loading = weight_memory(clk, valid(0), weight_write, now.weight, weights, layer.weight_words)
    cutting = strips(clk, valid(0), in_map, group, banks, kept, layer)
    if layer.binary:
        summing = binary_sums(clk, valid, first, group, tail, kept, weights, totals, layer)
    else:
        summing = number_sums(clk, valid, first, kept, weights, totals, layer)
        unused(tail, "numbers are not cut in slices")

    @always_comb
    def point():
        address.next = concat(now.half, now.address)

    @always(clk.posedge)
    def follow():
        in_map.next = now.in_map
        group.next = now.group
        tail.next = now.tail

    return turning, starting, walking, telling, following, memory, loading, cutting, summing, point, follow


@block
def engine(clk, rst, halt, write, turns, weight_write, parameter_write, made, made_turns, tap, pooled_tap, work,
           layer, reader, parts):
    """A layer that makes bits: from the map that `write` fills to `made`, for the engine of the layer `reader`.

    tap, pooled_tap: results before and after pooling; the latter None without a pool.
    """
    largest = layer.largest_sum
    totals = [Signal(intbv(0, min=-2 * largest, max=2 * largest + 1)) for _ in range(layer.p)]
    start, finish = bit(), bit()
    chunk = made_chunks(layer, layer.p)
    summing = sums(clk, rst, halt, write, turns, made_turns.room, made_turns.image, start, weight_write, totals, finish,
                   work, layer, parts)
    collecting = collect(clk, rst, finish, totals, parameter_write.valid, parameter_write.address,
                         parameter_write.data, chunk, layer)
    showing = [show_chunks(clk, rst, chunk, made_turns.made, tap, layer)]
    if layer.pooled:
        pooled = made_chunks(layer, layer.group_width)
        pooling = pool(clk, rst, chunk, pooled, layer)
        showing.append(show_chunks(clk, rst, pooled, made_turns.made, pooled_tap, layer))
        placing = place_chunks(clk, rst, pooled, made_turns, made, reader)
    else:
        pooling = []
        placing = place_chunks(clk, rst, chunk, made_turns, made, reader)
    unused(parameter_write.part, "a parameter is shorter than a word")

    @always_comb
    def reserve():
        made_turns.reserve.next = start

    return summing, collecting, showing, pooling, placing, reserve
