"""The life of an accelerator that is a pipeline: words once at CONFIGURE, then requests, several in flight.

`control.sequencer` is its sibling for accelerators that run instructions for one image after the other.
"""

from myhdl import Signal, always, always_comb, always_seq, block, enum

from rtl.lib.states import LOADING
from rtl.lib.stream import bit

State = enum(*LOADING)


@block
def load_sequencer(
    clk,
    rst,
    configure,
    failed,
    prog_addr,
    header,
    header_taken,
    header_accepted,
    first_word,
    fetch_start,
    fetch_address,
    fetch_count,
    fetch_ended,
    base,
    engaged,
    state,
    mismatch,
    configured,
    words,
):
    """Configures: a header, then as many words as it says, which must be `words`.

    engaged: requests wait or are in the pipeline. Latency: three cycles from the header to the fetch of the words.
    """
    now, right, accepted = Signal(State.IDLE), bit(), bit()

    @always_comb
    def check():
        right.next = header.instructions == words

    @always_comb
    def accept():
        accepted.next = header_accepted and right

    @always_seq(clk.posedge, reset=rst)
    def follow():
        fetch_start.next = False
        mismatch.next = False
        configured.next = False
        if failed:
            now.next = State.HALTED
        elif now == State.IDLE:
            if configure:
                now.next = State.HEADER
                state.configured.next = False
                fetch_start.next = True
        elif now == State.HEADER:
            if header_taken:
                now.next = State.ADD
        elif now == State.ADD:
            now.next = State.CHECK
        elif now == State.CHECK:
            now.next = State.BEGIN if accepted else State.IDLE
            fetch_start.next = accepted
            mismatch.next = not accepted
        elif now == State.BEGIN:
            now.next = State.LOAD
        elif now == State.LOAD:
            if fetch_ended:
                now.next = State.IDLE
                state.configured.next = True
                configured.next = True
        else:
            now.next = State.HALTED

    @always(clk.posedge)
    def address():
        if now == State.IDLE:
            fetch_count.next = 1
            if configure:
                fetch_address.next = prog_addr
                base.next = prog_addr
        elif now == State.CHECK:
            fetch_count.next = words
            fetch_address.next = first_word

    @always_comb
    def tell():
        state.idle.next = now == State.IDLE and not engaged
        state.header.next = now == State.HEADER
        state.running.next = now == State.LOAD
        state.busy.next = (now != State.IDLE and now != State.HALTED) or (engaged and not failed)

    return check, accept, follow, address, tell


@block
def find_engaged(in_flight, asked, engaged):
    """A pipeline is busy from the RUN on, not only when its first image has come."""

    @always_comb
    def find():
        engaged.next = in_flight or asked

    return find


@block
def pass_requests(clk, rst, run, failed, waiting, request, request_done, engaged, state, completed):
    """Requests from the queue to the pipeline, and their completions back. Combinational, but for the counts."""

    @always_comb
    def forward():
        request.valid.next = waiting.valid and state.configured and not failed
        request.input_address.next = waiting.input_address
        request.output_address.next = waiting.output_address
        request.count.next = waiting.count
        waiting.ready.next = request.ready and state.configured and not failed

    @always_seq(clk.posedge, reset=rst)
    def complete():
        completed.next = request_done
        if request_done:
            state.completed.next = state.completed + 1

    @always_seq(clk.posedge, reset=rst)
    def count():
        if run:
            state.counting.next = True
        elif failed or not engaged:
            state.counting.next = False

    return forward, complete, count
