"""A host on the control port of an accelerator, and programs of the copying core."""

import random
import struct

from rtl.lib.registers import BY_NAME, HEADER_MAGIC, HEADER_VERSION, Interrupt
from rtl.lib.tests.copy_core import CONFIG_HASH, COPY, END
from rtl.lib.tests.replay import RESET_CYCLES, Agent

PROGRAM, INPUT, OUTPUT = 0x1000, 0x8000, 0x10000
IMAGE_BYTES = 256
ENABLED = Interrupt.CONFIGURED | Interrupt.COMPLETED | Interrupt.ERROR


def copy(offset, length, layer):
    """One instruction: copy `length` bytes at `offset` of the input to the same place of the output."""
    return (COPY | layer << 16 | length << 32 | offset << 64 | offset << 96).to_bytes(32, "little")


COPIES = (copy(0, 100, 1), copy(100, 60, 2), copy(203, 40, 3))
LAST = END.to_bytes(32, "little")


def program(instructions=(*COPIES, LAST), **changes):
    """Device image: header, a gap, instructions."""
    fields = {
        "magic": HEADER_MAGIC,
        "hash": CONFIG_HASH,
        "count": len(instructions),
        "input": IMAGE_BYTES,
        "output": IMAGE_BYTES,
        "offset": 64,
        "version": HEADER_VERSION,
        "padding": 0,
    } | changes
    return struct.pack("<8I", *fields.values()) + bytes(32) + b"".join(instructions)


def in_memory(data, base=PROGRAM):
    """Bytes by address."""
    return {base + n: byte for n, byte in enumerate(data)}


class Host(Agent):
    """Runs a script: a generator that yields ("write", name, value), ("read", name) or ("wait", condition)
    and is sent the response of a write, (value, response) of a read, or the cycle. A name may be a byte
    address."""

    def __init__(self, ports, script, pause=0.3, seed=5):
        self.p, self.irq = {name: ports[name] for name in ports if name.startswith("ctrl_")}, ports["irq"]
        self.script, self.pause, self.random = script, pause, random.Random(seed)
        self.action, self.pending, self.finished, self.cycle = None, set(), False, 0

    def drive(self, cycle):
        self.cycle = cycle
        if self.action is None and cycle == RESET_CYCLES:
            self._advance(None)
        for channel in ("aw", "w", "ar"):
            valid = self.p[f"ctrl_{channel}valid"]
            valid.next = channel in self.pending and (bool(valid) or self.random.random() >= self.pause)
        for channel in ("b", "r"):
            self.p[f"ctrl_{channel}ready"].next = self.random.random() >= self.pause

    def sample(self, cycle):
        for channel in ("aw", "w", "ar"):
            if self._passes(channel):
                self.pending.discard(channel)
        if self._passes("b"):
            self._advance(int(self.p["ctrl_bresp"]))
        elif self._passes("r"):
            self._advance((int(self.p["ctrl_rdata"]), int(self.p["ctrl_rresp"])))
        elif self.action and self.action[0] == "wait" and self.action[1]():
            self._advance(cycle)

    def _passes(self, channel):
        return bool(self.p[f"ctrl_{channel}valid"]) and bool(self.p[f"ctrl_{channel}ready"])

    def _advance(self, answer):
        try:
            self.action = self.script.send(answer)
        except StopIteration:
            self.action, self.finished = None, True
            return
        kind, *rest = self.action
        if kind == "wait":
            return
        address = BY_NAME[rest[0]].address if isinstance(rest[0], str) else rest[0]
        self.pending = {"aw", "w"} if kind == "write" else {"ar"}
        self.p["ctrl_awaddr" if kind == "write" else "ctrl_araddr"].next = address
        if kind == "write":
            self.p["ctrl_wdata"].next, self.p["ctrl_wstrb"].next = rest[1], rest[2] if len(rest) > 2 else 15

    def finish(self):
        assert self.finished, f"the host still waits for {self.action}"


def write(name, value):
    """Write a register that exists."""
    response = yield ("write", name, value)
    assert response == 0, name


def read(name):
    """The value of a register that exists."""
    value, response = yield ("read", name)
    assert response == 0, name
    return value


def set_up(length=4096, watchdog=0):
    """Registers for a configuration."""
    for name, value in (
        ("PROG_ADDR", PROGRAM),
        ("PROG_LEN", length),
        ("IRQ_ENABLE", ENABLED),
        ("WATCHDOG", watchdog),
    ):
        yield from write(name, value)


def wait_interrupt(ports):
    """Wait for irq; acknowledge all that is raised, return what was enabled of it."""
    yield ("wait", lambda: bool(ports["irq"]))
    bits = yield from read("IRQ_STATUS")
    yield from write("IRQ_STATUS", bits)
    return bits & ENABLED


def configure(ports, **options):
    """Set up and configure; return the interrupt bits."""
    yield from set_up(**options)
    yield from write("CTRL", 1)
    return (yield from wait_interrupt(ports))


def start(images=1, source=INPUT, result=OUTPUT):
    """Push a RUN descriptor."""
    for name, value in (("IN_ADDR", source), ("OUT_ADDR", result), ("COUNT", images), ("CTRL", 2)):
        yield from write(name, value)
