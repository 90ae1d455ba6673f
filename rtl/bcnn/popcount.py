"""Counting ones: words are added bit by bit until one word is left of each weight, then within the words.

Both the hardware and its simulation like whole words: a carry-save adder of 32 bits is two LUTs a bit, and five
machine instructions.
"""

from myhdl import always, always_comb, block

from rtl.lib.stream import word

HALVES, QUARTERS, EIGHTHS, SIXTEENTHS = 0x55555555, 0x33333333, 0x0F0F0F0F, 0x00FF00FF
FIELD = 16
FIELDS_BITS = 2 * FIELD


@block
def full_adders(first, second, third, total, carry):
    """Bit by bit: first + second + third = total + 2 carry."""

    @always_comb
    def add():
        total.next = first ^ second ^ third
        carry.next = (first & second) | (third & (first ^ second))

    return add


@block
def half_adders(first, second, total, carry):
    """Bit by bit: first + second = total + 2 carry."""

    @always_comb
    def add():
        total.next = first ^ second
        carry.next = first & second

    return add


def weights_left(words):
    """How many weights (1, 2, 4 ...) `compress` leaves of so many words."""
    return words.bit_length()


@block
def add_column(words, left, carries):
    """One weight: words become one word and carries, a Wallace tree."""
    adders, queue, free = [], list(words), list(carries)
    while len(queue) > 1:
        taken, queue = queue[:3], queue[3:]
        total = word(len(left)) if queue else left
        if len(taken) == 3:
            adders.append(full_adders(*taken, total, free.pop(0)))
        else:
            adders.append(half_adders(*taken, total, free.pop(0)))
        queue.append(total)
    return adders


@block
def compress(words, left):
    """left: one word of each weight: what the words add up to, bit by bit."""
    width, columns, column = len(words[0]), [], list(words)
    for kept in left:
        carries = [word(width) for _ in range(len(column) // 2)]
        columns.append(add_column(column, kept, carries) if carries else copy(column[0], kept))
        column = carries
    return columns


@block
def copy(value, same):
    """A name for a word."""

    @always_comb
    def forward():
        same.next = value

    return forward


@block
def fields_of_eight(clk, enable, bits, fields):
    """The ones of each eight of up to 32 bits, in eight bits each. Latency: one cycle."""
    pairs, fours = word(32), word(32)

    @always_comb
    def count():
        pairs.next = (bits & HALVES) + ((bits >> 1) & HALVES)

    @always_comb
    def double():
        fours.next = (pairs & QUARTERS) + ((pairs >> 2) & QUARTERS)

    @always(clk.posedge)
    def keep():
        if enable:
            fields.next = (fours & EIGHTHS) + ((fours >> 4) & EIGHTHS)

    return count, double, keep


@block
def fields_of_sixteen(eights, sixteens):
    """The ones of each sixteen bits, in sixteen bits each."""

    @always_comb
    def add():
        sixteens.next = (eights & SIXTEENTHS) + ((eights >> 8) & SIXTEENTHS)

    return add


@block
def join_weights(low, high, total, shift):
    """low + high * 2**shift, in fields of sixteen bits, which must not overflow."""

    @always_comb
    def add():
        total.next = low + (high << shift)

    return add


@block
def weigh(fields, total):
    """The sum of field n times 2**n, of a list of words of two fields."""
    adders, weight, left = [], 1, list(fields)
    while len(left) > 1:
        joined = []
        for n in range(0, len(left) - 1, 2):
            joined.append(total if len(left) == 2 else word(FIELDS_BITS))
            adders.append(join_weights(left[n], left[n + 1], joined[-1], weight))
        left, weight = joined + left[2 * len(joined) :], 2 * weight
    return adders if adders else copy(fields[0], total)
