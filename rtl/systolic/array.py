"""The weight-stationary array: rows are the reduction, columns the outputs."""

from myhdl import ConcatSignal, Constant, always, always_comb, block, intbv

from rtl.convert import unused
from rtl.lib.stream import bit, signed, word
from rtl.systolic.element import ACTIVATION_BITS, CONTROL_BITS, LARGEST_PRODUCT, element
from rtl.systolic.skew import skew

FLOW_BITS = 2 + ACTIVATION_BITS  # what is skewed with an activation: SIGNED, SWAP


def sum_bits(rows):
    """Width of a column's signed sum of products."""
    return (LARGEST_PRODUCT * rows).bit_length() + 1


@block
def west_edge(clk, load, flow, control, activation):
    """Splits a row's skewed lane; the load flag does not wait for the skew, only for its first register."""
    loading = bit()

    @always(clk.posedge)
    def delay():
        loading.next = load

    @always_comb
    def split():
        control.next[0] = loading
        control.next[1] = flow[ACTIVATION_BITS]
        control.next[2] = flow[ACTIVATION_BITS + 1]
        activation.next = flow[ACTIVATION_BITS:].signed()

    return delay, split


@block
def array(clk, rst, flows, load_rows, weights, sums, rows, columns):
    """One pixel a cycle: flows (FLOW_BITS a row), load_rows (one bit a row), weights (4 bits a column).

    sums: column c of the pixel that entered at cycle t leaves at t + 1 + rows + c. A row of weights that enters at t is
    in place, for the activations that enter from t + 1 on, if its SWAP does not come before.
    """
    bits = sum_bits(rows)
    skewed_flows = word(len(flows))
    skewed_weights = word(len(weights))
    row_skew = skew(clk, rst, flows, skewed_flows, rows)
    column_skew = skew(clk, rst, weights, skewed_weights, columns)
    controls = [[word(CONTROL_BITS) for _ in range(columns + 1)] for _ in range(rows)]
    activations = [[signed(ACTIVATION_BITS) for _ in range(columns + 1)] for _ in range(rows)]
    nothing = Constant(intbv(0, min=-(1 << bits - 1), max=1 << bits - 1))
    partial = [[nothing] * columns] + [[signed(bits) for _ in range(columns)] for _ in range(rows)]
    west = [
        west_edge(clk, load_rows(row), skewed_flows(FLOW_BITS * (row + 1), FLOW_BITS * row),
                  controls[row][0], activations[row][0])
        for row in range(rows)
    ]
    elements = [
        element(clk, controls[row][column], activations[row][column],
                skewed_weights(4 * (column + 1), 4 * column), partial[row][column],
                controls[row][column + 1], activations[row][column + 1], partial[row + 1][column])
        for row in range(rows)
        for column in range(columns)
    ]
    for row in range(rows):
        unused(controls[row][columns], "the array ends here")
        unused(activations[row][columns], "the array ends here")
    south = ConcatSignal(*reversed(partial[rows]))

    @always_comb
    def gather():
        sums.next = south

    return row_skew, column_skew, west, elements, gather
