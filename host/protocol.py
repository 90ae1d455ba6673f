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
    """One accelerator. `patience` is the number of cycles that an interrupt is waited for; `started`: requests that
    it was asked for; `completed`: those that it has reported; `awaited`: those that wait() was asked for."""

    transport: AsyncTransport
    patience: int = 50_000_000
    started: int = 0
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
        await self.write("IRQ_ENABLE", sum(Interrupt))
        await self.write("WATCHDOG", watchdog)
        await self._count_from_here()

    async def configure(self, image: bytes, address: int) -> None:
        """Load a program's device image and have it accepted. Raises DeviceError and DeviceTimeout."""
        await self.transport.load(address, image)
        await self.request_configure(address, len(image))
        while not await self._take() & Interrupt.CONFIGURED:
            pass

    async def request_configure(self, address: int, length: int) -> None:
        """Write the registers of CONFIGURE and start it."""
        await self.write("PROG_ADDR", address)
        await self.write("PROG_LEN", length)
        await self.write("CTRL", Control.CONFIGURE)

    async def run(self, inputs: int, outputs: int, count: int) -> None:
        """Ask for `count` images at address `inputs`, results to `outputs`; returns at once. Without room in the queue
        that is an error of the accelerator: submit() waits for room."""
        self.started += 1
        await self.write("IN_ADDR", inputs)
        await self.write("OUT_ADDR", outputs)
        await self.write("COUNT", count)
        await self.write("CTRL", Control.RUN)

    async def submit(self, inputs: int, outputs: int, count: int) -> None:
        """run(), once the queue has room. Raises DeviceError and DeviceTimeout."""
        await self.room()
        await self.run(inputs, outputs, count)

    async def room(self) -> None:
        """Return when the queue has room: how many requests are unfinished by then is the accelerator's affair.
        Raises DeviceError and DeviceTimeout."""
        while await self.read("STATUS") & Status.QUEUE_FULL:
            await self._take()

    async def idle(self) -> bool:
        """Whether every request has completed: counters then stand still, and begin anew with the next one."""
        return await self.read("COMPLETED") == self.started

    async def wait(self, requests: int = 1) -> None:
        """Return when that many further requests have completed. Raises DeviceError and DeviceTimeout."""
        self.awaited += requests
        while self.completed < self.awaited:
            await self._take()

    async def wait_error(self) -> DeviceError:
        """The error that must come; raises DeviceTimeout when none does."""
        try:
            while True:
                await self._take()
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
        self.started = self.completed = self.awaited = await self.read("COMPLETED")

    async def _counter(self, name: str) -> int:
        low = await self.read(f"{name}_LO")
        return await self.read(f"{name}_HI") << 32 | low

    async def _take(self) -> Interrupt:
        """Wait for interrupts and acknowledge them: what they tell is kept in `completed`, since whoever waits takes
        all that have come. Raises DeviceError and DeviceTimeout."""
        taken = Interrupt(0)
        for _ in range(MOST_EMPTY):
            if not await self.transport.interrupt(self.patience):
                raise DeviceTimeout(await self._state())
            taken = Interrupt(await self.read("IRQ_STATUS"))
            if taken:
                break
        else:
            raise DeviceTimeout("the interrupt is high, but IRQ_STATUS has no cause of it")
        await self.write("IRQ_STATUS", int(taken))
        if taken & Interrupt.ERROR:
            raise DeviceError(await self.read("ERROR"), await self.read("ERROR_PC"))
        if taken & Interrupt.COMPLETED:
            self.completed = await self.read("COMPLETED")
        return taken

    async def _state(self) -> str:
        status, layer = Status(await self.read("STATUS")), await self.read("LAYER")
        pc = await self.read("ERROR_PC")
        return (
            f"no interrupt in {self.patience} cycles: status {status!r}, last layer {layer}, instruction {pc}"
        )
