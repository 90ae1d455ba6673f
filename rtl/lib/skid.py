"""Register stage of a stream."""

from myhdl import Signal, always, always_comb, always_seq, block, intbv


@block
def skid(clk, rst, sink, source):
    """Cuts data, valid and ready: every output comes from a register.

    Latency: one cycle. Throughput: one word a cycle. Ranges: sink and source are Streams of one width.
    """
    spare = Signal(intbv(0)[len(sink.data) :])
    main = Signal(intbv(0)[len(sink.data) :])
    filled, spilled, stalled = [Signal(bool(0)) for _ in range(3)]

    @always_comb
    def handshake():
        sink.ready.next = not spilled
        source.valid.next = filled
        source.data.next = main
        stalled.next = filled and not source.ready

    @always_seq(clk.posedge, reset=rst)
    def control():
        if not stalled:
            filled.next = sink.valid or spilled
            spilled.next = False
        elif sink.valid:
            spilled.next = True

    @always(clk.posedge)
    def move():
        if not spilled:
            spare.next = sink.data
        if not stalled:
            if spilled:
                main.next = spare
            else:
                main.next = sink.data

    return handshake, control, move
