"""Processes on this machine."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from regress.execute import JOB
from regress.farm.place import Ended
from regress.job import Job
from regress.reading import LOG
from regress.simulators.cache import ROOT
from regress.simulators.process import IN_JOB, clean_environment, execute


@dataclass(frozen=True)
class Local:
    """As many at a time as the runner has threads."""

    def slot(self, stop: Event) -> AbstractContextManager[None]:
        """Always free."""
        return nullcontext()

    def run(self, job: Job, folder: Path, stop: Event) -> Ended:
        """Run in `folder`, with the environment of this process."""
        folder.mkdir(parents=True)
        return run_process(job, folder, clean_environment(), stop)


def run_process(job: Job, folder: Path, environment: Mapping[str, str], stop: Event) -> Ended:
    """Run the job's process in a folder that is there. It does not outlive this one."""
    job.save(folder / JOB)
    own = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", IN_JOB: job.name}
    command = [sys.executable, "-m", "regress.execute", str(folder), str(os.getpid())]
    begin = time.monotonic()
    log = folder / LOG
    status = execute(command, ROOT, {**environment, **own}, log, job.timeout_seconds, stop)
    return Ended(status, time.monotonic() - begin)
