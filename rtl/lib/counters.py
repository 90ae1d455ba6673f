"""The 64-bit counters of the contract."""

from enum import IntEnum

from myhdl import ConcatSignal, always, always_comb, always_seq, block

from rtl.lib.registers import COUNTERS
from rtl.lib.stream import bit, word

COUNTER_WIDTH = 64
COUNTER_BITS = COUNTER_WIDTH * len(COUNTERS)


class Activity(IntEnum):
    """What the compute array does in a cycle."""

    COMPUTE = 0
    READ_STALL = 1
    WRITE_STALL = 2
    DEPENDENCY_STALL = 3


@block
def counter(clk, rst, clear, enable, amount, value):
    """value grows by `amount` in each cycle of `enable`; `clear` wins. Latency: one cycle."""

    @always_seq(clk.posedge, reset=rst)
    def count():
        if clear:
            value.next = 0
        elif enable:
            value.next = value + amount

    return count


@block
def high_latch(clk, read_low, high, latched):
    """The high half of a counter at the last reading of its low half. Latency: one cycle."""

    @always(clk.posedge)
    def latch():
        if read_low:
            latched.next = high

    return latch


@block
def activity_flags(activity, compute, read_stall, write_stall, dependency_stall):
    """One flag for each kind of Activity. Combinational."""
    kinds = (Activity.COMPUTE, Activity.READ_STALL, Activity.WRITE_STALL, Activity.DEPENDENCY_STALL)
    is_compute, is_read, is_write, is_dependency = (int(kind) for kind in kinds)

    @always_comb
    def tell():
        compute.next = activity == is_compute
        read_stall.next = activity == is_read
        write_stall.next = activity == is_write
        dependency_stall.next = activity == is_dependency

    return tell


@block
def counter_bank(clk, rst, clear, enable, activity, bytes_read, bytes_written, macs, macs_skipped, values):
    """The counters of registers.COUNTERS, 64 bits each, the first lowest in `values`.

    Latency: one cycle. Ranges: activity is an Activity; the other amounts are added as they are, in cycles of
    `enable`.
    """
    compute, read_stall, write_stall, dependency_stall = bit(), bit(), bit(), bit()
    amounts = {
        "CYCLES": enable,
        "COMPUTE": compute,
        "READ_STALL": read_stall,
        "WRITE_STALL": write_stall,
        "DEP_STALL": dependency_stall,
        "BYTES_READ": bytes_read,
        "BYTES_WRITTEN": bytes_written,
        "MACS": macs,
        "MACS_SKIPPED": macs_skipped,
    }
    counts = [word(COUNTER_WIDTH) for _ in COUNTERS]
    joined = ConcatSignal(*reversed(counts))

    flags = activity_flags(activity, compute, read_stall, write_stall, dependency_stall)
    bank = [
        counter(clk, rst, clear, enable, amounts[name], count)
        for (name, _), count in zip(COUNTERS, counts, strict=True)
    ]

    @always_comb
    def show():
        values.next = joined

    return flags, bank, show
