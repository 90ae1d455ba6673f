"""The simulated bench as the host sees it: clock, reset, and a transport made of the control and memory
agents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cocotb.triggers import RisingEdge, SimTimeoutError, Timer, with_timeout

from rtl.lib.registers import BY_NAME
from tb.uvc.control import ControlAgent, ControlItem
from tb.uvc.memory import MemoryAgent

PERIOD_NS = 10


class BusError(Exception):
    """A register access was answered with an error."""


@dataclass(frozen=True)
class Bench:
    """control: handle of the tb_control module; folder: where the simulation runs; widths of the
    accelerator."""

    control: Any
    folder: Path
    memory_bytes: int
    memory_words: int
    tap_bytes: int

    @property
    def memory_size(self) -> int:
        """Bytes of the simulated DRAM."""
        return self.memory_bytes * self.memory_words

    @property
    def cycle(self) -> int:
        """Cycles since the simulation began."""
        return int(self.control.cycle.value)

    async def reset(self, cycles: int = 4) -> None:
        """Synchronous reset; returns half a period after an edge of the clock."""
        self.control.rst.value = 1
        await self.cycles(cycles)
        self.control.rst.value = 0
        await self.cycles(1)

    async def layer_end(self, limit: int) -> bool:
        """Wait for the next layer end; False if none comes within `limit` cycles."""
        try:
            await with_timeout(self.control.event_count.value_change, limit * PERIOD_NS, "ns")
        except SimTimeoutError:
            return False
        return True

    async def cycles(self, count: int) -> None:
        """Let simulated time pass without looking at each edge."""
        await Timer(count * PERIOD_NS, "ns")


class SimulatorTransport:
    """host.protocol.AsyncTransport over the agents. asked: cycle in which the last write to CTRL began; interrupted:
    cycle in which the interrupt was last seen high."""

    def __init__(self, bench: Bench, control: ControlAgent, memory: MemoryAgent) -> None:
        self._bench, self._control, self._memory = bench, control, memory
        self.asked = self.interrupted = 0
        self.load, self.dump = memory.load, memory.dump

    async def read(self, address: int) -> int:
        """See AsyncTransport. Raises BusError."""
        return self._checked(await self._control.access(ControlItem(False, address))).data

    async def write(self, address: int, value: int) -> None:
        """See AsyncTransport. Raises BusError."""
        if address == BY_NAME["CTRL"].address:
            self.asked = self._bench.cycle
        self._checked(await self._control.access(ControlItem(True, address, value)))

    async def interrupt(self, cycles: int) -> bool:
        """See AsyncTransport."""
        irq = self._bench.control.irq
        if not irq.value:
            try:
                await with_timeout(RisingEdge(irq), cycles * PERIOD_NS, "ns")
            except SimTimeoutError:
                return False
        self.interrupted = self._bench.cycle
        return True

    def _checked(self, item: ControlItem) -> ControlItem:
        if not item.okay:
            raise BusError(f"error answer: {item}")
        return item
