"""One output of an engine: the sum of a step's products, added to what the steps before gave."""

from itertools import pairwise

from myhdl import always, always_comb, block

from rtl.bcnn.popcount import FIELD, FIELDS_BITS, compress, copy, fields_of_eight, fields_of_sixteen, weigh
from rtl.lib.stream import signed, word

LANE_LATENCY = 4  # from a step's window to `total`
NUMBERS_AT_ONCE = 9  # that are added in one cycle


@block
def register(clk, enable, value, kept):
    """Latency: one cycle."""

    @always(clk.posedge)
    def keep():
        if enable:
            kept.next = value

    return keep


@block
def differ(activations, weights, mismatches):
    """Bits whose product is -1."""

    @always_comb
    def compare():
        mismatches.next = activations ^ weights

    return compare


@block
def accumulate(clk, enable, first, gain, mismatches, total):
    """total grows by the step's products: each of `gain` is 1, but for those of the mismatches, which are -1."""
    lower, upper = mismatches(FIELD, 0), mismatches(FIELDS_BITS, FIELD)
    step, base = signed(len(total)), signed(len(total))

    @always_comb
    def measure():
        step.next = gain - (lower << 1) - (upper << 1)

    @always_comb
    def choose():
        base.next = 0 if first else total

    @always(clk.posedge)
    def add():
        if enable:
            total.next = base + step

    return measure, choose, add


@block
def mismatch_columns(clk, enable, activations, weights, columns):
    """columns: registers with one word of each weight, what the mismatches of all words add up to, bit by bit.

    activations, weights: lists of words of one width, for all lanes side by side.
    """
    width = len(activations[0])
    mismatches = [word(width) for _ in activations]
    left = [word(width) for _ in columns]
    comparing = [differ(*pair) for pair in zip(activations, weights, mismatches, strict=True)]
    adders = compress(mismatches, left)
    keeping = [register(clk, enable, left[n], columns[n]) for n in range(len(columns))]
    return comparing, adders, keeping


@block
def binary_lane(clk, valid, first, columns, gain, total, chunk):
    """total: the sum over a filter's steps of +-1 times +-1; columns: a word of `chunk` mismatches of each weight.

    valid: bit n for stage n; first: the step in the last stage is its filter's first; gain: its products.
    """
    count = len(columns) // chunk
    words = [columns(chunk * (n + 1), chunk * n) if count > 1 else columns for n in range(count)]
    eights, sixteens = [[word(width) for _ in range(count)] for width in (chunk, FIELDS_BITS)]
    joined, weighed = word(FIELDS_BITS), word(FIELDS_BITS)
    counting = [fields_of_eight(clk, valid(0), words[n], eights[n]) for n in range(count)]
    doubling = [fields_of_sixteen(*pair) for pair in zip(eights, sixteens, strict=True)]
    weighing = weigh(sixteens, joined)
    holding = register(clk, valid(1), joined, weighed)
    adding = accumulate(clk, valid(2), first, gain, weighed, total)
    return counting, doubling, weighing, holding, adding


@block
def apply_sign(number, positive, term):
    """The number, or its negative."""

    @always_comb
    def choose():
        term.next = number.signed() if positive else -number.signed()

    return choose


@block
def add_terms(clk, enable, numbers, weights, total, bits):
    """The sum of a few numbers of `bits` bits, each times +-1. Latency: one cycle."""
    count = len(weights)
    terms = [signed(bits + 1) for _ in range(count)]
    signs = [weights(n) if count > 1 else weights for n in range(count)]
    applying = [apply_sign(numbers(bits * (n + 1), bits * n), signs[n], terms[n]) for n in range(count)]
    result = signed(bits + 1 + (count - 1).bit_length())
    adding = add_all(terms, result)

    @always(clk.posedge)
    def keep():
        if enable:
            total.next = result

    return applying, adding, keep


@block
def add_pair(left, right, total):
    """left + right."""

    @always_comb
    def add():
        total.next = left + right

    return add


@block
def add_all(terms, total):
    """The sum of a list of signed words of one width."""
    adders, left = [], list(terms)
    while len(left) > 1:
        sums = []
        for n in range(0, len(left) - 1, 2):
            sums.append(total if len(left) == 2 else signed(len(left[0]) + 1))
            adders.append(add_pair(left[n], left[n + 1], sums[-1]))
        left = sums + left[2 * len(sums):]
    return adders if adders else copy(terms[0], total)


@block
def number_lane(clk, valid, first, window, weights, total, bits):
    """total: the sum over a filter's steps of numbers of `bits` bits times +-1; one register more than it needs keeps
    the pace of a binary lane.

    valid: bit n for stage n; first: the step in the last stage is its filter's first.
    """
    count = len(window) // bits
    edges = [*range(0, count, NUMBERS_AT_ONCE), count]
    width = bits + 1 + (NUMBERS_AT_ONCE - 1).bit_length()
    sums = [signed(width) for _ in edges[1:]]
    joined = signed(width + (len(sums) - 1).bit_length())
    late, step, base = signed(len(joined)), signed(len(joined)), signed(len(total))
    grouping = [
        add_terms(clk, valid(0), window(bits * last, bits * first), weights(last, first), sums[n], bits)
        for n, (first, last) in enumerate(pairwise(edges))
    ]
    adding = add_all(sums, joined)
    holding = register(clk, valid(1), joined, late), register(clk, valid(2), late, step)

    @always_comb
    def choose():
        base.next = 0 if first else total

    @always(clk.posedge)
    def accumulate_step():
        if valid[3]:
            total.next = base + step

    return grouping, adding, holding, choose, accumulate_step
