"""The store unit: scratchpad to memory."""

from myhdl import Signal, always_comb, always_seq, block, concat, intbv, modbv

from rtl.convert import unused
from rtl.lib.delay import delay_control
from rtl.lib.fifo import small_fifo
from rtl.lib.stream import bit, stream, word
from rtl.systolic.decode import fields
from rtl.systolic.isa import Opcode
from rtl.systolic.load import locate_memory
from rtl.systolic.scratchpad import SCRATCHPAD_LATENCY

BUFFER = 8  # words between scratchpad and memory


@block
def span(place, length, low, first_word, last_word):
    """The scratchpad words that hold `length` bytes from byte `place` on."""
    top = len(place)
    end, last = word(25), Signal(modbv(0)[25:])

    @always_comb
    def add():
        end.next = place + length

    @always_comb
    def step_back():
        last.next = end - 1

    @always_comb
    def cut():
        first_word.next = place[top:low]
        last_word.next = last[top:low]

    return add, step_back, cut


@block
def fetch_words(clk, rst, start, first_word, last_word, blocked, popped, read, word_index):
    """Asks for one word after the other, unless the port is `blocked` or the buffer could overflow."""
    active = bit()
    last = word(len(last_word))
    owed = word(BUFFER.bit_length())

    @always_comb
    def ask():
        read.next = active and not blocked and owed != BUFFER

    @always_seq(clk.posedge, reset=rst)
    def walk():
        if start:
            active.next = True
            word_index.next = first_word
            last.next = last_word
        elif read:
            word_index.next = word_index + 1
            if word_index == last:
                active.next = False

    @always_seq(clk.posedge, reset=rst)
    def count():
        if read and not popped:
            owed.next = owed + 1
        elif popped and not read:
            owed.next = owed - 1

    return ask, walk, count


@block
def store(clk, rst, queue, tokens, halt, bases, command, out, done, blocked, read_address, map_data, idle):
    """STORE, one at a time: tokens when its last response has come. The scratchpad port is shared: `blocked` has it."""
    given = fields(queue.data, Opcode.STORE)
    mask, signal, layer = given["wait"], given["signal"], given["layer"]
    length, place = given["length"], given["address"]
    low = (len(out.data) // 8 - 1).bit_length()
    first_word, last_word, word_index = word(24 - low), word(24 - low), word(24 - low)
    allowed, start, busy, read, popped, arrived = bit(), bit(), bit(), bit(), bit(), bit()
    kept_signal = word(4)
    sink = stream(len(out.data))
    target = locate_memory(given["base"], given["offset"], bases, command.address)
    spanning = span(place, length, low, first_word, last_word)
    fetching = fetch_words(clk, rst, start, first_word, last_word, blocked, popped, read, word_index)
    arriving = delay_control(clk, rst, read, arrived, SCRATCHPAD_LATENCY)
    buffering = small_fifo(clk, rst, sink, out, BUFFER)

    unused(sink.ready, "words are asked for only when there is room")

    @always_comb
    def check():
        tokens.wanted.next = mask
        allowed.next = queue.valid and tokens.granted and not halt and not busy

    @always_comb
    def send():
        command.valid.next = allowed
        command.length.next = length
        command.layer.next = layer
        start.next = allowed and command.ready

    @always_comb
    def take():
        queue.ready.next = start
        tokens.take.next = start
        idle.next = not queue.valid and not busy

    @always_comb
    def move():
        read_address.next = concat(word_index, intbv(0)[low:])
        sink.valid.next = arrived
        sink.data.next = map_data
        popped.next = out.valid and out.ready

    @always_comb
    def pay():
        if done:
            tokens.give.next = kept_signal
        else:
            tokens.give.next = 0

    @always_seq(clk.posedge, reset=rst)
    def hold():
        if start:
            busy.next = True
            kept_signal.next = signal
        elif done:
            busy.next = False

    return target, spanning, fetching, arriving, buffering, check, send, take, move, pay, hold
