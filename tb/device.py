"""The cocotb module of a simulation that serves as an accelerator to a host in another process.

host (host/remote.py) <-- Unix socket --> serve --> control agent, memory agent --> accelerator
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import cocotb
import pyuvm
from pyuvm import uvm_test

from host.remote import serve
from tb.bench import Bench, BusError, SimulatorTransport
from tb.device_job import load_device_job
from tb.records import ANY_LAYER, WriteRegion
from tb.settings import AT_ONCE, CALM
from tb.uvc.control import ControlAgent
from tb.uvc.memory import MemoryAgent
from tb.variants import find_config

UNREAD = ("writes.bin",)
TOLD = 3
# Only the host knows what a layer may write; the bus refuses what is beyond memory.
EVERYWHERE = WriteRegion(ANY_LAYER, 0, 0xFFFF_FFFF)


@pyuvm.test()
class Device(uvm_test):
    """Reset, then whatever the host asks for; no scoreboard, for only the host knows what it wants."""

    def build_phase(self) -> None:
        """Read the job, make the agents."""
        self.folder = Path.cwd()
        self.job = load_device_job(self.folder)
        config = find_config(self.job.variant, self.job.config)
        top: Any = cocotb.top
        self.bench = Bench(
            top.control, self.folder, config.memory_bytes, self.job.memory_words, config.tap_bytes
        )
        self.control = ControlAgent("control", self, top.control, AT_ONCE, self.job.seed)
        self.memory = MemoryAgent("memory", self, top.control, config.memory_bytes, self.folder)

    async def run_phase(self) -> None:
        """Serve until the host closes the connection."""
        self.raise_objection()
        self.bench.control.record_taps.value = 0
        await self.bench.reset()
        await self.memory.apply(CALM, self.job.seed)
        await self.memory.fill(self.job.seed, self.bench.memory_size)
        await self.memory.allow([EVERYWHERE])
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.job.socket)
            await serve(CheckedTransport(self.bench, self.control, self.memory), connection)
        self.drop_objection()


class CheckedTransport(SimulatorTransport):
    """Tells the host what the protocol checkers have found."""

    def __init__(self, bench: Bench, control: ControlAgent, memory: MemoryAgent) -> None:
        super().__init__(bench, control, memory)
        self._folder, self._checkers = bench.folder, memory

    async def interrupt(self, cycles: int) -> bool:
        """See Transport. Raises BusError for a breach of protocol."""
        came = await super().interrupt(cycles)
        failures = self._checkers.new_failures()
        if failures:
            raise BusError("; ".join(map(str, failures[:TOLD])))
        if came:
            self._forget_records()
        return came

    def _forget_records(self) -> None:
        """Nobody reads them here, and a host may run images for days."""
        for name in UNREAD:
            os.truncate(self._folder / name, 0)
