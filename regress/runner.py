"""Runs jobs in processes of their own, several at a time, and keeps what finished whatever happens."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import Any

from regress.execute import JOB, RESULT
from regress.job import Job, Result, Verdict, job_folder
from regress.memory import Memory
from regress.plan import reason_to_skip, skipped
from regress.reading import LOG, read_details
from regress.simulators import SimulatorError
from regress.simulators.cache import ROOT
from regress.simulators.files import write_whole
from regress.simulators.logs import one_line
from regress.simulators.process import IN_JOB, clean_environment, execute
from regress.testplan import NO_SIMULATOR

Progress = Callable[[Result], None]


@dataclass(frozen=True)
class Runner:
    """`folder` gets one folder a job; `repeat` gives the line that runs a job again; `judge` has the last word on a
    result; `memory` knows results of before, None to run everything."""

    folder: Path
    workers: int
    repeat: Callable[[Job], str]
    judge: Callable[[Result], Result] = lambda result: result
    memory: Memory | None = None
    stop: Event = field(default_factory=Event)

    def run(self, jobs: Sequence[Job], progress: Progress) -> list[Result]:
        """A result for every job, in the order of the jobs. After Ctrl-C the rest are STOPPED."""
        with ThreadPoolExecutor(self.workers) as pool:
            futures = [pool.submit(self.perform, job) for job in jobs]
            try:
                report_each(futures, progress)
            except KeyboardInterrupt:
                self.stop.set()
                be_deaf()
        return [future.result() for future in futures]

    def perform(self, job: Job) -> Result:
        """Run one job, unless it cannot run here or all is stopping."""
        if self.stop.is_set():
            return Result(job.name, Verdict.STOPPED, "not started", 0.0)
        try:
            reason = reason_to_skip(job)
            return skipped(job, reason) if reason else self.remembered(job)
        except Exception as error:  # of one job: it must not take the results of all others with it
            if not isinstance(error, (OSError, SimulatorError)):
                traceback.print_exc()
            message = one_line(f"{type(error).__name__}: {error}")
            return self.result(job, Verdict.BROKEN, message, 0.0, {})

    def remembered(self, job: Job) -> Result:
        """The result of an equal job that has passed before; only where there is none the job runs."""
        folder = job_folder(self.folder, job.name)
        if self.memory is None or job.simulator == NO_SIMULATOR:
            return self.start(job, folder)
        known = self.memory.recall(job, folder)
        if known:
            return known
        result = self.start(job, folder)
        try:
            self.memory.keep(job, result, folder)
        except OSError as error:  # it has passed all the same
            print(f"assay: {job.name} cannot be remembered: {error}", file=sys.stderr)
        return result

    def start(self, job: Job, folder: Path) -> Result:
        """Run one job's process and read what it left."""
        folder.mkdir(parents=True)
        job.save(folder / JOB)
        begin = time.monotonic()
        command = [sys.executable, "-m", "regress.execute", str(folder)]
        environment = {
            **clean_environment(),
            "PYTHONPATH": str(ROOT),
            "PYTHONHASHSEED": "0",
            IN_JOB: job.name,
        }
        limit = job.timeout_seconds
        status = execute(command, ROOT, environment, folder / LOG, limit, self.stop)
        return self.read(job, folder, status, time.monotonic() - begin)

    def read(self, job: Job, folder: Path, status: int | None, seconds: float) -> Result:
        """The result of a process that ended with `status` (None: by time-out or Ctrl-C)."""
        if self.stop.is_set() and not (folder / RESULT).exists():
            return Result(job.name, Verdict.STOPPED, "stopped while it ran", seconds, str(folder))
        details = read_details(job, folder, status)
        verdict, message = details.pop("verdict"), details.pop("message")
        result = self.judge(self.result(job, verdict, message, seconds, details))
        try:
            write_whole(folder / RESULT, json.dumps(asdict(result), indent=1))
        except OSError as error:
            return unrecorded(result, error)
        return result

    def result(
        self, job: Job, verdict: Verdict, message: str, seconds: float, details: Mapping[str, Any]
    ) -> Result:
        """A job's result, with the line that repeats it."""
        folder = os.path.relpath(job_folder(self.folder, job.name), ROOT)
        return Result(job.name, verdict, message, seconds, folder, self.repeat(job), asdict(job), details)


def unrecorded(result: Result, error: OSError) -> Result:
    """A result that could not be written down: a pass of which nothing is left is none."""
    verdict = Verdict.BROKEN if result.verdict is Verdict.PASS else result.verdict
    return replace(result, verdict=verdict, message=one_line(f"{result.message} ({RESULT}: {error})"))


def be_deaf() -> None:
    """From now on Ctrl-C does nothing: what runs is being ended, and what has finished must still be written."""
    if current_thread() is main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def report_each(futures: Sequence[Future[Result]], progress: Progress) -> None:
    """Call progress for every result as it comes."""
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            progress(future.result())
