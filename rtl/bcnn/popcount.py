"""Counting ones in fields: of 2 bits, 4 bits, 8 bits, 16 bits, as in a register of a processor.

Three words become one of fields of eight bits. Written in words of 32 bits and loops over them, this is the same
hardware as an adder tree, but a compiler turns its simulation into vector instructions (docs/adr/words-in-loops.md).
"""

from myhdl import always, block, intbv

WORD = 32
HALVES, QUARTERS, EIGHTHS, SIXTEENTHS = 0x55555555, 0x33333333, 0x0F0F0F0F, 0x00FF00FF
TOGETHER = 3  # words that one word of fields has counted
MOST_FIELDS = 10  # words of fields that can be added before a field of eight bits overflows


def field_groups(words):
    """Into how many groups of how many words so many words of fields are cut."""
    groups = -(-words // MOST_FIELDS)
    return groups, -(-words // groups)


def field_words(bits):
    """Words of fields that so many bits are counted in: all groups are full."""
    groups, size = field_groups(-(-bits // (WORD * TOGETHER)))
    return groups * size


@block
def count_fields(clk, enable, first, second, fields):
    """The ones of first ^ second, in fields of eight bits. Latency: one cycle.

    Word n of fields counts words n, n + words(fields) and n + 2 words(fields).
    """
    groups = len(fields) // WORD

    @always(clk.posedge)
    def count():
        low = intbv(0)[WORD:]
        high = intbv(0)[WORD:]
        x = intbv(0)[WORD:]
        y = intbv(0)[WORD:]
        z = intbv(0)[WORD:]
        pairs = intbv(0)[WORD:]
        others = intbv(0)[WORD:]
        fours = intbv(0)[WORD:]
        if enable:
            for n in range(groups):
                x[:] = first[WORD * n + WORD:WORD * n]
                x[:] = x ^ second[WORD * n + WORD:WORD * n]
                y[:] = first[WORD * (n + groups) + WORD:WORD * (n + groups)]
                y[:] = y ^ second[WORD * (n + groups) + WORD:WORD * (n + groups)]
                z[:] = first[WORD * (n + 2 * groups) + WORD:WORD * (n + 2 * groups)]
                z[:] = z ^ second[WORD * (n + 2 * groups) + WORD:WORD * (n + 2 * groups)]
                low[:] = x ^ y ^ z
                high[:] = (x & y) | (z & (x ^ y))
                pairs[:] = (low & HALVES) + ((low >> 1) & HALVES)
                others[:] = (high & HALVES) + ((high >> 1) & HALVES)
                pairs[:] = (pairs & QUARTERS) + ((pairs >> 2) & QUARTERS)
                others[:] = (others & QUARTERS) + ((others >> 2) & QUARTERS)
                fours[:] = pairs + (others << 1)
                fields.next[WORD * n + WORD:WORD * n] = (fours & EIGHTHS) + ((fours >> 4) & EIGHTHS)

    return count


@block
def sum_fields(clk, enable, fields, counted):
    """The sum of all fields of eight bits. Latency: one cycle.

    fields: field_words(bits) words; the sum of a group of them stays within the fields, which are then widened.
    """
    groups, size = field_groups(len(fields) // WORD)

    @always(clk.posedge)
    def add():
        total = intbv(0)[WORD:]
        wide = intbv(0)[WORD:]
        if enable:
            wide[:] = 0
            for group in range(groups):
                total[:] = fields[WORD * size * group + WORD:WORD * size * group]
                for n in range(1, size):
                    total[:] = total + fields[WORD * (size * group + n) + WORD:WORD * (size * group + n)]
                wide[:] = wide + (total & SIXTEENTHS) + ((total >> 8) & SIXTEENTHS)
            counted.next = wide[16:] + wide[32:16]

    return add
