"""Write DMA: a stream of words to byte ranges of memory."""

from myhdl import Signal, always, always_comb, always_seq, block, intbv, modbv

from rtl.convert import unused
from rtl.lib.burst import BEAT_BITS, BURST_BEATS, burst, lane_mask, span, span_buffer, split_bursts, walk_span
from rtl.lib.fifo import small_fifo
from rtl.lib.stream import bit, stream, word

WRITE_BURSTS_IN_FLIGHT = 8
TRANSFERS_IN_FLIGHT = 8


@block
def issue_writes(clk, rst, bursts, sent, port, owed, done, error, idle):
    """Write addresses, at most WRITE_BURSTS_IN_FLIGHT unanswered, and the responses to them.

    sent: a data beat has been handed over; owed: beats of issued bursts that have not; done: the last
    response of a transfer came; error: a response was not OKAY; idle: every burst issued has been answered.
    Latency: one cycle. Throughput: one burst a cycle.
    """
    spent = word(BEAT_BITS + 1)
    unanswered = word(WRITE_BURSTS_IN_FLIGHT.bit_length())
    issued, answered = bit(), bit()
    issued_final, answered_final = stream(1), stream(1)

    finals = small_fifo(clk, rst, issued_final, answered_final, WRITE_BURSTS_IN_FLIGHT)

    @always_comb
    def decide():
        bursts.ready.next = issued_final.ready and (not port.awvalid or port.awready)

    @always_comb
    def spend():
        issued.next = bursts.valid and bursts.ready
        issued_final.valid.next = bursts.valid and bursts.ready
        issued_final.data.next = bursts.final
        spent.next = 0
        if bursts.valid and bursts.ready:
            spent.next = bursts.extra + 1

    @always_comb
    def watch():
        port.bready.next = True
        answered.next = port.bvalid
        answered_final.ready.next = port.bvalid
        done.next = port.bvalid and answered_final.valid and answered_final.data[0]
        error.next = port.bvalid and port.bresp[1]
        idle.next = unanswered == 0

    @always_seq(clk.posedge, reset=rst)
    def account():
        owed.next = owed + spent - sent
        unanswered.next = unanswered + issued - answered
        if issued:
            port.awvalid.next = True
        elif port.awready:
            port.awvalid.next = False

    @always(clk.posedge)
    def address():
        port.awid.next = 0
        if issued:
            port.awaddr.next = bursts.address
            port.awlen.next = bursts.extra
            port.awuser.next = bursts.layer

    unused(port.bresp(1, 0), "an error is told by the high bit")
    return finals, decide, spend, watch, account, address


@block
def send_words(clk, rst, halt, data, covered, owed, sent, written, port):
    """Data beats of issued bursts, one a cycle; in `halt` those still owed go out without a strobe.

    sent: a beat was taken in hand; written: bytes strobed by it, one cycle later. Latency: one cycle.
    """
    lanes = len(port.wstrb)
    lowest, highest = word(len(covered.start)), word(len(covered.start))
    mask = word(lanes)
    position = Signal(modbv(0)[BEAT_BITS:])
    place = word(BEAT_BITS)
    last, begun, free, burst_end = bit(), bit(), bit(), bit()

    walk = walk_span(clk, rst, covered, sent, lowest, highest, last)
    strobes = lane_mask(lowest, highest, mask)

    @always_comb
    def find_room():
        free.next = owed != 0 and covered.valid and (not port.wvalid or port.wready)

    @always_comb
    def step():
        sent.next = free and (data.valid or halt)
        data.ready.next = free and not halt

    @always_comb
    def locate():
        place.next = position
        if not begun:
            place.next = covered.position

    @always_comb
    def find_end():
        burst_end.next = last or place == BURST_BEATS - 1

    @always_seq(clk.posedge, reset=rst)
    def follow():
        if sent:
            begun.next = not last
            position.next = place + 1

    @always_seq(clk.posedge, reset=rst)
    def hold():
        written.next = 0
        if sent:
            port.wvalid.next = True
            if not halt:
                written.next = highest - lowest + 1
        elif port.wready:
            port.wvalid.next = False

    @always(clk.posedge)
    def load():
        if sent:
            port.wdata.next = 0 if halt else data.data
            port.wlast.next = burst_end
            port.wstrb.next = 0
            if not halt:
                port.wstrb.next = mask

    return walk, strobes, find_room, step, locate, find_end, follow, hold, load


@block
def write_dma(clk, rst, halt, command, data, port, done, written, error, idle):
    """For each command takes the words that cover its bytes from `data` and writes the bytes.

    Addresses go ahead of data, with several bursts in flight. `halt`: no new burst is issued; beats owed go
    out with WSTRB = 0. done: one cycle when the last response of a command came; written: bytes strobed in a
    cycle; error: one cycle for each response that is not OKAY; idle: no burst is unanswered. Every burst has
    ID 0.

    Latency: three cycles to the first address. Throughput: one word a cycle.
    """
    memory_bytes = len(port.wstrb)
    bursts = burst()
    planned = span(memory_bytes, len(command.length))
    covered = span(memory_bytes, len(command.length))
    owed = Signal(intbv(0, min=0, max=WRITE_BURSTS_IN_FLIGHT * BURST_BEATS + 1))
    sent = bit()

    split = split_bursts(clk, rst, halt, command, planned, bursts)
    spans = span_buffer(clk, rst, planned, covered, small_fifo, TRANSFERS_IN_FLIGHT)
    issue = issue_writes(clk, rst, bursts, sent, port, owed, done, error, idle)
    send = send_words(clk, rst, halt, data, covered, owed, sent, written, port)
    return split, spans, issue, send
