"""Small designs that show the hierarchy: a filter of three levels, and an array of elements."""

from dataclasses import dataclass

from myhdl import (
    ConcatSignal,
    Constant,
    ResetSignal,
    Signal,
    always,
    always_comb,
    always_seq,
    block,
    enum,
    intbv,
    modbv,
)

from rtl.convert import unused

STATES = enum("IDLE", "RUN", "LAST")
WEIGHTS = (3, -2, 7, -8)


@dataclass(frozen=True)
class Config:
    taps: int = 4
    bits: int = 8
    saturate: bool = True

    @property
    def largest(self):
        return (1 << (self.bits + 3)) - 1


@dataclass(frozen=True)
class Stream:
    data: object
    valid: object
    last: object


def signed(bits):
    return Signal(intbv(0, min=-(1 << (bits - 1)), max=1 << (bits - 1)))


def stream(bits):
    return Stream(signed(bits), Signal(bool(0)), Signal(bool(0)))


@block
def tap(clk, taken, value, delayed, total_in, total_out, weight):
    """One tap: multiply, add, hand on."""

    @always(clk.posedge)
    def accumulate():
        if taken:
            delayed.next = value
            total_out.next = total_in + value * weight

    return accumulate


@block
def clamp(value, result, cfg):
    """Saturate, or wrap, by parameter."""

    @always_comb
    def limit():
        if cfg.saturate:
            if value > cfg.largest:
                result.next = cfg.largest
            elif value < -cfg.largest:
                result.next = -cfg.largest
            else:
                result.next = value
        else:
            result.next = value[len(result) :].signed()

    return limit


@block
def chain(clk, sink, total, cfg):
    """The taps in a row, each a module of its own or, with equal weights, the same."""
    values = [signed(cfg.bits) for _ in range(cfg.taps + 1)]
    totals = [signed(cfg.bits + 8) for _ in range(cfg.taps)]
    start = Constant(intbv(0, min=-(1 << (cfg.bits + 7)), max=1 << (cfg.bits + 7)))
    unused(values[cfg.taps], "the last tap's value goes nowhere")

    taps = [
        tap(
            clk,
            sink.valid,
            sink.data if n == 0 else values[n],
            values[n + 1],
            start if n == 0 else totals[n - 1],
            totals[n],
            WEIGHTS[n % 2],
        )
        for n in range(cfg.taps)
    ]

    @always_comb
    def show():
        total.next = totals[cfg.taps - 1]

    return taps, show


@block
def history(clk, write, index, low, high, recent):
    """A small memory of words, and the two halves of a joined bus."""
    words = [Signal(intbv(0)[16:]) for _ in range(16)]
    joined = ConcatSignal(high, low)

    @always(clk.posedge)
    def remember():
        if write:
            words[index].next = joined
        recent.next = words[index]

    return remember


@block
def control(clk, rst, sink, state, count):
    """States and a counter that wraps."""

    @always_seq(clk.posedge, reset=rst)
    def step():
        if state == STATES.IDLE:
            if sink.valid:
                state.next = STATES.RUN
        elif state == STATES.RUN:
            if sink.last:
                state.next = STATES.LAST
        else:
            state.next = STATES.IDLE
        count.next = count + 1

    return step


@block
def filter_top(clk, rst, sink, result, recent, running, cfg):
    """Three levels: filter_top, chain, tap; streams, a memory, states, slices as ports."""
    total = signed(cfg.bits + 8)
    bits = Signal(intbv(0)[16:])
    count = Signal(modbv(5)[4:])
    state = Signal(STATES.IDLE)

    filtering = chain(clk, sink, total, cfg)
    limiting = clamp(total, result, cfg)
    remembering = history(clk, sink.valid, count, bits(8, 0), bits(16, 8), recent)
    controlling = control(clk, rst, sink, state, count)

    @always_comb
    def observe():
        bits.next = total[16:]
        running.next = state != STATES.IDLE

    return filtering, limiting, remembering, controlling, observe


def filter_ports(cfg=None):
    """Ports of filter_top by name."""
    cfg = cfg or Config()
    return {
        "clk": Signal(bool(0)),
        "rst": ResetSignal(0, active=1, isasync=False),
        "sink": stream(cfg.bits),
        "result": signed(cfg.bits + 4),
        "recent": Signal(intbv(0)[16:]),
        "running": Signal(bool(0)),
        "cfg": cfg,
    }


def elaborate(taps="4"):
    """Entry for `python -m rtl.convert rtl.convert.tests.designs:elaborate`."""
    return filter_top(**filter_ports(Config(taps=int(taps)))), "filter_top"


@block
def element(clk, west, east, north, south):
    """One element of an array."""

    @always(clk.posedge)
    def work():
        east.next = west
        south.next = north + west * west

    return work


@block
def array(clk, left, bottom, rows, columns):
    """`rows` x `columns` elements, wired through nested lists of Signals."""
    across = [[signed(4) for _ in range(columns + 1)] for _ in range(rows)]
    down = [[signed(16) for _ in range(columns)] for _ in range(rows + 1)]
    elements = []
    for y in range(rows):
        for x in range(columns):
            elements.append(element(clk, across[y][x], across[y][x + 1], down[y][x], down[y + 1][x]))
        unused(across[y][columns], "the last column hands on to nobody")
    edges = [edge(left, across[y][0]) for y in range(rows)]
    zeros = [clear(clk, down[0][x]) for x in range(columns)]
    for x in range(1, columns):
        unused(down[rows][x], "only the first column is looked at")
    last = down[rows][0]

    @always_comb
    def show():
        bottom.next = last

    return elements, edges, zeros, show


@block
def edge(source, target):
    """Feed a row."""

    @always_comb
    def copy():
        target.next = source

    return copy


@block
def clear(clk, target):
    """A register that holds zero."""

    @always(clk.posedge)
    def hold():
        target.next = 0

    return hold


def elaborate_array(rows, columns):
    """An array with its ports."""
    return array(Signal(bool(0)), signed(4), signed(16), int(rows), int(columns))
