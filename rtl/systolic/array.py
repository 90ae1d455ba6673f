"""The weight-stationary array: rows are the reduction, columns the outputs."""

from myhdl import ConcatSignal, Constant, always_comb, block, intbv

from rtl.convert import unused
from rtl.lib.stream import word
from rtl.systolic.cluster import CELL_LATENCY, LOADED_ROWS, cluster, flow_bits, weight_bits
from rtl.systolic.element import BUNDLE_BITS, LARGEST_PRODUCT
from rtl.systolic.skew import register, skew

SKEW_LATENCY = 1  # of the lane that is not delayed


def sum_bits(rows):
    """Width of a column's signed sum of products."""
    return (LARGEST_PRODUCT * rows).bit_length() + 1


def array_latency(rows, size):
    """Cycles from the activations of a pixel at `flows` to the sums of the first column of clusters."""
    return SKEW_LATENCY + CELL_LATENCY - 1 + rows // size


@block
def west_edge(lane, loads, flow, size):
    """A row of clusters' skewed lane, with the load flags, which do not wait for the skew."""
    bundles, flags = lane(size * BUNDLE_BITS, 0), lane(size * BUNDLE_BITS + 2, size * BUNDLE_BITS)
    joined = ConcatSignal(flags, loads, bundles)

    @always_comb
    def join():
        flow.next = joined

    return join


@block
def array(clk, rst, flows, load_pairs, weights, sums, rows, columns, size):
    """One pixel a cycle, from flows (for each row of clusters: bundles, SWAP, EXTEND) to sums.

    sums: column c of the pixel that entered at cycle t leaves at t + array_latency(rows, size) + c // size. A SWAP that
    enters at t brings the next weights into use for the activations that enter from t + 1 on. load_pairs (one bit for
    each pair of rows) and weights (weight_bits a column of clusters) that enter at t do not overtake a SWAP of t.
    """
    down, across, bits = rows // size, columns // size, size * sum_bits(rows)
    pairs = size // LOADED_ROWS
    skewed_flows, skewed_weights, late_loads = word(len(flows)), word(len(weights)), word(len(load_pairs))
    row_skew = skew(clk, rst, flows, skewed_flows, down)
    column_skew = skew(clk, rst, weights, skewed_weights, across)
    load_delay = register(clk, load_pairs, late_loads)
    lane, lane_weights = len(flows) // down, weight_bits(size)
    passing = [[word(flow_bits(size)) for _ in range(across + 1)] for _ in range(down)]
    nothing = Constant(intbv(0)[bits:])
    partial = [[nothing] * across] + [[word(bits) for _ in range(across)] for _ in range(down)]
    west = [
        west_edge(skewed_flows(lane * (row + 1), lane * row), late_loads(pairs * (row + 1), pairs * row),
                  passing[row][0], size)
        for row in range(down)
    ]
    clusters = [
        cluster(clk, passing[row][column], skewed_weights(lane_weights * (column + 1), lane_weights * column),
                partial[row][column], passing[row][column + 1], partial[row + 1][column], size)
        for row in range(down)
        for column in range(across)
    ]
    for row in range(down):
        unused(passing[row][across], "the array ends here")
    south = ConcatSignal(*reversed(partial[down]))

    @always_comb
    def gather():
        sums.next = south

    return row_skew, column_skew, load_delay, west, clusters, gather
