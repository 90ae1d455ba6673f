"""What runs on a Dask worker: one attempt at a job, in a folder of its own.

If the worker dies, Dask makes another attempt elsewhere. What is left of the first one can go on writing into its own
folder at most; only an attempt that has ended is moved to the job's folder, by the one who waits for it.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from distributed import Reschedule, Status, Worker, get_worker

from regress.farm.local import run_process
from regress.farm.place import Ended
from regress.job import Job
from regress.simulators.process import clean_environment

MARK = "~"  # between a job's folder and the attempt's; no job's name has it
OURS = "ASSAY_"


@dataclass(frozen=True)
class Attempt:
    """One that has ended, and the folder that it has left."""

    ended: Ended
    folder: str


class Unwanted(Event):
    """Set once the task that this thread runs is not waited for: it was cancelled, who asked for it is gone, or the
    worker is closing."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker, self._key = worker, worker.get_current_task()

    def is_set(self) -> bool:
        """Asks the worker."""
        task = self._worker.state.tasks.get(self._key)
        wanted = task is not None and task.state in ("executing", "long-running")
        return not wanted or self._worker.status not in (Status.running, Status.paused)


def attempt(job: Job, folder: str, environment: Mapping[str, str]) -> Attempt:
    """Run a job's process with these variables more. Raises OSError where the run's folder is not to be seen, and
    Reschedule when it did not come to its end."""
    place = Path(f"{folder}{MARK}{uuid.uuid4().hex[:12]}")
    place.mkdir()
    worker = get_worker()
    unwanted = Unwanted(worker)
    ended = run_process(job, place, worker_environment(environment), unwanted)
    if unwanted.is_set():
        raise Reschedule
    where = f"{socket.gethostname()} {worker.address}"
    return Attempt(replace(ended, details={"worker": where}), str(place))


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The worker's own variables, but of ours only those of who asked."""
    own = {name: value for name, value in clean_environment().items() if not name.startswith(OURS)}
    return {**own, **environment}
