"""Elements between two registers: what the array is made of.

A cluster is `size` x `size` elements. Its activations go on to the east a cycle later, its sums to the south; within a
cluster activations reach all columns at once, and products are added in pairs before they join the sum from the north.
"""

from myhdl import ConcatSignal, always, always_comb, block

from rtl.lib.stream import signed, word
from rtl.systolic.element import BUNDLE_BITS, POSITION_BITS, PRODUCT_BITS, WEIGHT_BITS, element

CELL_LATENCY = 2  # from activations to the sum that has their products
LOADED_ROWS = 2  # array rows that take weights in one cycle


def flow_bits(size):
    """Bits that go through a row of clusters: EXTEND, SWAP, one LOAD for each pair of rows, a bundle for each row."""
    return size * BUNDLE_BITS + size // LOADED_ROWS + 2


def weight_bits(size):
    """Bits that go down a column of clusters: for each row of a pair the columns' weights; then their positions."""
    return LOADED_ROWS * size * (WEIGHT_BITS + POSITION_BITS)


@block
def pair(clk, bundles, weights, positions, load, swap, extend, total):
    """The sum of two elements' products, a cycle later. bundles, weights, positions: upper row lowest."""
    upper, lower = signed(PRODUCT_BITS), signed(PRODUCT_BITS)
    elements = [
        element(clk, bundles(BUNDLE_BITS * (row + 1), BUNDLE_BITS * row),
                weights(WEIGHT_BITS * (row + 1), WEIGHT_BITS * row),
                positions(POSITION_BITS * (row + 1), POSITION_BITS * row), load, swap, extend, product)
        for row, product in enumerate((upper, lower))
    ]

    @always(clk.posedge)
    def add():
        total.next = upper + lower

    return elements, add


@block
def cell(clk, flow, weights, positions, north, south, size):
    """One column of a cluster: south = north + the sum of `size` products, whose activations came a cycle earlier."""
    pairs = size // LOADED_ROWS
    bundles, loads = flow(size * BUNDLE_BITS, 0), flow(size * BUNDLE_BITS + pairs, size * BUNDLE_BITS)
    swap, extend = flow(size * BUNDLE_BITS + pairs), flow(size * BUNDLE_BITS + pairs + 1)
    width = 2 * BUNDLE_BITS
    sums = [signed(PRODUCT_BITS + 1) for _ in range(pairs)]
    first, last = sums[0], sums[pairs - 1]
    load_bits = [loads(n) if pairs > 1 else flow(size * BUNDLE_BITS) for n in range(pairs)]
    adding = [
        pair(clk, bundles(width * (n + 1), width * n), weights, positions, load_bits[n], swap, extend, sums[n])
        for n in range(pairs)
    ]

    @always(clk.posedge)
    def add():
        if pairs == 2:
            south.next = north + first + last
        else:
            south.next = north + first

    return adding, add


@block
def column_weights(lane, column, weights, positions, size):
    """The weights and positions of one column, the upper row of the pair lowest."""
    upper, lower, places = 0, WEIGHT_BITS * size, 2 * WEIGHT_BITS * size
    values = [lane(start + WEIGHT_BITS * (column + 1), start + WEIGHT_BITS * column) for start in (upper, lower)]
    spots = [
        lane(start + POSITION_BITS * (column + 1), start + POSITION_BITS * column)
        for start in (places, places + POSITION_BITS * size)
    ]
    joined_values, joined_spots = ConcatSignal(*reversed(values)), ConcatSignal(*reversed(spots))

    @always_comb
    def join():
        weights.next = joined_values
        positions.next = joined_spots

    return join


@block
def cluster(clk, flow_in, weights, north, flow_out, south, size):
    """north and south: a signed sum for each column, lowest first."""
    width = len(north) // size
    values = [word(2 * WEIGHT_BITS) for _ in range(size)]
    places = [word(2 * POSITION_BITS) for _ in range(size)]
    above = [signed(width) for _ in range(size)]
    below = [signed(width) for _ in range(size)]
    choosing = [column_weights(weights, column, values[column], places[column], size) for column in range(size)]
    reading = [interpret(north(width * (n + 1), width * n), above[n]) for n in range(size)]
    cells = [cell(clk, flow_in, values[n], places[n], above[n], below[n], size) for n in range(size)]
    joined = ConcatSignal(*reversed(below))

    @always(clk.posedge)
    def pass_on():
        flow_out.next = flow_in

    @always_comb
    def join():
        south.next = joined

    return choosing, reading, cells, pass_on, join


@block
def interpret(bits, value):
    """Bits of a bus as a two's complement number."""

    @always_comb
    def drive():
        value.next = bits.signed()

    return drive
