"""Memory UVC: settings, backdoor and monitor of the simulated DRAM (tb/hdl/memory.sv) and of its recorder.

Python -> settings, commands, files -> memory.sv, recorder.sv -> writes.bin, checks_*.txt -> Python
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from cocotb.triggers import Timer
from pyuvm import uvm_agent

from tb.finding import Finding, Kind
from tb.records import RecordReader, Records, WriteRegion, beats, encode_regions, read_traffic, write_type
from tb.settings import MemorySettings


class Command(IntEnum):
    """Commands of memory.sv and recorder.sv."""

    LOAD = 1
    DUMP = 2
    FILL = 3
    REGIONS = 4
    TRAFFIC = 5
    FLUSH = 6


class MemoryAgent(uvm_agent):
    """Backdoor and settings of the simulated DRAM; commands take one picosecond."""

    def __init__(self, name: str, parent: Any, control: Any, memory_bytes: int, folder: Path) -> None:
        super().__init__(name, parent)
        self._control, self._bytes, self._folder = control, memory_bytes, folder
        self._files = self._told_before = 0
        self._writes = RecordReader(folder / "writes.bin", write_type(memory_bytes))

    async def apply(self, settings: MemorySettings, seed: int) -> None:
        """Use other settings from now on; burst counts and stalls begin anew. The memory must be idle."""
        control = self._control
        for name in ("latency", "rate", "read_error", "write_error", "error_response"):
            getattr(control, name).value = getattr(settings, name)
        control.stalls.value = settings.stalls.encode()
        control.reorder.value = int(settings.reorder)
        control.seed.value = seed & (2**64 - 1)
        control.apply.value = 1 - int(control.apply.value)
        await Timer(1, "ps")

    async def fill(self, seed: int, length: int, address: int = 0) -> None:
        """Random contents from the seed."""
        self._control.seed.value = seed & (2**64 - 1)
        await self._command(Command.FILL, address, length)

    async def load(self, address: int, data: bytes) -> None:
        """Write whole words; the last one is filled up with zeros. `address` is aligned to the port."""
        content = beats(data, self._bytes)
        path = self._file("load")
        path.write_bytes(content)
        await self._command(Command.LOAD, address, len(content))
        path.unlink()

    async def dump(self, address: int, length: int) -> bytes:
        """Read bytes from any address."""
        skip = address % self._bytes
        whole = -(-(skip + length) // self._bytes) * self._bytes
        path = self._file("dump")
        await self._command(Command.DUMP, address - skip, whole)
        data = path.read_bytes()
        path.unlink()
        return data[skip : skip + length]

    async def allow(self, regions: Sequence[WriteRegion]) -> None:
        """Declare the bytes that may be written; all others are a failure when they are."""
        content = encode_regions(regions)
        path = self._file("regions")
        path.write_bytes(content)
        await self._command(Command.REGIONS, 0, len(regions))
        path.unlink()

    async def writes(self) -> Records:
        """Write beats recorded since the last call."""
        await self._command(Command.FLUSH, 0, 0)
        return self._writes.read()

    async def traffic(self) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
        """Bytes read and bytes written so far, by layer tag."""
        await self._command(Command.TRAFFIC, 0, 0)
        return read_traffic(self._folder / "traffic.bin")

    def new_failures(self) -> list[Finding]:
        """What the checkers have found since the last call."""
        found = self.failures()
        new, self._told_before = found[self._told_before :], len(found)
        return new

    def failures(self) -> list[Finding]:
        """What the protocol and region checkers have found."""
        control = self._control
        counts = {"memory": control.memory_failures, "control": control.control_failures}
        counts["regions"] = control.region_failures
        return [line for name, count in counts.items() for line in self._told(name, int(count.value))]

    def _told(self, name: str, count: int) -> list[Finding]:
        if count == 0:
            return []
        kind = Kind.REGION if name == "regions" else Kind.PROTOCOL
        lines = (self._folder / f"checks_{name}.txt").read_text().splitlines()
        if not lines:
            return [Finding(kind, f"{name} port: {count} failures")]
        return [Finding(kind, f"{name} port: cycle {line}", cycle=int(line.split()[0])) for line in lines]

    def _file(self, kind: str) -> Path:
        self._files += 1
        return self._folder / f"{kind}_{self._files}.bin"

    async def _command(self, command: Command, address: int, length: int) -> None:
        control = self._control
        control.command.value = int(command)
        control.command_index.value = self._files
        control.command_address.value = address
        control.command_length.value = length
        control.command_toggle.value = 1 - int(control.command_toggle.value)
        await Timer(1, "ps")
