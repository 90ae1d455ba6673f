"""Streams of wide words from narrow ones and back; the first narrow word is the lowest part."""

from myhdl import Signal, always, always_comb, always_seq, block, concat, modbv

from rtl.lib.skid import skid
from rtl.lib.stream import bit, word


@block
def widen(clk, rst, sink, source):
    """Collects sink words in one source word. Latency: one cycle after the last; throughput: one sink word a
    cycle.

    Ranges: the source is 2, 4, 8 ... times as wide as the sink.
    """
    narrow, wide = len(sink.data), len(source.data)
    parts = wide // narrow
    position = Signal(modbv(0)[(parts - 1).bit_length() :])
    taken = bit()

    @always_comb
    def accept():
        sink.ready.next = not source.valid or source.ready

    @always_comb
    def take():
        taken.next = sink.valid and (not source.valid or source.ready)

    @always_seq(clk.posedge, reset=rst)
    def count():
        if taken:
            position.next = position + 1
            source.valid.next = position == parts - 1
        elif source.ready:
            source.valid.next = False

    @always(clk.posedge)
    def collect():
        if taken:
            source.data.next = concat(sink.data, source.data[wide:narrow])

    return accept, take, count, collect


@block
def narrow(clk, rst, sink, source):
    """Gives a sink word in parts. Latency: one cycle; throughput: one source word a cycle.

    Ranges: the sink is 2, 4, 8 ... times as wide as the source.
    """
    part, wide = len(source.data), len(sink.data)
    parts = wide // part
    position = Signal(modbv(0)[(parts - 1).bit_length() :])
    held = word(wide)
    last, accepted = bit(), bit()

    @always_comb
    def show():
        source.data.next = held[part:]
        last.next = position == parts - 1

    @always_comb
    def accept():
        sink.ready.next = not source.valid or (source.ready and last)
        accepted.next = sink.valid and (not source.valid or (source.ready and last))

    @always_seq(clk.posedge, reset=rst)
    def count():
        if accepted:
            source.valid.next = True
            position.next = 0
        elif source.valid and source.ready:
            source.valid.next = not last
            position.next = position + 1

    @always(clk.posedge)
    def shift():
        if accepted:
            held.next = sink.data
        elif source.ready:
            held.next = held[wide:part]

    return show, accept, count, shift


@block
def convert_width(clk, rst, sink, source):
    """Sink words to source words: `widen`, `narrow`, or a register between equals. Latency: one cycle."""
    if len(sink.data) < len(source.data):
        converter = widen(clk, rst, sink, source)
    elif len(sink.data) > len(source.data):
        converter = narrow(clk, rst, sink, source)
    else:
        converter = skid(clk, rst, sink, source)
    return converter
