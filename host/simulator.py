"""The transport to an accelerator's RTL in a simulator, which is a process of its own.

What builds and runs simulators is imported when one is asked for: a board's host has no need of it.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compiler.api import config_of
from host.remote import Remote
from host.simulator_process import SimulatorProcess, listening
from host.transport import LayerEnd
from rtl.lib.registers import COUNTERS

MOST_ENDS = 1 << 18


def simulated(
    variant: str,
    config: str = "small",
    simulator: str = "verilator",
    *,
    seed: int = 1,
    folder: Path | None = None,
) -> Simulated:
    """The transport to rtl/<variant> in a simulator ("verilator" or "icarus"), built first if need be.

    folder: where the simulation leaves its files; a temporary one by default. seed: of what memory and, under
    Verilator, registers hold at the beginning. Time passes in the simulation only while the host asks for something.
    Raises UnknownName, BuildError, SimulatorError and TransportError."""
    from regress.simulators import SimulatorError, find
    from tb.device_job import DeviceJob
    from tb.model import built_model, memory_words

    sizes = config_of(variant, config)
    config = sizes.name  # of a file its absolute path
    usable, reason = find(simulator).available()
    if not usable:
        raise SimulatorError(f"{simulator} cannot be used: {reason}")
    _, built = built_model(variant, config, simulator)
    words = memory_words(simulator, sizes.memory_bytes)
    with listening() as listener:
        job = DeviceJob(variant, sizes.name, simulator, str(built), seed, words, listener.getsockname())
        process = SimulatorProcess(job, folder)
        connection = process.accept(listener)
    return Simulated(process, connection, sizes, words * sizes.memory_bytes)


class Simulated(Remote):
    """A Transport; made by `simulated`."""

    def __init__(
        self, process: SimulatorProcess, connection: socket.socket, config: Any, memory_size: int
    ) -> None:
        super().__init__(connection, process.explain)
        self._process = process
        self._layers = LayerEnds(process.folder / "events.bin")
        self.alignment: int = config.memory_bytes
        self.clock_mhz: float = config.clock_mhz
        self.memory_size = memory_size

    def layer_ends(self) -> Sequence[LayerEnd]:
        """See Transport."""
        return self._layers.read()

    def close(self) -> None:
        """See Transport. The simulator ends by itself, or is killed when it does not."""
        super().close()
        self._process.stop()


class LayerEnds:
    """Follows the recorder's file of layer ends."""

    def __init__(self, path: Path) -> None:
        from tb.records import EVENT, RecordReader

        self._reader = RecordReader(path, EVENT)
        self._ends: deque[LayerEnd] = deque(maxlen=MOST_ENDS)

    def read(self) -> list[LayerEnd]:
        """The last MOST_ENDS."""
        for event in self._reader.read():
            values = event["counters"].tolist()
            counters = dict(zip((name for name, _ in COUNTERS), values, strict=True))
            self._ends.append(LayerEnd(int(event["layer"]), counters, int(event["lane"])))
        return list(self._ends)
