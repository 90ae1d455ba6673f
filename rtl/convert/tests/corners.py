"""What random expressions do not reach: memories, parts, states, lists of interfaces, early return."""

from dataclasses import dataclass

from myhdl import ConcatSignal, Constant, Signal, always, always_comb, block, concat, enum, intbv, modbv

MODES = enum("ADD", "SUBTRACT", "SWAP", "HOLD", encoding="one_hot")
COEFFICIENTS = (3, -70000, 2**40, -(2**40), 0, 1, -1, 12)


@dataclass(frozen=True)
class Lane:
    value: object
    sign: object


def lane():
    return Lane(Signal(intbv(0)[8:]), Signal(bool(0)))


def first_set(value):
    for n in range(8):
        if value[n]:
            return n
    return 8


@block
def spread(a, out):
    @always_comb
    def copy():
        out.value.next = a
        out.sign.next = a[7]

    return copy


@block
def select(lanes, index, y):
    values = [item.value for item in lanes]
    signs = [item.sign for item in lanes]

    @always_comb
    def choose():
        y.next = concat(signs[index], values[index])

    return choose


@block
def add_offset(a, offset, y):
    @always_comb
    def add():
        if a[0]:
            y.next = a + offset
        else:
            y.next = offset

    return add


@block
def add_when(clk, enable, a, y):
    @always(clk.posedge)
    def add():
        wide = intbv(0)[len(y) :]
        if enable:
            wide[:] = a
            wide[:] = wide + 3
            y.next = wide

    return add


@block
def corners(
    clk, a, s, i, words, bits, joined, looked_up, mode_value, counted, first, total, offset_sum, sum_when
):
    """Every output depends on inputs and on state that is filled within 16 cycles."""
    memory = [Signal(intbv(0, min=-128, max=128)) for _ in range(16)]
    flags = [Signal(bool(0)) for _ in range(16)]
    lanes = [lane() for _ in range(4)]
    mode = Signal(MODES.ADD)
    count = Signal(modbv(0, min=-8, max=8))
    low, high = a(4, 0), a(8, 4)
    swapped = ConcatSignal(low, high, "01")
    offset = Constant(intbv(-100, min=-128, max=128))

    spreading = [spread(a, item) for item in lanes]
    selecting = select(lanes, i(2, 0), joined)
    offsetting = add_offset(a=a, y=offset_sum, offset=offset)
    adding = add_when(clk, i(0), a, sum_when)

    @always(clk.posedge)
    def remember():
        memory[i].next = s
        flags[i].next = s < 0
        words.next = memory[i] + memory[0]
        bits.next[4:0] = memory[1][5:1]
        bits.next[4] = flags[i] and not flags[0]
        bits.next[8:5] = low[3:]

    @always(clk.posedge)
    def read_table():
        looked_up.next = COEFFICIENTS[high[3:]]

    @always(clk.posedge)
    def walk():
        count.next = count + 1
        if i == 0:
            mode.next = MODES.ADD
        elif mode == MODES.ADD:
            mode.next = MODES.SUBTRACT
        elif mode == MODES.SUBTRACT:
            mode.next = MODES.SWAP
        else:
            mode.next = MODES.HOLD

    @always(clk.posedge)
    def work():
        if i == 0:
            counted.next = 0
        elif mode == MODES.ADD:
            counted.next = counted + s
        elif mode == MODES.SUBTRACT:
            counted.next = counted - a
        elif mode == MODES.SWAP:
            counted.next = swapped[6:].signed()

    @always_comb
    def encode():
        mode_value.next = 0
        if mode == MODES.SWAP:
            mode_value.next = 2
            return
        if mode != MODES.ADD:
            mode_value.next = 1

    @always_comb
    def search():
        first.next = first_set(a)

    @always_comb
    def add_all():
        result = intbv(0, min=-(2**20), max=2**20)
        for n in range(4):
            part = intbv(0)[2:]
            part[:] = a[n * 2 + 2 : n * 2]
            if part == 3:
                continue
            result += part * s - n
        for n in range(16):
            if n == 9:
                break
            result[:] = result + memory[n]
        total.next = result

    return spreading, selecting, offsetting, adding, remember, read_table, walk, work, encode, search, add_all


OUTPUTS = {
    "words": "intbv(0, min=-256, max=256)",
    "bits": "intbv(0)[8:]",
    "joined": "intbv(0)[9:]",
    "looked_up": "intbv(0, min=-2**41, max=2**41)",
    "mode_value": "intbv(0)[2:]",
    "counted": "intbv(0, min=-2**16, max=2**16)",
    "first": "intbv(0)[4:]",
    "total": "intbv(0, min=-2**20, max=2**20)",
    "offset_sum": "intbv(0, min=-128, max=512)",
    "sum_when": "intbv(0)[9:]",
}
INPUTS = {"a": "intbv(0)[8:]", "s": "intbv(0, min=-128, max=128)", "i": "intbv(0)[4:]"}
