"""RUN descriptors that wait."""

from dataclasses import dataclass

from myhdl import always_comb, block, concat

from rtl.lib.fifo import small_fifo
from rtl.lib.stream import bit, stream, word

QUEUE_DEPTH = 2


@dataclass(frozen=True)
class Descriptor:
    """Stream of RUN requests: `count` images from input_address on, results from output_address on."""

    input_address: object
    output_address: object
    count: object
    valid: object
    ready: object


def descriptor():
    """A Descriptor stream."""
    return Descriptor(word(32), word(32), word(32), bit(), bit())


@block
def run_queue(clk, rst, sink, source):
    """Two descriptors in order. Latency: one cycle. Throughput: one a cycle."""
    packed, unpacked = stream(96), stream(96)
    buffer = small_fifo(clk, rst, packed, unpacked, QUEUE_DEPTH)

    @always_comb
    def pack():
        packed.data.next = concat(sink.count, sink.output_address, sink.input_address)
        packed.valid.next = sink.valid
        sink.ready.next = packed.ready

    @always_comb
    def unpack():
        source.input_address.next = unpacked.data[32:]
        source.output_address.next = unpacked.data[64:32]
        source.count.next = unpacked.data[96:64]
        source.valid.next = unpacked.valid
        unpacked.ready.next = source.ready

    return buffer, pack, unpack
