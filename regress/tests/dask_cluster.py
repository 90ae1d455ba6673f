"""A Dask cluster of processes on this machine, for tests that kill them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from regress.tests.waiting import wait_until

DEATHS = 1  # of workers that a job survives


@dataclass
class Processes:
    """In `folder`: scheduler.json, which tells where the scheduler is, and what the processes print."""

    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, word: str, *more: str, **environment: str) -> subprocess.Popen[bytes]:
        """`dask scheduler` or `dask worker`."""
        file = str(self.folder / "scheduler.json")
        command = [sys.executable, "-m", "dask", word, "--no-dashboard", "--scheduler-file", file, *more]
        with (self.folder / f"{word}{len(self.running)}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env={**os.environ, **environment}, stdout=log, stderr=log
            )
        self.running.append(process)
        return process

    def worker(self, **environment: str) -> subprocess.Popen[bytes]:
        """One more, of a single thread; nothing starts it again when it dies."""
        return self.start(
            "worker", "--no-nanny", "--nthreads", "1", "--local-directory", str(self.folder), **environment
        )

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return str(json.loads((self.folder / "scheduler.json").read_text())["address"])

    def ready(self) -> bool:
        """Whether the scheduler has told where it is."""
        try:
            return bool(self.address)
        except (OSError, ValueError):
            return False


@contextmanager
def processes(folder: Path, workers: int, **environment: str) -> Iterator[Processes]:
    """A scheduler and workers, with these variables; all are killed in the end."""
    cluster = Processes(folder)
    try:
        cluster.start(
            "scheduler", "--port", "0", "--host", "127.0.0.1",
            DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=str(DEATHS),
        )  # fmt: skip
        wait_until(cluster.ready, "the scheduler does not start")
        for _ in range(workers):
            cluster.worker(**environment)
        yield cluster
    finally:
        for process in cluster.running:
            process.kill()
            process.wait()


def exists(process: int) -> bool:
    """Whether there is such a process, still running."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
