"""Simple dual-port memory."""

from myhdl import Signal, always, block, intbv


@block
def ram(clk, write_enable, write_address, write_data, read_address, read_data, depth):
    """One write and one read a cycle, in block RAM.

    Latency: read_data holds the word at read_address one cycle later; a word written in the same cycle is
    read old. Ranges: addresses 0..depth-1, any width of data. No reset: a word is undefined until written.
    """
    memory = [Signal(intbv(0)[len(write_data) :]) for _ in range(depth)]

    @always(clk.posedge)
    def write():
        if write_enable:
            memory[write_address].next = write_data

    @always(clk.posedge)
    def read():
        read_data.next = memory[read_address]

    return write, read
