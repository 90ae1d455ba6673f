"""Runs jobs in processes of their own, several at a time, and keeps what finished whatever happens."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import Any

from regress.execute import RESULT
from regress.farm.local import Local
from regress.farm.place import Ended, Place
from regress.job import COVERAGE, Job, Result, Verdict, job_folder
from regress.memory import Memory
from regress.plan import reason_to_skip, skipped
from regress.simulators.cache import ROOT
from regress.testplan import NO_SIMULATOR
from tb.finding import Finding, Kind, told

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
            reason = reason_to_skip(job)
            return skipped(job, reason) if reason else self.remembered(job)

    def remembered(self, job: Job) -> Result:
        """The result of an equal job that has passed before; only where there is none the job runs."""
        folder = job_folder(self.folder, job.name)
        if self.memory is None or job.simulator == NO_SIMULATOR:
            return self.start(job, folder)
        known = self.memory.recall(job, folder)
        if known:
            return known
        result = self.start(job, folder)
        self.memory.keep(job, result, folder)
        return result

    def start(self, job: Job, folder: Path) -> Result:
        """Run one job's process and read what it left."""
        return self.read(job, folder, self.place.run(job, folder, self.stop))

    def read(self, job: Job, folder: Path, ended: Ended) -> Result:
        """The result of a process that has ended somehow."""
        if self.stop.is_set() and not (folder / RESULT).exists():
            return Result(job.name, Verdict.STOPPED, "stopped while it ran", ended.seconds, str(folder))
        details = {**read_details(job, folder, ended), **ended.details}
        verdict = Verdict(details.pop("verdict"))
        result = self.judge(
            Result(
                job.name,
                verdict,
                str(details.pop("message")),
                ended.seconds,
                os.path.relpath(folder, ROOT),
                self.repeat(job),
                asdict(job),
                details,
            )
        )
        folder.mkdir(parents=True, exist_ok=True)  # there is none of a job that was lost
        (folder / RESULT).write_text(json.dumps(asdict(result), indent=1))
        return result


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


def read_details(job: Job, folder: Path, ended: Ended) -> dict[str, Any]:
    """What the job wrote, or why it could not."""
    try:
        details: dict[str, Any] = json.loads((folder / RESULT).read_text())
        files = [os.path.relpath(name, folder) for name in details.get(COVERAGE, ())]
        return {**details, **({COVERAGE: files} if files else {})}
    except (OSError, json.JSONDecodeError):
        return without_result(job, folder, ended)


def without_result(job: Job, folder: Path, ended: Ended) -> dict[str, Any]:
    """Verdict and message for a job that left no result; status None: it was ended when its time was over."""
    if ended.lost:
        return {"verdict": Verdict.BROKEN, "message": ended.lost}
    if ended.status is None:
        limit = f"{job.timeout_seconds:g} s"
        message = f"did not end within {limit}: the design hangs or is too slow"
        return {"verdict": Verdict.FAIL, "message": message, **told([Finding(Kind.TIME_OUT, message)])}
    message = f"ended with status {ended.status} and no result; {last_line(folder)}"
    return {"verdict": Verdict.BROKEN, "message": message}


def last_line(folder: Path) -> str:
    """The last line of the job's output."""
    lines = (folder / "output.log").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"
