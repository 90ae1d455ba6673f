"""The contract that every accelerator keeps, beside running programs: registers, bad requests, interrupts,
queue."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

from compiler.program import Program
from host.protocol import DeviceError, DeviceTimeout
from rtl.lib.registers import REGISTERS, VARIANT_BASE, Access, Control, Error, Interrupt, Status
from tb.env import Environment
from tb.finding import Finding, Kind
from tb.hang import diagnosis
from tb.placement import place, write_regions
from tb.registers import RegisterModel
from tb.settings import MemorySettings
from tb.uvc.control import ControlItem

SLOW = MemorySettings(latency=3000)
UNMAPPED = (0x08C, 0x0FC, 0xFFC)
BEGUN = 20  # cycles after a RUN in which it has asked the memory for something; before that a reset may end at once
WAITING = 2  # descriptors that the queue holds


class ContractSequence:
    """Checks one accelerator; `checked` counts the checks, `failures` has one for each that failed."""

    def __init__(
        self, env: Environment, program: Program, foreign: Program, config_hash: int, seed: int
    ) -> None:
        self.env, self.program, self.foreign = env, program, foreign
        self.model = RegisterModel(config_hash)
        self.model.connect(env.control)
        self.random = random.Random(seed)
        self.seed = seed
        self.memory_map = place(program, WAITING + 2, env.bench.memory_bytes, seed)
        self.checked = 0
        self.failures: list[Finding] = []

    async def body(self) -> None:
        """Every check, each from a state that the one before left clean."""
        steps: tuple[Callable[[], Awaitable[None]], ...] = (
            self.reset_values,
            self.read_write,
            self.read_only,
            self.unmapped,
            self.run_before_configure,
            self.count_zero,
            self.queue_full,
            self.accepted,
            self.interrupt_enable,
            self.foreign_program,
            self.reset_with_bursts_outstanding,
        )
        for step in steps:
            try:
                await step()
            except (DeviceError, DeviceTimeout) as error:
                self.failures.append(await self.stopped(step.__name__, error))
                await self.env.bench.reset()
        self.failures += self.env.memory.new_failures()

    async def stopped(self, step: str, error: DeviceError | DeviceTimeout) -> Finding:
        """A step that could not be ended."""
        cycle, kind, text = self.env.bench.cycle, Kind.ERROR, str(error)
        if isinstance(error, DeviceTimeout):
            kind, text = await diagnosis(self.env, error)
        return Finding(kind, f"{step}: {text}", cycle=cycle)

    def expect(self, what: str, got: int, wanted: int) -> None:
        """One check."""
        self.checked += 1
        if got != wanted:
            text = f"{what} is 0x{got:x}, must be 0x{wanted:x}"
            self.failures.append(Finding(Kind.REGISTER, text, cycle=self.env.bench.cycle))

    async def reset_values(self) -> None:
        """After a hard reset every register that can be read has its reset value."""
        await self.env.bench.reset()
        self.model.forget()
        for register in REGISTERS:
            if register.access is not Access.WRITE_ONLY:
                wanted = self.model.by_name[register.name].get_reset()
                value, okay = await self.model.read(register.name)
                self.expect(f"{register.name} after reset", value, wanted)
                self.expect(f"{register.name}: answer", okay, True)

    async def read_write(self) -> None:
        """Each keeps its own value, whatever is written to the others."""
        names = [register.name for register in REGISTERS if register.access is Access.READ_WRITE]
        for name in names:
            await self.model.write(name, self.random.getrandbits(32))
        self.random.shuffle(names)
        for name in names:
            wanted = self.model.mirrored(name)
            self.expect(f"{name} after writing", (await self.model.read(name))[0], wanted)

    async def read_only(self) -> None:
        """Writing changes nothing."""
        for register in REGISTERS:
            if register.access is Access.READ_ONLY:
                before, _ = await self.model.read(register.name)
                await self.env.control.access(
                    ControlItem(True, register.address, self.random.getrandbits(32))
                )
                self.expect(
                    f"{register.name} after a write", (await self.model.read(register.name))[0], before
                )

    async def unmapped(self) -> None:
        """Where there is no register the answer is an error, and nothing else happens."""
        for address in (*UNMAPPED, VARIANT_BASE + 0xE00):
            for write in (True, False):
                item = await self.env.control.access(ControlItem(write, address))
                self.expect(f"answer to 0x{address:03x}", item.okay, False)

    async def run_before_configure(self) -> None:
        """A RUN without a program is a bad request."""
        await self._start(MemorySettings())
        await self.env.host.run(self.memory_map.inputs, self.memory_map.outputs, 1)
        await self._bad_request("RUN before CONFIGURE")

    async def count_zero(self) -> None:
        """A RUN of no images is a bad request."""
        await self._configured(MemorySettings())
        await self.env.host.run(self.memory_map.inputs, self.memory_map.outputs, 0)
        await self._bad_request("RUN with COUNT = 0")

    async def queue_full(self) -> None:
        """While no memory answers, WAITING descriptors wait, beside one that has left the queue if ACCEPTED tells so.
        STATUS says when it is full, and one more is a bad request."""
        host, where = self.env.host, self.memory_map
        await self._configured(MemorySettings())
        await self.env.memory.apply(SLOW, self.seed)
        await host.run(where.inputs, where.outputs, 1)
        await self.env.bench.cycles(50)
        left = bool(await host.read("IRQ_STATUS") & Interrupt.ACCEPTED)
        for number in range(1, WAITING + left):
            full = bool(await host.read("STATUS") & Status.QUEUE_FULL)
            self.expect(f"QUEUE_FULL after {number} requests", full, False)
            await host.run(where.inputs, where.outputs, 1)
        self.expect("QUEUE_FULL", bool(await host.read("STATUS") & Status.QUEUE_FULL), True)
        await host.run(where.inputs, where.outputs, 1)
        await self._bad_request("RUN with the queue full")

    async def accepted(self) -> None:
        """A descriptor tells when it leaves the queue, which is before its images are done."""
        host, where = self.env.host, self.memory_map
        await self._configured(MemorySettings())
        await host.write("IRQ_ENABLE", Interrupt.COMPLETED | Interrupt.ERROR)
        await host.write("IRQ_STATUS", sum(Interrupt))
        self.expect("IRQ_STATUS before a RUN", await host.read("IRQ_STATUS"), 0)
        await host.run(where.inputs, where.outputs, 1)
        self.expect("interrupt", await host.transport.interrupt(host.patience), True)
        self.expect(
            "IRQ_STATUS after a RUN", await host.read("IRQ_STATUS"), Interrupt.ACCEPTED | Interrupt.COMPLETED
        )
        await self._clean("accepted")

    async def interrupt_enable(self) -> None:
        """An interrupt that is not enabled waits in IRQ_STATUS; enabling raises it, writing one clears it."""
        host, irq = self.env.host, self.env.bench.control.irq
        await self._start(MemorySettings())
        await host.write("IRQ_ENABLE", 0)
        await host.write("COUNT", 1)
        await host.write("CTRL", Control.RUN)
        await self.env.bench.cycles(50)
        self.expect("irq without IRQ_ENABLE", int(irq.value), 0)
        self.expect("IRQ_STATUS", await host.read("IRQ_STATUS"), Interrupt.ERROR)
        await host.write("IRQ_ENABLE", Interrupt.ERROR)
        await self.env.bench.cycles(4)
        self.expect("irq after IRQ_ENABLE", int(irq.value), 1)
        await host.write("IRQ_STATUS", Interrupt.ERROR)
        await self.env.bench.cycles(4)
        self.expect("irq after acknowledge", int(irq.value), 0)
        await self._clean("interrupt enable")

    async def foreign_program(self) -> None:
        """A program of another configuration is refused, and one of this configuration is taken after it."""
        await self._start(MemorySettings())
        try:
            await self.env.host.configure(self.foreign.image, self.memory_map.program)
            self.failures.append(Finding(Kind.ERROR, "a program of another configuration was accepted"))
        except DeviceError as error:
            self.expect("error for a program of another configuration", error.code, Error.CONFIG_MISMATCH)
        await self._clean("foreign program")
        await self._configured(MemorySettings())
        self.expect("CONFIGURED", await self.env.host.read("STATUS") & Status.CONFIGURED, Status.CONFIGURED)

    async def reset_with_bursts_outstanding(self) -> None:
        """The memory answers long after the reset was asked for: it waits, then all is as after a hard
        reset."""
        host, where = self.env.host, self.memory_map
        for delay in (1, 20, 100, 400):
            await self._configured(MemorySettings())
            await self.env.memory.apply(replace(SLOW, latency=1000), self.seed)
            await host.run(where.inputs, where.outputs, 1)
            await self.env.bench.cycles(delay)
            await host.write("CTRL", Control.SOFT_RESET)
            waiting = await host.read("STATUS") & Status.RESETTING
            if delay >= BEGUN:
                self.expect(f"RESETTING {delay} cycles after RUN", waiting, Status.RESETTING)
            await self._clean(f"soft reset {delay} cycles after RUN")

    async def _start(self, settings: MemorySettings) -> None:
        memory = self.env.memory
        await memory.apply(settings, self.seed)
        await memory.fill(self.seed, self.memory_map.end)
        await memory.allow(write_regions(self.program, WAITING + 1, self.memory_map.outputs))
        await self.env.host.start()

    async def _configured(self, settings: MemorySettings) -> None:
        await self._start(settings)
        await self.env.host.configure(self.program.image, self.memory_map.program)

    async def _bad_request(self, what: str) -> None:
        error = await self.env.host.wait_error()
        self.expect(f"{what}: error", error.code, Error.BAD_REQUEST)
        await self._clean(what)

    async def _clean(self, what: str) -> None:
        """Soft reset; afterwards nothing is left of what was."""
        host = self.env.host
        self.env.scoreboard.abandon()
        await host.soft_reset()
        for name in ("STATUS", "ERROR", "ERROR_PC", "IRQ_STATUS", "COMPLETED"):
            self.expect(f"{what}: {name} after a soft reset", await host.read(name), 0)
        self.env.catch_up()
        self.env.layer.monitor.taps.drop()
