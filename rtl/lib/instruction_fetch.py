"""Instructions, read ahead of the core."""

from myhdl import always_comb, always_seq, block, concat, intbv

from rtl.convert import unused
from rtl.lib.axi_read import read_dma
from rtl.lib.registers import PROGRAM_LAYER
from rtl.lib.skid import skid
from rtl.lib.stream import beats, bit, reset, stream, transfer, word
from rtl.lib.width_converter import convert_width

FETCH_ID = 0
FETCH_BURSTS = 4
FETCH_BUFFER = 64  # words


@block
def count_words(clk, rst, start, count, words, word_out, index, ended):
    """Passes `count` words after each `start`, numbered from 0, and nothing else. Latency: none.

    ended: nothing more is wanted: what the width converter still holds is to be dropped.
    """
    left = word(len(count))
    active = bit()

    @always_comb
    def forward():
        word_out.data.next = words.data
        word_out.valid.next = words.valid and active
        words.ready.next = word_out.ready and active
        ended.next = not active

    @always_seq(clk.posedge, reset=rst)
    def number():
        if start:
            left.next = count
            index.next = 0
            active.next = True
        elif words.valid and word_out.ready and active:
            left.next = left - 1
            index.next = index + 1
            active.next = left != 1

    return forward, number


@block
def instruction_fetch(clk, rst, halt, start, address, count, instruction, index, ended, port, error, idle):
    """At each `start` reads `count` instructions from `address` on, several bursts ahead of `instruction`.

    index: number of the instruction on offer; ended: all have been taken. A start comes only when the last
    instruction before it has been taken. Latency: memory's and eleven cycles. Throughput: one memory word a
    cycle. Ranges: address aligned to the memory port, count at least 1; address and count are read in the
    cycle of `start`. halt, error, idle as in read_dma.
    """
    memory_bytes = len(port.rdata) // 8
    instruction_bytes = len(instruction.data) // 8
    scale = instruction_bytes.bit_length() - 1
    command = transfer(len(count) + scale)
    data = beats(memory_bytes)
    arrived = stream(len(port.rdata))
    words, offered = stream(len(instruction.data)), stream(len(instruction.data))
    converter_reset = reset()

    dma = read_dma(clk, rst, halt, command, data, port, error, idle, FETCH_BUFFER, FETCH_BURSTS, FETCH_ID)
    converter = convert_width(clk, converter_reset, arrived, words)
    # A core takes its time to decide whether it is ready: that must not reach back to the read buffer.
    register = skid(clk, converter_reset, words, offered)
    counter = count_words(clk, rst, start, count, offered, instruction, index, ended)

    @always_comb
    def forward():
        arrived.data.next = data.data
        arrived.valid.next = data.valid
        data.ready.next = arrived.ready
        converter_reset.next = rst or ended

    @always_seq(clk.posedge, reset=rst)
    def request():
        if start:
            command.address.next = address
            command.length.next = concat(count, intbv(0)[scale:])
            command.valid.next = True
        elif command.ready:
            command.valid.next = False
        command.layer.next = PROGRAM_LAYER

    unused(data.keep, "instructions are whole words")
    unused(data.last, "instructions are counted")
    return dma, converter, register, counter, forward, request
