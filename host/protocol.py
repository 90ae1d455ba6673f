"""How every accelerator is configured, started, waited for and asked, register by register: written once.

Coroutines over an asynchronous transport: the simulator's agents await it, and `host.transport.finish` carries
one out at once over a transport that never waits for others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rtl.lib.registers import BY_NAME, COUNTERS, Control, Error, Interrupt, Status

MOST_EMPTY = 4  # an interrupt falls some cycles after its cause was acknowledged


class DeviceError(Exception):
    """The accelerator reported an error; `code` as in rtl/lib/registers.py, `index` of the instruction."""

    def __init__(self, code: int, index: int) -> None:
        name = Error(code).name if code in set(Error) else "unknown"
        super().__init__(f"the accelerator stopped with error {code} ({name}) at instruction {index}")
        self.code, self.index = code, index


class DeviceTimeout(Exception):
    """No interrupt came within the time allowed."""


class AsyncTransport(Protocol):
    """How registers, memory and the interrupt are reached; `host.transport.Transport` tells what each does."""

    async def read(self, address: int) -> int:
        """Read a register."""

    async def write(self, address: int, value: int) -> None:
        """Write a register."""

    async def load(self, address: int, data: bytes) -> None:
        """Write memory; the address is aligned to the memory port."""

    async def dump(self, address: int, length: int) -> bytes:
        """Read memory."""

    async def interrupt(self, cycles: int) -> bool:
        """Wait until the interrupt is high; False if it is not within that many cycles."""


@dataclass
class Host:
    """One accelerator. `patience` is the number of cycles that an interrupt is waited for; `completed`: requests
    that the accelerator has reported; `awaited`: those that wait() was asked for."""

    transport: AsyncTransport
    patience: int = 50_000_000
    completed: int = 0
    awaited: int = 0

    async def read(self, name: str) -> int:
        """A register by name."""
        return await self.transport.read(BY_NAME[name].address)

    async def write(self, name: str, value: int) -> None:
        """A register by name."""
        await self.transport.write(BY_NAME[name].address, value)

    async def start(self, watchdog: int = 100_000) -> None:
        """Enable every interrupt and set the watchdog (cycles, 0: off)."""
        await self.write("IRQ_ENABLE", int(Interrupt.CONFIGURED | Interrupt.COMPLETED | Interrupt.ERROR))
        await self.write("WATCHDOG", watchdog)
        await self._count_from_here()

    async def configure(self, image: bytes, address: int) -> None:
        """Load a program's device image and have it accepted. Raises DeviceError and DeviceTimeout."""
        await self.transport.load(address, image)
        await self.request_configure(address, len(image))
        await self._wait_for(Interrupt.CONFIGURED)

    async def request_configure(self, address: int, length: int) -> None:
        """Write the registers of CONFIGURE and start it."""
        await self.write("PROG_ADDR", address)
        await self.write("PROG_LEN", length)
        await self.write("CTRL", Control.CONFIGURE)

    async def run(self, inputs: int, outputs: int, count: int) -> None:
        """Queue a request for `count` images at address `inputs`, results to `outputs`; returns at once.

        The queue holds two requests beside the running one: wait() before a further one."""
        await self.write("IN_ADDR", inputs)
        await self.write("OUT_ADDR", outputs)
        await self.write("COUNT", count)
        await self.write("CTRL", Control.RUN)

    async def wait(self, requests: int = 1) -> None:
        """Return when that many further requests have completed. Raises DeviceError and DeviceTimeout."""
        self.awaited += requests
        while self.completed < self.awaited:
            await self._wait_for(Interrupt.COMPLETED)
            self.completed = await self.read("COMPLETED")

    async def wait_error(self) -> DeviceError:
        """The error that must come; raises DeviceTimeout when none does."""
        try:
            while True:
                await self._wait_for(Interrupt(0))
        except DeviceError as error:
            return error

    async def counters(self) -> dict[str, int]:
        """All counters; each low half is read first, which latches its high half."""
        return {name: await self._counter(name) for name, _ in COUNTERS}

    async def soft_reset(self) -> None:
        """Bring the accelerator back to idle, whatever it does; returns when it has forgotten everything."""
        await self.write("CTRL", Control.SOFT_RESET)
        for _ in range(10_000):
            if not await self.read("STATUS") & (Status.RESETTING | Status.BUSY):
                break
        else:
            raise DeviceTimeout("the soft reset does not end")
        await self._count_from_here()

    async def _count_from_here(self) -> None:
        self.completed = self.awaited = await self.read("COMPLETED")

    async def _counter(self, name: str) -> int:
        low = await self.read(f"{name}_LO")
        return await self.read(f"{name}_HI") << 32 | low

    async def _wait_for(self, wanted: Interrupt) -> None:
        """Take interrupts until one of `wanted` (0: any) has come."""
        taken, empty = Interrupt(0), 0
        while not (taken & wanted or (taken and not wanted)):
            if not await self.transport.interrupt(self.patience):
                raise DeviceTimeout(await self._state())
            taken = Interrupt(await self.read("IRQ_STATUS"))
            empty = 0 if taken else empty + 1
            if empty == MOST_EMPTY:
                raise DeviceTimeout("the interrupt is high, but IRQ_STATUS has no cause of it")
            await self.write("IRQ_STATUS", int(taken))
            if taken & Interrupt.ERROR:
                raise DeviceError(await self.read("ERROR"), await self.read("ERROR_PC"))

    async def _state(self) -> str:
        status, layer = Status(await self.read("STATUS")), await self.read("LAYER")
        pc = await self.read("ERROR_PC")
        return (
            f"no interrupt in {self.patience} cycles: status {status!r}, last layer {layer}, instruction {pc}"
        )
