"""The transport to an accelerator's RTL in a simulator, which is a process of its own.

What builds and runs simulators is imported when one is asked for: a board's host has no need of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from compiler.api import config_of
from host.remote import Remote
from host.transport import LayerEnd, TransportError

ROOT = Path(__file__).parents[1]
START_SECONDS = 300.0  # for a simulator to start on a busy machine
STOP_SECONDS = 10.0
LOG = "device.log"


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
    usable, reason = find(simulator).available()
    if not usable:
        raise SimulatorError(f"{simulator} cannot be used: {reason}")
    _, built = built_model(variant, config, simulator)
    words = memory_words(simulator, sizes.memory_bytes)
    with _listening() as listener:
        job = DeviceJob(variant, config, simulator, str(built), seed, words, listener.getsockname())
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
        self._ends: list[LayerEnd] = []
        self._began: int | None = None

    def read(self) -> list[LayerEnd]:
        """Those since the counters began from zero, which was in the cycle of an end less its CYCLES."""
        from rtl.lib.registers import COUNTERS

        for event in self._reader.read():
            values = event["counters"].tolist()
            counters = dict(zip((name for name, _ in COUNTERS), values, strict=True))
            began = (int(event["cycle"]) - counters["CYCLES"]) & 0xFFFFFFFF
            if began != self._began:
                self._began, self._ends = began, []
            self._ends.append(LayerEnd(int(event["layer"]), counters))
        return list(self._ends)


class SimulatorProcess:
    """The process of tb/device_process.py, with the simulator that it starts: ended with stop(), when this object
    is forgotten, or when this program ends."""

    def __init__(self, job: Any, folder: Path | None) -> None:
        from regress.simulators.process import IN_JOB, clean_environment

        self._kept = folder is not None
        self.folder = folder.resolve() if folder else Path(tempfile.mkdtemp(prefix="assay-device-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        job.save(self.folder)
        own_group = IN_JOB not in os.environ  # a regression's job ends its group as a whole
        with (self.folder / LOG).open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tb.device_process", str(self.folder)],
                cwd=ROOT,
                env={**clean_environment(), IN_JOB: "1"},  # the simulator stays in our group
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=own_group,
            )
        self._end = weakref.finalize(self, _end, self._process, own_group)

    def accept(self, listener: socket.socket) -> socket.socket:
        """The connection of the simulator. Raises TransportError if none comes."""
        listener.settimeout(0.1)
        limit = time.monotonic() + START_SECONDS
        try:
            while self._process.poll() is None and time.monotonic() < limit:
                with contextlib.suppress(TimeoutError):
                    connection, _ = listener.accept()
                    connection.settimeout(None)
                    return connection
        except BaseException:
            self.stop()
            raise
        raise TransportError(f"the simulator did not start: {self.explain()}")

    def explain(self) -> str:
        """What has become of a simulator that answers no more. Its files are kept."""
        self._kept = True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self._end()
        lines = (self.folder / LOG).read_text(errors="replace").split("\n")
        said = [line for line in lines if line.strip()]
        return f"{said[-1] if said else 'the simulator has gone'}; see {self.folder}"

    def stop(self) -> None:
        """Wait for the end, which a closed connection brings, or bring it about."""
        if self._end.alive:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self._end()
        if not self._kept:
            shutil.rmtree(self.folder, ignore_errors=True)


def _end(process: subprocess.Popen[bytes], own_group: bool) -> None:
    from regress.simulators.process import end

    end(process, own_group)


@contextmanager
def _listening() -> Iterator[socket.socket]:
    """A Unix socket in a folder of its own that only this user can enter."""
    with tempfile.TemporaryDirectory(prefix="assay-") as folder, socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(str(Path(folder) / "device"))
        except OSError as error:
            raise TransportError(f"{folder}: no socket can be made in it: {error}") from None
        listener.listen(1)
        yield listener
