"""The process that a simulator runs in, and the socket at which it calls: it ends with its host."""

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from host.transport import TransportError

ROOT = Path(__file__).parents[1]
START_SECONDS = 300.0  # for a simulator to start on a busy machine
STOP_SECONDS = 10.0
LOG = "device.log"


class SimulatorProcess:
    """The process of tb/device_process.py, with the simulator that it starts: ended with stop(), when this object
    is forgotten, or when this program ends."""

    def __init__(self, job: Any, folder: Path | None) -> None:
        from regress.simulators.process import IN_JOB, clean_environment

        self.folder = folder.resolve() if folder else Path(tempfile.mkdtemp(prefix="assay-device-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._tidy = weakref.finalize(self, shutil.rmtree, self.folder, True)
        if folder:
            self._tidy.detach()
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
        self._tidy.detach()
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
        self._tidy()


def _end(process: subprocess.Popen[bytes], own_group: bool) -> None:
    from regress.simulators.process import end

    end(process, own_group)


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A Unix socket in a folder of its own that only this user can enter."""
    with tempfile.TemporaryDirectory(prefix="assay-") as folder, socket.socket(socket.AF_UNIX) as listener:
        try:
            listener.bind(str(Path(folder) / "device"))
        except OSError as error:
            raise TransportError(f"{folder}: no socket can be made in it: {error}") from None
        listener.listen(1)
        yield listener
