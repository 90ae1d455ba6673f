"""The order of an engine's steps: rows of outputs, groups of pixels, filters, kernel rows, slices of channels."""

from dataclasses import dataclass

from myhdl import Signal, always, always_comb, always_seq, block, modbv

from rtl.bcnn.maps import index_bits, read_bits
from rtl.convert import unused
from rtl.lib.stream import bit, word


@dataclass(frozen=True)
class Step:
    """What is to be done in a cycle. address: of the map, its half left out; weight: of the weights; in_map: which
    kernel rows of the step lie in the map; first, last: of a filter; tail: the last slice of the channels; group: of
    pixels.
    """

    valid: object
    half: object
    address: object
    weight: object
    in_map: object
    first: object
    last: object
    tail: object
    group: object


def step(layer):
    """A Step of a layer; the address wraps, from rows above the map into it."""
    address = Signal(modbv(0)[read_bits(layer) - 1:])
    return Step(
        bit(), bit(), address, word(index_bits(layer.weight_words)), word(layer.rows_at_once),
        bit(), bit(), bit(), word(index_bits(layer.groups)),
    )  # fmt: skip


@dataclass(frozen=True)
class Schedule:
    """For each row of outputs: address and weight of its first step, steps of a filter less one, weights that a filter
    leaves out, and for each step (or kernel row) whether it is in the map, the first lowest."""

    address: tuple
    weight: tuple
    left: tuple
    skip: tuple
    in_map: tuple


def schedule(layer):
    """The Schedule of a layer."""
    rows = [_row(layer, y) for y in range(layer.out_height)]
    return Schedule(*[tuple(values) for values in zip(*rows, strict=True)])


def _row(layer, y):
    first = y * layer.stride[0] - layer.padding[0]
    in_map = [0 <= first + k < layer.height for k in range(layer.kernel[0])]
    if layer.rows_at_once > 1:
        return y, 0, 0, 0, sum(1 << k for k, in_map in enumerate(in_map) if in_map)
    if layer.padding_value:
        steps = layer.kernel[0] * layer.slices
        mask = sum(1 << n for n in range(steps) if in_map[n // layer.slices])
        # Rows outside the map are read modulo the memory, and not used.
        modulus = 1 << read_bits(layer) - 1
        return first * layer.slices % modulus, 0, steps - 1, 0, mask
    skipped, executed = in_map.index(True), sum(in_map)
    left_out = layer.kernel[0] - executed
    return (
        (first + skipped) * layer.slices, skipped * layer.slices, executed * layer.slices - 1,
        left_out * layer.slices, (1 << executed * layer.slices) - 1,
    )  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Which filter's outputs are at hand, of which group of pixels of which row; and whether they are the last."""

    filter: object
    group: object
    row: object
    filter_ends: object
    row_ends: object
    image_ends: object


def place(layer):
    """A Place in what a layer makes."""
    sizes = (layer.filters, layer.groups, layer.out_height)
    return Place(*[word(index_bits(size)) for size in sizes], bit(), bit(), bit())


@block
def count_places(clk, rst, advance, place, filters, groups, rows):
    """From image to image: filter by filter, group by group, row by row, at each `advance`; the ends come with it."""

    @always_comb
    def find_ends():
        place.filter_ends.next = advance and place.filter == filters - 1
        place.row_ends.next = advance and place.filter == filters - 1 and place.group == groups - 1
        place.image_ends.next = (
            advance and place.filter == filters - 1 and place.group == groups - 1 and place.row == rows - 1
        )

    @always_seq(clk.posedge, reset=rst)
    def count_filters():
        if place.filter_ends:
            place.filter.next = 0
        elif advance:
            place.filter.next = place.filter + 1

    @always_seq(clk.posedge, reset=rst)
    def count_groups():
        if place.row_ends:
            place.group.next = 0
        elif place.filter_ends:
            place.group.next = place.group + 1

    @always_seq(clk.posedge, reset=rst)
    def count_rows():
        if place.image_ends:
            place.row.next = 0
        elif place.row_ends:
            place.row.next = place.row + 1

    return find_ends, count_filters, count_groups, count_rows


@dataclass(frozen=True)
class Row:
    """The entries of the schedule for a row of outputs."""

    address: object
    weight: object
    left: object
    skip: object
    in_map: object


def row_entries(plan, layer):
    """A Row."""
    bits = [max(1, max(values).bit_length()) for values in (plan.weight, plan.left, plan.skip, plan.in_map)]
    bits[3] = max(bits[3], layer.rows_at_once)  # the last rows of a kernel may never lie in the map
    return Row(word(read_bits(layer) - 1), *[word(width) for width in bits])


@block
def look_up(row, entries, plan):
    """The plan's entries for a row of outputs."""

    @always_comb
    def read_address():
        entries.address.next = plan.address[row]

    @always_comb
    def read_weight():
        entries.weight.next = plan.weight[row]

    @always_comb
    def read_left():
        entries.left.next = plan.left[row]

    @always_comb
    def read_skip():
        entries.skip.next = plan.skip[row]

    @always_comb
    def read_inside():
        entries.in_map.next = plan.in_map[row]

    return read_address, read_weight, read_left, read_skip, read_inside


@block
def keep_row(clk, load, entries, kept):
    """The entries of the row at hand."""

    @always(clk.posedge)
    def keep():
        if load:
            kept.address.next = entries.address
            kept.weight.next = entries.weight
            kept.left.next = entries.left
            kept.skip.next = entries.skip
            kept.in_map.next = entries.in_map

    return keep


@block
def move(clk, start, load, kernel_ends, filter_ends, entries, kept, step, left, in_map):
    """Address, weight and what is left of a filter, from step to step.

    entries: of the row to come, kept: of the row at hand; load: the next step is the first of a row.
    """
    after = Signal(modbv(0)[len(step.weight):])

    @always_comb
    def skip():
        after.next = step.weight + kept.skip + 1

    @always(clk.posedge)
    def move_address():
        if load:
            step.address.next = entries.address
        elif kernel_ends:
            step.address.next = kept.address
        elif step.valid:
            step.address.next = step.address + 1

    @always(clk.posedge)
    def move_weight():
        if load:
            step.weight.next = entries.weight
        elif filter_ends:
            step.weight.next = kept.weight
        elif kernel_ends:
            step.weight.next = after
        elif step.valid:
            step.weight.next = step.weight + 1

    @always(clk.posedge)
    def count():
        if load:
            left.next = entries.left
        elif kernel_ends:
            left.next = kept.left
        elif step.valid:
            left.next = left - 1

    @always(clk.posedge)
    def follow():
        if load:
            in_map.next = entries.in_map
        elif kernel_ends:
            in_map.next = kept.in_map
        elif step.valid:
            in_map.next = in_map >> len(step.in_map)

    @always(clk.posedge)
    def begin():
        step.first.next = start or kernel_ends

    return skip, move_address, move_weight, count, follow, begin


@block
def walk(clk, rst, start, half, step, image_ends, layer):
    """The steps of one image from the cycle after `start` on, one a cycle; a start may come with the last step before.

    half: of the map, taken at `start`; image_ends: the last step is at hand.
    """
    plan = schedule(layer)
    rows = layer.out_height
    entries, kept, spot = row_entries(plan, layer), row_entries(plan, layer), place(layer)
    wanted, left, in_map = word(len(spot.row)), word(len(kept.left)), word(len(kept.in_map))
    kernel_ends, load = bit(), bit()
    unused(spot.filter, "weights come in the order of filters")
    looking = look_up(wanted, entries, plan)
    keeping = keep_row(clk, load, entries, kept)
    counting = count_places(clk, rst, kernel_ends, spot, layer.filters, layer.groups, rows)
    moving = move(clk, start, load, kernel_ends, spot.filter_ends, entries, kept, step, left, in_map)
    if layer.slices > 1:
        slicing = count_slices(clk, rst, step.valid, step.tail, layer.slices)
    else:
        slicing = always_last(step.valid, step.tail)

    @always_comb
    def look_ahead():
        wanted.next = 0
        if step.valid and spot.row != rows - 1:
            wanted.next = spot.row + 1

    @always_comb
    def find_ends():
        kernel_ends.next = step.valid and left == 0
        load.next = start or spot.row_ends
        image_ends.next = spot.image_ends

    @always_comb
    def show():
        step.last.next = kernel_ends
        step.group.next = spot.group
        step.in_map.next = in_map[len(step.in_map):]

    @always_seq(clk.posedge, reset=rst)
    def run():
        if start:
            step.valid.next = True
        elif spot.image_ends:
            step.valid.next = False

    @always(clk.posedge)
    def turn():
        if start:
            step.half.next = half

    return looking, keeping, counting, moving, slicing, look_ahead, find_ends, show, run, turn


@block
def count_slices(clk, rst, advance, tail, slices):
    """tail: the step takes the last slice of the channels."""
    number = word(index_bits(slices))

    @always_comb
    def compare():
        tail.next = number == slices - 1

    @always_seq(clk.posedge, reset=rst)
    def count():
        if advance:
            number.next = 0 if number == slices - 1 else number + 1

    return compare, count


@block
def always_last(valid, tail):
    """The same for a single slice."""

    @always_comb
    def tell():
        tail.next = valid

    return tell
