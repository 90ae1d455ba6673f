"""Read DMA: byte ranges of memory as a stream of words."""

from myhdl import Signal, always, always_comb, always_seq, block, intbv

from rtl.convert import unused
from rtl.lib.burst import burst, lane_mask, span, span_buffer, split_bursts, walk_span
from rtl.lib.fifo import fifo, small_fifo
from rtl.lib.stream import bit, stream, word

TRANSFERS_IN_FLIGHT = 8


@block
def issue_reads(clk, rst, bursts, taken, port, error, idle, depth, limit, identifier):
    """Read addresses, as long as `depth` words of buffer have room for their data and at most `limit` are
    unanswered.

    taken: a word has left the buffer; error: a response was not OKAY; idle: every burst issued has been
    answered. Latency: one cycle. Throughput: one burst a cycle.
    """
    credit = Signal(intbv(depth)[depth.bit_length() :])
    owed = word(limit.bit_length())
    spent = word(len(bursts.extra) + 1)
    issued, answered = bit(), bit()

    @always_comb
    def decide():
        bursts.ready.next = bursts.extra < credit and owed != limit and (not port.arvalid or port.arready)

    @always_comb
    def spend():
        issued.next = bursts.valid and bursts.ready
        spent.next = 0
        if bursts.valid and bursts.ready:
            spent.next = bursts.extra + 1

    @always_comb
    def watch():
        answered.next = port.rvalid and port.rready and port.rlast
        error.next = port.rvalid and port.rready and port.rresp[1]
        idle.next = owed == 0

    @always_seq(clk.posedge, reset=rst)
    def account():
        credit.next = credit - spent + taken
        owed.next = owed + issued - answered
        if issued:
            port.arvalid.next = True
        elif port.arready:
            port.arvalid.next = False

    @always(clk.posedge)
    def address():
        if issued:
            port.araddr.next = bursts.address
            port.arlen.next = bursts.extra
            port.aruser.next = bursts.layer
            port.arid.next = identifier

    unused(port.rresp(1, 0), "an error is told by the high bit")
    return decide, spend, watch, account, address


@block
def frame_words(clk, rst, words, covered, data):
    """Words of memory with the marks of the transfer they belong to. Latency: one cycle; throughput: one a
    cycle.
    """
    lowest, highest = word(len(covered.start)), word(len(covered.start))
    mask = word(len(data.keep))
    last, advance = bit(), bit()

    walk = walk_span(clk, rst, covered, advance, lowest, highest, last)
    lanes = lane_mask(lowest, highest, mask)

    @always_comb
    def step():
        advance.next = words.valid and covered.valid and (not data.valid or data.ready)

    @always_comb
    def take():
        words.ready.next = advance

    @always_seq(clk.posedge, reset=rst)
    def hold():
        if advance:
            data.valid.next = True
        elif data.ready:
            data.valid.next = False

    @always(clk.posedge)
    def load():
        if advance:
            data.data.next = words.data
            data.keep.next = mask
            data.last.next = last

    return walk, lanes, step, take, hold, load


@block
def read_dma(clk, rst, halt, command, data, port, error, idle, depth, limit, identifier):
    """For each command the words that cover its bytes, in order, on `data`.

    Keeps up to `limit` bursts in flight while a buffer of `depth` words has room for all of them. `halt`: no
    new burst is issued, and what is outstanding is dropped. error: one cycle for each response that is not
    OKAY. idle: no burst is outstanding. identifier: the ID of all its bursts.

    Latency: memory's and six cycles. Throughput: one word a cycle. Ranges: depth a power of two of at least
    16.
    """
    memory_bytes = len(data.keep)
    bursts = burst()
    planned = span(memory_bytes, len(command.length))
    covered = span(memory_bytes, len(command.length))
    arrived, words = stream(8 * memory_bytes), stream(8 * memory_bytes)
    taken = bit()

    split = split_bursts(clk, rst, halt, command, planned, bursts)
    spans = span_buffer(clk, rst, planned, covered, small_fifo, TRANSFERS_IN_FLIGHT)
    issue = issue_reads(clk, rst, bursts, taken, port, error, idle, depth, limit, identifier)
    words_buffer = fifo(clk, rst, arrived, words, depth)
    framing = frame_words(clk, rst, words, covered, data)

    @always_comb
    def receive():
        # The room was set aside before the burst was issued: ready only falls where a slave sends too much.
        port.rready.next = arrived.ready or halt
        arrived.valid.next = port.rvalid and not halt
        arrived.data.next = port.rdata

    @always_comb
    def count_taken():
        taken.next = words.valid and words.ready

    unused(bursts.final, "reads end by their spans")
    unused(covered.position, "where bursts end does not matter to data that is read")
    return split, spans, issue, words_buffer, framing, receive, count_taken
