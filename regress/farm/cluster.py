"""Processes of jobs on the workers of a Dask cluster: what dies with a worker runs again on another one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event, Thread

from distributed import Client, Future
from distributed.scheduler import KilledWorker

from regress.farm.attempt import Attempt, attempt
from regress.farm.handover import sent_environment, settle
from regress.farm.place import Ended
from regress.farm.slots import Slots
from regress.job import Job
from regress.simulators.cache import cache_root

POLL_SECONDS = 0.2
LOOK_SECONDS = 1.0  # between two looks at how many workers there are
PATIENCE_SECONDS = 60.0  # without any worker
RETRIES = 2  # of an attempt that a worker could not even begin, on whatever worker


class Cluster:
    """jobs: never more than so many at a time, 0 for one a thread of the workers; patience: seconds without any worker
    until no job is waited for any more."""

    def __init__(self, client: Client, jobs: int, patience: float = PATIENCE_SECONDS) -> None:
        self._client = client
        self._slots = Slots(jobs)
        self._patience = patience
        self._seen = time.monotonic()
        self._lost, self._closed = Event(), Event()
        self._look()
        self._watcher = Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def slot(self, stop: Event) -> AbstractContextManager[None]:
        """One of as many as the workers have threads now."""
        return self._slots.held(stop, self._lost)

    def run(self, job: Job, folder: Path, stop: Event) -> Ended:
        """Run on any worker, and again on another one if that dies."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        environment = sent_environment(job, cache_root())
        future = self._client.submit(attempt, job, str(folder), environment, pure=False, retries=RETRIES)
        done = Event()
        future.add_done_callback(lambda _: done.set())
        while not done.wait(POLL_SECONDS):
            if stop.is_set() or self._lost.is_set():
                future.cancel()
                return Ended(None, 0.0, "" if stop.is_set() else self._no_worker)
        return ended(future, folder)

    def close(self) -> None:
        """Look at the cluster no more."""
        self._closed.set()
        self._watcher.join()

    @property
    def _no_worker(self) -> str:
        return f"the cluster has had no worker for {self._patience:g} s"

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            self._look()
            if time.monotonic() - self._seen > self._patience:
                self._lost.set()

    def _look(self) -> None:
        threads = count_threads(self._client.nthreads)
        self._slots.resize(threads)
        if threads:
            self._seen = time.monotonic()


def count_threads(ask: Callable[[], dict[str, int]]) -> int:
    """Of all workers; none where the scheduler does not answer."""
    try:
        return sum(ask().values())
    except (OSError, TimeoutError, CancelledError):
        return 0


def ended(future: Future[Attempt], folder: Path) -> Ended:
    """What has become of a task that is done; what keeps it from running is the cluster's fault, never the design's."""
    try:
        return settle(future.result(), folder)
    except KilledWorker as error:
        deaths, last = error.allowed_failures + 1, error.last_worker.address
        lost = f"{deaths} workers died while it ran, the last one {last}: too little memory, or it kills them"
    except CancelledError:
        lost = "the connection to the cluster's scheduler was lost while it ran"
    except Exception as error:
        lost = f"a worker could not run it: {type(error).__name__}: {error}"
    return Ended(None, 0.0, lost)
