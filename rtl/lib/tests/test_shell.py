"""The shell around a copying core, from its pins: recorded in MyHDL, replayed under Icarus and Verilator."""

import pytest

from rtl.lib.registers import (
    BY_NAME,
    COUNTERS,
    IDENTIFIER,
    REGISTERS,
    Access,
    Error,
    Interrupt,
    Status,
)
from rtl.lib.tests.agents import ReadMemory, WriteMemory, memory_byte
from rtl.lib.tests.copy_core import CONFIG_HASH
from rtl.lib.tests.host import (
    COPIES,
    IMAGE_BYTES,
    INPUT,
    LAST,
    OUTPUT,
    PROGRAM,
    Host,
    configure,
    copy,
    in_memory,
    program,
    read,
    set_up,
    start,
    wait_interrupt,
    write,
)
from rtl.lib.tests.replay import Agent, check

COPIED = [*range(160), *range(203, 243)]


class Bench:
    """The accelerator with memory and host; `script` is a generator function of (ports, bench)."""

    def __init__(self, script, image=None, read_errors=(), write_errors=(), stall=0.2):
        self.script, self.image = script, in_memory(program() if image is None else image)
        self.options = {"read": read_errors, "write": write_errors}, stall

    def agents(self, ports):
        errors, stall = self.options
        self.reads = ReadMemory(ports, "mem_", 8, errors=errors["read"], stall=stall, memory=self.image)
        self.writes = WriteMemory(ports, "mem_", 8, errors=errors["write"], stall=stall, memory={})
        self.host = Host(ports, self.script(ports, self))
        return [self.host, self.reads, self.writes]

    def run(self, folder, cycles=1500):
        recording = check("copy_8", self.agents, cycles, folder)
        assert self.writes.quiet and not any(self.reads.queues.values())
        return recording.rows

    def check_copied(self, images=1, base=OUTPUT, source=INPUT):
        """The images asked for have been copied."""
        for image in range(images):
            for n in COPIED:
                address = image * IMAGE_BYTES + n
                assert self.writes.memory[base + address] == memory_byte(source + address), hex(
                    base + address
                )


def recover(ports):
    """Soft reset, then a run that must succeed."""
    yield from write("CTRL", 4)
    while (yield from read("STATUS")):
        pass
    assert (yield from read("ERROR")) == 0
    assert (yield from configure(ports)) == 1
    yield from start()
    assert (yield from wait_interrupt(ports)) == 2


def test_configures_runs_and_counts(tmp_path):
    counters = {}

    def script(ports, bench):
        assert (yield from configure(ports)) == 1
        assert (yield from read("STATUS")) == Status.CONFIGURED
        yield from start(images=3)
        assert (yield from wait_interrupt(ports)) == 2
        for name, _ in COUNTERS:
            counters[name] = yield from read(f"{name}_LO")
            assert (yield from read(f"{name}_HI")) == 0
        assert (yield from read("COMPLETED")) == 1
        assert (yield from read("LAYER")) == 3
        assert (yield from read("ERROR")) == 0
        assert (yield from read("STATUS")) == Status.CONFIGURED

    bench = Bench(script)
    rows = bench.run(tmp_path, 2200)
    bench.check_copied(3)
    assert counters["BYTES_WRITTEN"] == bench.writes.strobed == 3 * len(COPIED)
    assert counters["BYTES_READ"] == 8 * sum(beats for _, beats, *_ in bench.reads.bursts) - 32
    causes = ("COMPUTE", "READ_STALL", "WRITE_STALL", "DEP_STALL")
    assert counters["CYCLES"] == sum(counters[name] for name in causes)
    assert counters["MACS"] == 3 * counters["COMPUTE"] and counters["MACS_SKIPPED"] == 3
    events = [(row["obs_event_layer"], row["obs_event_image"]) for row in rows[4:] if row["obs_event_valid"]]
    assert events == [(layer, image) for image in range(3) for layer in (1, 2, 3)]
    assert rows[-1]["obs_counters"] & 0xFFFFFFFF == counters["CYCLES"]
    users = {burst[2] for burst in bench.reads.bursts if burst[3] == 0}
    assert users == {0xFFF}


def test_a_descriptor_that_leaves_the_queue_interrupts(tmp_path):
    raised = []

    def script(ports, bench):
        assert (yield from configure(ports)) == Interrupt.CONFIGURED
        yield from write("IRQ_ENABLE", Interrupt.ACCEPTED)
        yield from start()
        for _ in range(2):
            yield ("wait", lambda: bool(ports["irq"]))
            raised.append((yield from read("IRQ_STATUS")))
            yield from write("IRQ_STATUS", Interrupt.ACCEPTED)
            while (yield from read("COMPLETED")) < len(raised):
                pass
            if len(raised) == 1:
                assert not ports["irq"], "completions are not enabled"
                yield from start()

    Bench(script).run(tmp_path)
    assert raised == [Interrupt.ACCEPTED, Interrupt.ACCEPTED | Interrupt.COMPLETED]


def test_queued_runs_follow_each_other(tmp_path):
    def script(ports, bench):
        yield from configure(ports)
        for number in range(3):
            yield from start(result=OUTPUT + number * 0x1000)
        assert (yield from read("STATUS")) & Status.QUEUE_FULL
        yield ("wait", lambda: bool(ports["irq"]))
        while (yield from read("COMPLETED")) < 3:
            pass

    bench = Bench(script, stall=0.5)
    bench.run(tmp_path, 2500)
    for number in range(3):
        bench.check_copied(base=OUTPUT + number * 0x1000)


BAD_HEADERS = {
    "magic": {"magic": 1},
    "hash": {"hash": CONFIG_HASH + 1},
    "version": {"version": 2},
    "padding": {"padding": 1},
    "misaligned": {"offset": 68},
    "no instructions": {"count": 0},
    "too many": {"count": 1 << 24},
    "beyond its end": {"count": 128},
}


@pytest.mark.parametrize("changes", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_program_that_does_not_fit_is_refused(changes, tmp_path):
    def script(ports, bench):
        assert (yield from configure(ports)) == 4
        assert (yield from read("ERROR")) == Error.CONFIG_MISMATCH
        assert (yield from read("STATUS")) == Status.ERROR
        bench.image.update(in_memory(program()))
        yield from recover(ports)

    bench = Bench(script, program(**changes))
    bench.run(tmp_path, 1700)
    bench.check_copied()


BAD_PROGRAMS = {
    "illegal": ([*COPIES[:2], bytes(32), LAST], 2),
    "end too early": ([LAST, LAST], 0),
}


@pytest.mark.parametrize(("instructions", "index"), BAD_PROGRAMS.values(), ids=BAD_PROGRAMS)
def test_a_bad_instruction_is_named(instructions, index, tmp_path):
    def script(ports, bench):
        yield from configure(ports)
        yield from start()
        assert (yield from wait_interrupt(ports)) == 4
        assert (yield from read("ERROR")) == Error.ILLEGAL_INSTRUCTION
        assert (yield from read("ERROR_PC")) == index
        yield from write("CTRL", 2)  # ignored: the first error stays
        assert (yield from read("ERROR")) == Error.ILLEGAL_INSTRUCTION
        bench.image.update(in_memory(program()))
        yield from recover(ports)

    bench = Bench(script, program(instructions))
    bench.run(tmp_path, 2200)
    bench.check_copied()


@pytest.mark.parametrize(
    ("reads", "writes", "code"),
    [({2}, (), Error.BUS_READ), ((), {1}, Error.BUS_WRITE), ({0}, (), Error.BUS_READ)],
)
def test_bus_errors_are_told_and_left_behind(reads, writes, code, tmp_path):
    def script(ports, bench):
        if (yield from configure(ports)) == 1:
            yield from start()
            assert (yield from wait_interrupt(ports)) == 4
        assert (yield from read("ERROR")) == code
        yield from recover(ports)

    bench = Bench(script, read_errors=reads, write_errors=writes)
    bench.run(tmp_path, 2200)
    bench.check_copied()


def test_watchdog_ends_a_program_without_end(tmp_path):
    def script(ports, bench):
        yield from configure(ports, watchdog=100)
        yield from start()
        assert (yield from wait_interrupt(ports)) == 4
        assert (yield from read("ERROR")) == Error.WATCHDOG
        assert (yield from read("ERROR_PC")) == 2
        bench.image.update(in_memory(program()))
        yield from recover(ports)

    bench = Bench(script, program(COPIES))
    bench.run(tmp_path, 2500)
    bench.check_copied()


BAD_REQUESTS = {
    "run before configure": (2, 1, False),
    "no images": (2, 0, True),
    "both at once": (3, 1, True),
}


@pytest.mark.parametrize(("bits", "count", "configured"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_requests_that_cannot_be_obeyed(bits, count, configured, tmp_path):
    def script(ports, bench):
        yield from (configure(ports) if configured else set_up())
        yield from write("COUNT", count)
        yield from write("CTRL", bits)
        assert (yield from wait_interrupt(ports)) == 4
        assert (yield from read("ERROR")) == Error.BAD_REQUEST
        yield from recover(ports)

    bench = Bench(script)
    bench.run(tmp_path, 1700)
    bench.check_copied()


def test_a_fourth_run_and_a_configure_while_running_are_errors(tmp_path):
    def script(ports, bench):
        for bad in (2, 1):
            yield from configure(ports)
            for _ in range(3):
                yield from start()
            yield from write("CTRL", bad)
            yield ("wait", lambda: bool(ports["irq"]))
            while not (yield from read("STATUS")) & Status.ERROR:
                pass
            assert (yield from read("ERROR")) == Error.BAD_REQUEST
            yield from recover(ports)

    bench = Bench(script, program((copy(0, 200, 1), *COPIES, LAST)), stall=0.5)
    bench.run(tmp_path, 4500)


@pytest.mark.parametrize("delay", [0, 3, 8, 15, 25, 40, 60, 90, 130])
def test_soft_reset_works_at_any_time(delay, tmp_path):
    class Clock(Agent):
        now = 0

        def sample(self, cycle):
            self.now = cycle

    clock = Clock()

    def script(ports, bench):
        yield from set_up()
        yield from write("CTRL", 1)
        if delay > 8:
            yield from wait_interrupt(ports)
            yield from start(images=2)
        until = clock.now + delay
        yield ("wait", lambda: clock.now >= until)
        yield from recover(ports)
        assert (yield from read("PROG_ADDR")) == PROGRAM
        assert (yield from read("COMPLETED")) == 1

    bench = Bench(script, stall=0.3)
    made = bench.agents
    bench.agents = lambda ports: [*made(ports), clock]
    bench.run(tmp_path, 2200)
    bench.check_copied()


def test_registers_read_what_their_definition_says(tmp_path):
    def script(ports, bench):
        for register in REGISTERS:
            expected = {"ID": IDENTIFIER, "VERSION": 1, "CONFIG_HASH": CONFIG_HASH}.get(
                register.name, register.reset
            )
            if not register.name.endswith("_HI"):
                assert (yield from read(register.name)) == expected, register.name
        for register in REGISTERS:
            if register.access is Access.READ_WRITE:
                yield from write(register.name, 0xA5C3F00F ^ register.address)
                response = yield ("write", register.name, 0, 0b0100)
                assert response == 0
        for register in REGISTERS:
            if register.access is Access.READ_WRITE:
                value = yield from read(register.name)
                assert value == (0xA5C3F00F ^ register.address) & 0xFF00FFFF, register.name
        for address in (0x08C, 0x0FC, 0x100, 0xFFC):
            assert (yield ("read", address)) == (0, 2)
            assert (yield ("write", address, 1)) == 2
        assert (yield ("write", "ID", 0)) == 0
        assert (yield from read("ID")) == IDENTIFIER
        assert BY_NAME["ID"].access is Access.READ_ONLY

    Bench(script).run(tmp_path, 900)
