"""At register level a golden device answers as the RTL does: the same accesses read the same values."""

from __future__ import annotations

from collections.abc import Awaitable as Doing
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

from host import Transport, TransportError
from host.golden_registers import Failed, Registers
from host.layout import Layout, layout
from host.protocol import DeviceError, Host
from host.tests.devices import Case, chain, on_golden, on_simulator, on_thread
from host.transport import Awaitable, finish
from rtl.lib.registers import BY_NAME, REGISTERS, Access, Control, Error, Status

AFTER_ERROR = ("STATUS", "ERROR", "IRQ_STATUS", "COMPLETED")
Seen = dict[str, object]


@dataclass
class Bench:
    """A device, its program, and where things stand in its memory."""

    host: Host
    case: Case
    where: Layout

    async def look(self, *names: str) -> dict[str, int]:
        """Registers by name."""
        return {name: await self.host.read(name) for name in names}

    async def configure(self) -> None:
        """With the device's own program."""
        await self.host.start()
        await self.host.configure(self.case.program.image, 0)

    async def error(self) -> Seen:
        """The error that must come, and what the registers say then and after a soft reset."""
        found = await self.host.wait_error()
        while await self.host.read("STATUS") & Status.BUSY:
            continue  # owed bursts
        seen: Seen = {"code": found.code, "stopped": await self.look(*AFTER_ERROR)}
        await self.host.soft_reset()
        return seen | {"reset": await self.look(*AFTER_ERROR, "ERROR_PC")}


async def reset_values(bench: Bench) -> Seen:
    """Every register that can be read."""
    names = [name for name, register in BY_NAME.items() if register.access is not Access.WRITE_ONLY]
    return {"values": await bench.look(*names)}


async def written_values(bench: Bench) -> Seen:
    """Each register, read-only ones too, after ones were written to it; CTRL left out."""
    for register in REGISTERS:
        if register.name != "CTRL":
            await bench.host.write(register.name, 0xFFFF_FFF0 + register.address % 16)
    kept = [register.name for register in REGISTERS if register.access is not Access.WRITE_ONLY]
    seen: Seen = {"values": await bench.look(*kept)}
    await bench.host.soft_reset()
    return seen | {"after reset": await bench.look("PROG_ADDR", "COUNT", "WATCHDOG", "IRQ_ENABLE")}


async def unmapped(bench: Bench) -> Seen:
    """An error answer, and nothing else happens."""
    refused = []
    for address in (0x08C, 0x0FC, 0xFFC):
        for access in (bench.host.transport.read(address), bench.host.transport.write(address, 1)):
            try:
                await access
                refused.append(False)
            except TransportError:
                refused.append(True)
    return {"refused": refused, "after": await bench.look(*AFTER_ERROR)}


async def run_before_configure(bench: Bench) -> Seen:
    await bench.host.start()
    await bench.host.run(0, 64, 1)
    return await bench.error()


async def no_images(bench: Bench) -> Seen:
    await bench.configure()
    await bench.host.run(0, 64, 0)
    return await bench.error()


async def both_requests_at_once(bench: Bench) -> Seen:
    await bench.configure()
    await bench.host.write("CTRL", Control.CONFIGURE | Control.RUN)
    return await bench.error()


async def configure_while_running(bench: Bench) -> Seen:
    await bench.configure()
    await bench.host.run(bench.where.inputs(0), bench.where.outputs(0), 2)
    await bench.host.write("CTRL", Control.CONFIGURE)
    return await bench.error()


async def queue_full(bench: Bench) -> Seen:
    """STATUS after each RUN, the refused one included."""
    await bench.configure()
    seen = []
    for _ in range(4):
        seen.append(await bench.host.read("STATUS"))
        await bench.host.run(bench.where.inputs(0), bench.where.outputs(0), bench.where.capacity)
    return {"status": seen} | await bench.error()


async def wrong_headers(bench: Bench) -> Seen:
    """Each word of the device header wrong once; those that tell sizes of images are not checked."""
    image, seen = bench.case.program.image, {}
    for word in (0, 1, 2, 5, 6, 7):
        damaged = image[: 4 * word] + b"\xff" + image[4 * word + 1 :]
        await bench.host.start()
        try:
            await bench.host.configure(damaged, 0)
            seen[f"word {word}"] = 0
        except DeviceError as error:
            seen[f"word {word}"] = error.code
        await bench.host.soft_reset()
    return {"codes": seen}


async def program_too_short(bench: Bench) -> Seen:
    """PROG_LEN ends before the last instruction."""
    await bench.configure()
    program = bench.case.program
    offset = int.from_bytes(program.image[20:24], "little")
    await bench.host.request_configure(0, offset + 32 * program.instructions - 1)
    return await bench.error()


async def beyond_memory(bench: Bench) -> Seen:
    """Inputs that are not there: error 4. The program beyond memory: the same."""
    seen: Seen = {}
    for name, address in (("inputs", 0xF000_0000), ("program", 0xE000_0000)):
        await bench.configure()
        if name == "inputs":
            await bench.host.run(address, bench.where.outputs(0), 1)
        else:
            await bench.host.request_configure(address, 4096)
        seen[name] = await bench.error()
    return seen


async def outputs_beyond_memory(bench: Bench) -> Seen:
    await bench.configure()
    await bench.host.run(bench.where.inputs(0), 0xF000_0000, 1)
    return await bench.error()


async def interrupt_not_enabled(bench: Bench) -> Seen:
    """A cause that is not enabled waits in IRQ_STATUS; one that is written goes."""
    await bench.host.start()
    await bench.host.write("IRQ_ENABLE", 0)
    await bench.host.run(0, 64, 1)
    low = await bench.host.transport.interrupt(50)
    waiting = await bench.look("IRQ_STATUS", "STATUS")
    await bench.host.write("IRQ_ENABLE", 7)
    high = await bench.host.transport.interrupt(50)
    await bench.host.write("IRQ_STATUS", 7)
    return {"low": low, "waiting": waiting, "high": high, "after": await bench.look("IRQ_STATUS")}


async def stopped_by_an_error(bench: Bench) -> Seen:
    """Requests are ignored until a soft reset; the first error stays."""
    await bench.configure()
    await bench.host.run(0, 64, 0)
    await bench.host.wait_error()
    await bench.host.run(bench.where.inputs(0), bench.where.outputs(0), 1)
    await bench.host.write("CTRL", Control.CONFIGURE)
    came = await bench.host.transport.interrupt(2000)
    return {"came": came, "registers": await bench.look(*AFTER_ERROR)}


async def counters_of_macs(bench: Bench) -> Seen:
    """They begin anew at a RUN that finds the accelerator idle, and go on at one that is queued."""
    await bench.configure()
    seen = []
    for counts in ((2,), (1, 3), (4,)):
        for count in counts:
            await bench.host.run(bench.where.inputs(0), bench.where.outputs(0), count)
        await bench.host.wait(len(counts))
        counters = await bench.host.counters()
        seen.append((counters["MACS"], counters["MACS_SKIPPED"], await bench.host.read("COMPLETED")))
    return {"counters": seen}


Step = Callable[[Bench], Doing[Seen]]
STEPS: tuple[Step, ...] = (
    reset_values,
    written_values,
    unmapped,
    run_before_configure,
    no_images,
    both_requests_at_once,
    configure_while_running,
    queue_full,
    wrong_headers,
    program_too_short,
    beyond_memory,
    outputs_beyond_memory,
    interrupt_not_enabled,
    stopped_by_an_error,
    counters_of_macs,
)


def behaviour(transport: Transport, case: Case) -> dict[str, Seen]:
    """What every step saw, each after a soft reset."""
    host = Host(Awaitable(transport), patience=200_000)
    small = replace(layout(case.program, transport.alignment, transport.memory_size), capacity=4)
    bench = Bench(host, case, small)
    seen: dict[str, Seen] = {}
    with closing(transport):
        for step in STEPS:
            finish(host.soft_reset())
            finish(step_result(step, bench, seen))
    return seen


async def step_result(step: Step, bench: Bench, seen: dict[str, Seen]) -> None:
    """Carry out a step."""
    seen[step.__name__] = await step(bench)


def test_golden_answers_as_the_rtl_does() -> None:
    case = chain()
    golden, rtl = behaviour(on_golden(case), case), behaviour(on_simulator(case), case)
    for name in golden:
        assert golden[name] == rtl[name], name
    assert rtl["queue_full"]["status"] == [1, 3, 3, 11]
    assert rtl["run_before_configure"]["code"] == Error.BAD_REQUEST


def test_a_socket_in_between_changes_nothing() -> None:
    case = chain()
    assert behaviour(on_golden(case), case) == behaviour(on_thread(case), case)


def test_reading_the_low_half_of_a_counter_latches_the_high_one() -> None:
    many = (7 << 32) + 5
    registers = Registers(0, lambda address, length: None, lambda request: {"MACS": many})
    low, high = BY_NAME["MACS_LO"].address, BY_NAME["MACS_HI"].address
    for name, value in (("CTRL", Control.CONFIGURE), ("COUNT", 1), ("IRQ_ENABLE", 2), ("CTRL", Control.RUN)):
        registers.write(BY_NAME[name].address, value)
    assert registers.interrupt()
    assert registers.read(high) == 0
    assert registers.read(low) == 5
    assert registers.read(high) == 7


def test_a_failed_request_names_its_instruction() -> None:
    def fail(request: object) -> dict[str, int]:
        raise Failed(Error.BUS_WRITE, 41)

    registers = Registers(0, lambda address, length: None, fail)
    for name, value in (("CTRL", Control.CONFIGURE), ("COUNT", 1), ("IRQ_ENABLE", 4), ("CTRL", Control.RUN)):
        registers.write(BY_NAME[name].address, value)
    assert registers.interrupt()
    assert registers.read(BY_NAME["ERROR"].address) == Error.BUS_WRITE
    assert registers.read(BY_NAME["ERROR_PC"].address) == 41
