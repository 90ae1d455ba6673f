"""What the engines do, counted: for each its own counters, for all together the activity and the products."""

from myhdl import ConcatSignal, always, always_comb, block

from rtl.lib.counters import COUNTER_WIDTH, Activity, counter
from rtl.lib.stream import bit, word

COMPUTE, READ_STALL, WRITE_STALL = int(Activity.COMPUTE), int(Activity.READ_STALL), int(Activity.WRITE_STALL)
DEPENDENCY_STALL = int(Activity.DEPENDENCY_STALL)


@block
def invert(flag, inverted):
    """Not."""

    @always_comb
    def turn():
        inverted.next = not flag

    return turn


@block
def count_work(clk, rst, counting, work, counters, first):
    """An engine's counters in the order of rtl/lib/registers.py; while nothing is counted they are 0.

    first: the engine waits for memory, where others wait for an engine.
    """
    idle = bit()
    cycles, read, write, dependency = [word(COUNTER_WIDTH) for _ in range(4)]
    macs, skipped, zeros = word(COUNTER_WIDTH), word(COUNTER_WIDTH), "0" * COUNTER_WIDTH
    turning = invert(counting, idle)
    working = counter(clk, rst, idle, work.busy, 1, cycles)
    waiting = counter(clk, rst, idle, work.no_input, 1, read if first else dependency)
    blocked = counter(clk, rst, idle, work.no_room, 1, write)
    doing = counter(clk, rst, idle, counting, work.macs, macs)
    leaving_out = counter(clk, rst, idle, counting, work.skipped, skipped)
    stalls = (read, write, zeros) if first else (zeros, write, dependency)
    whole = ConcatSignal(skipped, macs, zeros, zeros, *reversed(stalls), cycles, cycles)

    @always_comb
    def show():
        counters.next = whole

    return turning, working, waiting, blocked, doing, leaving_out, show


@block
def add_products(clk, left, right, total):
    """Latency: one cycle."""

    @always(clk.posedge)
    def add():
        total.next = left + right

    return add


@block
def sum_products(clk, amounts, total):
    """The sum of a list of words, some cycles later."""
    adders, left = [], list(amounts)
    while len(left) > 1:
        sums = []
        for n in range(0, len(left), 2):
            sums.append(total if len(left) == 2 else word(len(total)))
            pair = left[n:n + 2]
            adders.append((add_products if len(pair) == 2 else keep)(clk, *pair, sums[-1]))
        left = sums
    return adders if adders else keep(clk, amounts[0], total)


@block
def keep(clk, amount, total):
    """Latency: one cycle."""

    @always(clk.posedge)
    def hold():
        total.next = amount

    return hold


@block
def find_activity(clk, busy, reads, writes, activity):
    """What all engines together do; reads: the first waits for memory, writes: the last for room."""

    @always(clk.posedge)
    def find():
        if busy != 0:
            activity.next = COMPUTE
        elif reads:
            activity.next = READ_STALL
        elif writes:
            activity.next = WRITE_STALL
        else:
            activity.next = DEPENDENCY_STALL

    return find
