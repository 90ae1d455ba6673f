"""Skew: lane n of a bus leaves n cycles later than lane 0, as the array wants it."""

from myhdl import ConcatSignal, Signal, always, always_comb, block, intbv, modbv


@block
def register(clk, lane_in, lane_out):
    """Latency 1."""

    @always(clk.posedge)
    def keep():
        lane_out.next = lane_in

    return keep


@block
def pointer_stage(clk, rst, pointer_in, pointer_out):
    """A pointer, one cycle older."""

    @always(clk.posedge)
    def age():
        if rst:
            pointer_out.next = 0
        else:
            pointer_out.next = pointer_in

    return age


@block
def skew_lane(clk, write_pointer, read_pointer, lane_in, lane_out, depth):
    """Latency: 1 + the age of `read_pointer`. A memory, as depth x width registers would all move each cycle."""
    memory = [Signal(intbv(0)[len(lane_in):]) for _ in range(depth)]

    @always(clk.posedge)
    def delay():
        memory[write_pointer].next = lane_in
        lane_out.next = memory[read_pointer]

    return delay


@block
def skew(clk, rst, bus_in, bus_out, lanes):
    """Bus of `lanes` equal lanes, lane 0 lowest. Lane n has latency n + 1; one bus word a cycle."""
    width = len(bus_in) // lanes
    bits = max(1, (lanes - 1).bit_length())
    pointers = [Signal(modbv(0)[bits:]) for _ in range(lanes)]
    inputs = [bus_in(width * (lane + 1), width * lane) for lane in range(lanes)]
    outputs = [Signal(intbv(0)[width:]) for _ in range(lanes)]
    joined = ConcatSignal(*reversed(outputs))
    write_pointer = pointers[0]

    @always(clk.posedge)
    def count():
        if rst:
            write_pointer.next = 0
        else:
            write_pointer.next = write_pointer + 1

    @always_comb
    def join():
        bus_out.next = joined

    first = register(clk, inputs[0], outputs[0])
    stages = [pointer_stage(clk, rst, pointers[lane - 1], pointers[lane]) for lane in range(1, lanes)]
    others = [
        skew_lane(clk, write_pointer, pointers[lane], inputs[lane], outputs[lane], 1 << bits)
        for lane in range(1, lanes)
    ]
    return count, join, first, stages, others


@block
def long_delay(clk, rst, lane_in, lane_out, cycles):
    """Latency: `cycles`, at least 3. For data: what comes out before `cycles` cycles is undefined.

    A memory with a turning pointer: however long the delay, one word is written and one read a cycle.
    """
    bits = (cycles - 1).bit_length()
    write_pointer, read_pointer = Signal(modbv(0)[bits:]), Signal(modbv(0)[bits:])
    memory = skew_lane(clk, write_pointer, read_pointer, lane_in, lane_out, 1 << bits)

    @always_comb
    def look_back():
        read_pointer.next = write_pointer - (cycles - 1)

    @always(clk.posedge)
    def count():
        if rst:
            write_pointer.next = 0
        else:
            write_pointer.next = write_pointer + 1

    return memory, look_back, count
