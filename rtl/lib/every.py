"""Counting up to a fixed number, over and over."""

from myhdl import always_comb, always_seq, block

from rtl.lib.stream import word


@block
def every(clk, rst, valid, last, count):
    """last: with every `count`-th time since reset that valid is 1.

    Latency: none. Throughput: one a cycle. Ranges: count is at least 1.
    """
    number = word(max(1, (count - 1).bit_length()))

    @always_comb
    def find_last():
        last.next = valid and number == count - 1

    @always_seq(clk.posedge, reset=rst)
    def advance():
        if valid:
            number.next = 0 if number == count - 1 else number + 1

    return find_last, advance
