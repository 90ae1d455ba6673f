"""What a memory word is: part of the input, weights, or an output's parameters."""

from myhdl import Signal, always_comb, always_seq, block, modbv

from rtl.convert import unused
from rtl.lib.delay import delay, delay_control
from rtl.lib.ram import ram
from rtl.lib.stream import bit, word

LATENCY = 2  # of parameters: as long as the last weights before them take to the sum, less one cycle


@block
def sort_words(
    clk,
    rst,
    start,
    working,
    blocked,
    beats,
    features,
    multiplying,
    counted,
    opening,
    adding,
    closing,
    x,
    weights,
    parameters,
    cfg,
):
    """Words of a layer as they come: first its input, which is kept; then, for each output, weights and one word of
    parameters. None is taken while `blocked`.

    multiplying: weights are taken, `counted` of them mean something. x, weights: side by side, a cycle later; adding:
    their products are there, opening: they are the first of an output, two cycles later. closing: the sum of an output
    is complete, and its parameters are beside it.
    """
    low, lanes = (cfg.memory_bytes - 1).bit_length(), cfg.memory_bytes
    depth, bits = cfg.words, (cfg.words - 1).bit_length()
    last, last_word = Signal(modbv(0)[16:]), word(16 - low)
    index = Signal(modbv(0)[16 - low :])
    kept, passes, keeping, at_parameters, ended, first = bit(), bit(), bit(), bit(), bit(), bit()

    memory = ram(clk, keeping, index(bits, 0), beats.data, index(bits, 0), x, depth)
    weights_beside = delay(clk, beats.data, weights, 1)
    opens = delay_control(clk, rst, first, opening, LATENCY)
    adds = delay_control(clk, rst, multiplying, adding, LATENCY)
    closes = delay_control(clk, rst, ended, closing, LATENCY)
    parameters_beside = delay(clk, beats.data(96, 0), parameters, LATENCY)

    @always_comb
    def measure():
        last.next = features - 1

    @always_comb
    def cut():
        last_word.next = last[16:low]

    @always_comb
    def accept():
        beats.ready.next = working and not blocked
        passes.next = beats.valid and working and not blocked

    @always_comb
    def sort():
        keeping.next = passes and not kept
        multiplying.next = passes and kept and not at_parameters
        first.next = passes and kept and not at_parameters and index == 0
        ended.next = passes and at_parameters

    @always_comb
    def weigh():
        counted.next = lanes
        if index == last_word:
            counted.next = last[low:] + 1

    @always_seq(clk.posedge, reset=rst)
    def follow():
        if start:
            kept.next = False
            at_parameters.next = False
            index.next = 0
        elif passes:
            if at_parameters:
                at_parameters.next = False
                index.next = 0
            elif index == last_word:
                at_parameters.next = kept
                kept.next = True
                index.next = 0
            else:
                index.next = index + 1

    unused(beats.keep, "weights of lanes beyond the features are 0")
    unused(beats.last, "words are counted")
    return (
        memory,
        weights_beside,
        opens,
        adds,
        closes,
        parameters_beside,
        measure,
        cut,
        accept,
        sort,
        weigh,
        follow,
    )
