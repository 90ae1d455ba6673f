"""Two read DMAs on one port."""

from dataclasses import dataclass, fields

from myhdl import always_comb, block

from rtl.lib.axi_read import read_dma
from rtl.lib.read_arbiter import read_arbiter
from rtl.lib.read_port import ReadPort, read_port
from rtl.lib.stream import bit, word


@dataclass(frozen=True)
class JoinedPort(ReadPort):
    """The read half of an AXI4 port."""

    rid: object


def joined_port(memory_bytes):
    """A JoinedPort of `memory_bytes` bytes a beat."""
    single = read_port(memory_bytes)
    return JoinedPort(*[getattr(single, field.name) for field in fields(single)], word(2))


@block
def two_readers(clk, rst, halt, low_command, high_command, low_data, high_data, mem, error, idle):
    """read_dma with ID 0 and with ID 1, joined."""
    memory_bytes = len(low_data.keep)
    low_port, high_port = read_port(memory_bytes), read_port(memory_bytes)
    low_error, high_error, low_idle, high_idle = bit(), bit(), bit(), bit()
    low = read_dma(clk, rst, halt, low_command, low_data, low_port, low_error, low_idle, 64, 4, 0)
    high = read_dma(clk, rst, halt, high_command, high_data, high_port, high_error, high_idle, 64, 4, 1)
    arbiter = read_arbiter(clk, rst, low_port, high_port, mem, 1)

    @always_comb
    def join():
        error.next = low_error or high_error
        idle.next = low_idle and high_idle

    return low, high, arbiter, join
