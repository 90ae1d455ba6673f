"""Runs jobs in processes of their own, several at a time, and keeps what finished whatever happens."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import Any

from regress.execute import RESULT
from regress.farm.local import Local
from regress.farm.place import Ended, Place
from regress.job import Job, Result, Verdict, job_folder
from regress.memory import Memory
from regress.plan import reason_to_skip, skipped
from regress.reading import read_details
from regress.simulators import SimulatorError
from regress.simulators.cache import ROOT
from regress.simulators.files import write_whole
from regress.simulators.logs import one_line
from regress.testplan import NO_SIMULATOR

Progress = Callable[[Result], None]


@dataclass(frozen=True)
class Runner:
    """`folder` gets one folder a job; `repeat` gives the line that runs a job again; `judge` has the last word on a
    result; `memory` knows results of before, None to run everything; `place` is where processes run."""

    folder: Path
    workers: int
    repeat: Callable[[Job], str]
    judge: Callable[[Result], Result] = lambda result: result
    memory: Memory | None = None
    place: Place = field(default_factory=Local)
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
        with self.place.slot(self.stop):
            if self.stop.is_set():
                return Result(job.name, Verdict.STOPPED, "not started", 0.0)
            return self.attempt(job)

    def attempt(self, job: Job) -> Result:
        """The result of a job; what nobody has foreseen must not take the results of all others with it."""
        try:
            reason = reason_to_skip(job)
            return skipped(job, reason) if reason else self.remembered(job)
        except Exception as error:
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
        return self.read(job, folder, self.place.run(job, folder, self.stop))

    def read(self, job: Job, folder: Path, ended: Ended) -> Result:
        """The result of a process that has ended somehow."""
        if self.stop.is_set() and not (folder / RESULT).exists():
            return Result(job.name, Verdict.STOPPED, "stopped while it ran", ended.seconds, str(folder))
        details = {**read_details(job, folder, ended), **ended.details}
        verdict, message = details.pop("verdict"), details.pop("message")
        result = self.judge(self.result(job, verdict, message, ended.seconds, details))
        try:
            folder.mkdir(parents=True, exist_ok=True)  # there is none of a job that was lost
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
