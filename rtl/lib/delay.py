"""Fixed delays that keep pipelines in step."""

from myhdl import Signal, always, always_comb, always_seq, block, intbv


@block
def delay(clk, d, q, cycles, enable=True):
    """q is d, `cycles` clock cycles later; for data, so not reset.

    Latency: cycles (0: a wire). Throughput: one word a cycle. Ranges: d and q of the same width and sign.
    """
    if cycles == 0:

        @always_comb
        def forward():
            q.next = d

        return forward

    last = cycles - 1
    stages = [Signal(d.val) for _ in range(cycles)]

    @always(clk.posedge)
    def shift():
        if enable:
            stages[0].next = d
            for i in range(last):
                stages[i + 1].next = stages[i]

    @always_comb
    def tap():
        q.next = stages[last]

    return shift, tap


@block
def delay_control(clk, rst, d, q, cycles):
    """q is the bit d, `cycles` clock cycles later, and 0 from reset until then: for valid and enable bits.

    Latency: cycles, at least 1. Throughput: one bit a cycle.
    """
    if cycles == 1:

        @always_seq(clk.posedge, reset=rst)
        def register():
            q.next = d

        return register

    last = cycles - 1
    stages = Signal(intbv(0)[cycles:])

    @always_seq(clk.posedge, reset=rst)
    def shift():
        stages.next[0] = d
        stages.next[cycles:1] = stages[last:0]

    @always_comb
    def tap():
        q.next = stages[last]

    return shift, tap
