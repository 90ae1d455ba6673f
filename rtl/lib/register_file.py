"""The registers of rtl/lib/registers.py."""

from dataclasses import make_dataclass

from myhdl import Signal, always, always_comb, always_seq, block, intbv

from rtl.convert import unused
from rtl.lib.counters import COUNTER_WIDTH, high_latch
from rtl.lib.registers import BY_NAME, COUNTER_BASE, IDENTIFIER, REGISTERS, VERSION, Access
from rtl.lib.stream import word

WINDOW = 64  # registers below byte address 0x100
_WRITABLE = [register for register in REGISTERS if register.access is Access.READ_WRITE]
_SHOWN = [
    register
    for register in REGISTERS
    if register.access in (Access.READ_ONLY, Access.WRITE_ONE_TO_CLEAR)
    and not register.counter
    and register.name not in ("ID", "VERSION", "CONFIG_HASH")
]

HostRegisters = make_dataclass(
    "HostRegisters", [register.name.lower() for register in _WRITABLE], frozen=True
)
HostRegisters.__doc__ = "What the host writes, 32 bits each."
ShownRegisters = make_dataclass("ShownRegisters", [register.name.lower() for register in _SHOWN], frozen=True)
ShownRegisters.__doc__ = "What the host reads, 32 bits each."


def host_registers():
    """A HostRegisters."""
    return HostRegisters(*[Signal(intbv(register.reset)[32:]) for register in _WRITABLE])


def shown_registers():
    """A ShownRegisters."""
    return ShownRegisters(*[word(32) for _ in _SHOWN])


@block
def select_register(number, selected, missing):
    """One bit of `selected` for each register of the window; missing: there is none. Combinational."""
    known = sum(1 << (register.address >> 2) for register in REGISTERS)
    inside = word(WINDOW)

    @always_comb
    def decode():
        # Not a bit chosen by `number`: tools make a 32-bit subtraction of that.
        for register in range(WINDOW):
            inside.next[register] = number == register

    @always_comb
    def check():
        missing.next = (inside & known) == 0

    @always_comb
    def forward():
        selected.next = inside & known

    return decode, check, forward


@block
def writable_register(clk, rst, write, data, mask, value):
    """A register that keeps what the masked bits of `data` were at the last write. Latency: one cycle."""
    kept = word(32)

    @always_comb
    def clear_masked():
        kept.next = value & ~mask

    @always_seq(clk.posedge, reset=rst)
    def store():
        if write:
            value.next = kept | (data & mask)

    return clear_masked, store


@block
def gated_word(selected, value, gated):
    """value when selected, else 0. Combinational."""

    @always_comb
    def gate():
        gated.next = value if selected else 0

    return gate


@block
def gated_constant(selected, gated, value):
    """The number `value` when selected, else 0. Combinational."""

    @always_comb
    def gate():
        gated.next = value if selected else 0

    return gate


@block
def either_word(first, second, result):
    """Bitwise or. Combinational."""

    @always_comb
    def merge():
        result.next = first | second

    return merge


@block
def write_enable(write, selected, enable):
    """A write to this register. Combinational."""

    @always_comb
    def join():
        enable.next = write and selected

    return join


@block
def masked_request(write, selected, data, mask, request):
    """The ones written to a register of one-bit requests, in the cycle of the write. Combinational."""

    @always_comb
    def pick():
        request.next = 0
        if write and selected:
            request.next = data & mask

    return pick


def _number(name):
    return BY_NAME[name].address >> 2


@block
def read_words(clk, read, selected, host, shown, counters, data, config_hash):
    """The selected register's value. Combinational; the high half of a counter is latched as its low half is
    read.
    """
    constants = {"ID": IDENTIFIER, "VERSION": VERSION, "CONFIG_HASH": config_hash}
    parts, words = [], []
    for register in REGISTERS:
        number, name = register.address >> 2, register.name.lower()
        if register.access is Access.WRITE_ONLY:
            continue
        words.append(word(32))
        if register.name in constants:
            parts.append(gated_constant(selected(number), words[-1], constants[register.name]))
            continue
        if register.counter and name.endswith("_hi"):
            low = COUNTER_WIDTH * ((register.address - COUNTER_BASE) // 8)
            value, latch_now = word(32), Signal(bool(0))
            parts.append(write_enable(read, selected(number - 1), latch_now))
            parts.append(high_latch(clk, latch_now, counters(low + 64, low + 32), value))
        elif register.counter:
            low = COUNTER_WIDTH * ((register.address - COUNTER_BASE) // 8)
            value = counters(low + 32, low)
        else:
            value = getattr(host, name) if register.access is Access.READ_WRITE else getattr(shown, name)
        parts.append(gated_word(selected(number), value, words[-1]))
    while len(words) > 2:
        words.append(word(32))
        parts.append(either_word(words.pop(0), words.pop(0), words[-1]))
    parts.append(either_word(words[0], words[1], data))
    readable = {register.address >> 2 for register in REGISTERS if register.access is not Access.WRITE_ONLY}
    for number in range(WINDOW):
        if number not in readable:
            unused(selected(number), "not a register that is read")
    return parts


@block
def register_file(clk, rst, bus, host, shown, counters, request, acknowledge, config_hash):
    """All registers of the contract, on a RegisterBus.

    host: what the host has written; shown: what it reads; counters: the live counters (counter_bank).
    request: bits written as 1 to CTRL; acknowledge: bits written as 1 to IRQ_STATUS, both in the cycle of the
    write. Latency: one cycle. Only `rst` resets what the host has written.
    """
    write_selected, read_found, read_selected = word(WINDOW), word(WINDOW), word(WINDOW)
    enables = [Signal(bool(0)) for _ in _WRITABLE]

    find_written = select_register(bus.write_number, write_selected, bus.write_error)
    find_read = select_register(bus.read_number, read_found, bus.read_error)
    reading = read_words(clk, bus.read, read_selected, host, shown, counters, bus.read_data, config_hash)
    gates = [
        write_enable(bus.write, write_selected(register.address >> 2), enable)
        for register, enable in zip(_WRITABLE, enables, strict=True)
    ]
    kept = [
        writable_register(
            clk, rst, enable, bus.write_data, bus.write_mask, getattr(host, register.name.lower())
        )
        for register, enable in zip(_WRITABLE, enables, strict=True)
    ]
    control = masked_request(
        bus.write, write_selected(_number("CTRL")), bus.write_data(3, 0), bus.write_mask(3, 0), request
    )
    clearing = masked_request(
        bus.write,
        write_selected(_number("IRQ_STATUS")),
        bus.write_data(4, 0),
        bus.write_mask(4, 0),
        acknowledge,
    )

    @always(clk.posedge)
    def keep_selected():
        read_selected.next = read_found

    written = {register.address >> 2 for register in (*_WRITABLE, BY_NAME["CTRL"], BY_NAME["IRQ_STATUS"])}
    for number in range(WINDOW):
        if number not in written:
            unused(write_selected(number), "not a register that is written")
    return find_written, find_read, keep_selected, reading, gates, kept, control, clearing


@block
def interrupts(clk, rst, raised, acknowledge, enable, status, irq):
    """Interrupt bits stay until acknowledged; a new one wins. irq: one that is enabled is set. Latency: two
    cycles.
    """
    bits = len(raised)
    pending, kept = word(bits), word(bits)

    @always_comb
    def drop():
        kept.next = pending & ~acknowledge

    @always_seq(clk.posedge, reset=rst)
    def collect():
        pending.next = kept | raised
        irq.next = (pending & enable) != 0

    @always_comb
    def show():
        status.next = pending

    return drop, collect, show
