"""One output of an engine: the sum of a step's products, added to what the steps before gave."""

from myhdl import always, always_comb, block, intbv

from rtl.bcnn.config import NUMBER_WORD
from rtl.bcnn.popcount import TOGETHER, WORD, count_fields, field_words, sum_fields
from rtl.lib.buses import filled, joined
from rtl.lib.stream import signed, word

LANE_LATENCY = 3  # from a step's window to `total`


@block
def accumulate(clk, enable, first, gain, counted, total):
    """total grows by the step's products: each of `gain` is 1, but for those counted, which are -1."""
    step, base = signed(len(total)), signed(len(total))

    @always_comb
    def measure():
        step.next = gain - (counted << 1)

    @always_comb
    def choose():
        base.next = 0 if first else total

    @always(clk.posedge)
    def add():
        if enable:
            total.next = base + step

    return measure, choose, add


@block
def binary_lane(clk, valid, first, window, weights, gain, total):
    """total: the sum over a filter's steps of +-1 times +-1, LANE_LATENCY cycles after the last window.

    valid: bit n for stage n; first: the step in the last stage is its filter's first; gain: its products.
    """
    fields = word(WORD * field_words(len(window)))
    width = TOGETHER * len(fields)
    counted = word(len(window).bit_length())
    counting = count_fields(clk, valid(0), filled(window, width), filled(weights, width), fields)
    summing = sum_fields(clk, valid(1), fields, counted)
    adding = accumulate(clk, valid(2), first, gain, counted, total)
    return counting, summing, adding


def used_bits(bits):
    """Bits of a long word that numbers stand in: of as many numbers as it has room for."""
    return NUMBER_WORD // (2 * bits) * 2 * bits


def pair_mask(bits):
    """Every other number of a long word."""
    return sum(((1 << bits) - 1) << 2 * bits * n for n in range(NUMBER_WORD // (2 * bits)))


def long_words(parts, bits):
    """Rows of numbers as one bus, each cut in long words with zeros above."""
    words = []
    for part in parts:
        for low in range(0, len(part), used_bits(bits)):
            high = min(low + used_bits(bits), len(part))
            words.append(filled(part(high, low) if (high, low) != (len(part), 0) else part, NUMBER_WORD))
    return joined(words)


@block
def add_numbers(clk, enable, numbers, flips, fields, bits):
    """Sums of numbers ^ flips, unsigned, in fields of twice their bits. Latency: one cycle."""
    words, mask = len(numbers) // NUMBER_WORD, pair_mask(bits)

    @always(clk.posedge)
    def add():
        terms = intbv(0)[NUMBER_WORD:]
        total = intbv(0)[NUMBER_WORD:]
        if enable:
            total[:] = 0
            for n in range(words):
                terms[:] = numbers[NUMBER_WORD * n + NUMBER_WORD:NUMBER_WORD * n]
                terms[:] = terms ^ flips[NUMBER_WORD * n + NUMBER_WORD:NUMBER_WORD * n]
                total[:] = total + (terms & mask) + ((terms >> bits) & mask)
            fields.next = total

    return add


@block
def add_pairs(clk, enable, fields, total, bits):
    """The sum of all fields. Latency: one cycle."""
    count, width = NUMBER_WORD // (2 * bits), len(total)

    @always(clk.posedge)
    def add():
        wide = intbv(0)[width:]
        if enable:
            wide[:] = 0
            for n in range(count):
                wide[:] = wide + fields[2 * bits * n + 2 * bits:2 * bits * n]
            total.next = wide

    return add


@block
def add_step(clk, enable, first, gain, amount, total):
    """total grows by amount + gain."""
    base = signed(len(total))

    @always_comb
    def choose():
        base.next = 0 if first else total

    @always(clk.posedge)
    def add():
        if enable:
            total.next = base + amount + gain

    return choose, add


@block
def number_lane(clk, valid, first, rows, flips, gain, total, bits):
    """total: the sum over a filter's steps of numbers times +-1, LANE_LATENCY cycles after the last window.

    rows: the numbers of each kernel row, with half their range added, so that none is negative; flips: for each row
    all bits of a number whose weight is -1: what is inverted is the negative less one. gain: the weights of -1 less
    half a range for each number.
    """
    numbers, flipped = long_words(rows, bits), long_words(flips, bits)
    fields, amount = word(NUMBER_WORD), word(len(total) - 1)
    adding = add_numbers(clk, valid(0), numbers, flipped, fields, bits)
    summing = add_pairs(clk, valid(1), fields, amount, bits)
    accumulating = add_step(clk, valid(2), first, gain, amount, total)
    return adding, summing, accumulating


@block
def flip_numbers(weights, flips, bits):
    """All bits of the numbers whose weight is -1."""
    count, ones = len(weights), (1 << bits) - 1

    @always_comb
    def spread():
        for n in range(count):
            if weights[n]:
                flips.next[bits * n + bits:bits * n] = 0
            else:
                flips.next[bits * n + bits:bits * n] = ones

    return spread


@block
def count_negative(clk, weights, gain, offset):
    """The weights of -1, less the offset. Latency: two cycles."""
    count, width = len(weights), len(weights).bit_length()
    positive = word(width)

    @always(clk.posedge)
    def add():
        # Each bit is added: an addition only where a bit is 0 would wait for the one before it.
        total = intbv(0)[width:]
        total[:] = 0
        for n in range(count):
            total[:] = total + weights[n]
        positive.next = total

    @always(clk.posedge)
    def balance():
        gain.next = count - offset - positive

    return add, balance


@block
def register(clk, enable, value, kept):
    """Latency: one cycle."""

    @always(clk.posedge)
    def keep():
        if enable:
            kept.next = value

    return keep
