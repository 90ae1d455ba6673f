"""Run one command, its output in a file, with a time limit, and leave nothing of it behind.

A command gets a process group of its own, except inside a regression's job: there all belongs to the job's
group, which the runner ends as a whole.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event

from regress.simulators.logs import cut

# make's own variables, and those with which cocotb overrides what it was told.
UNWANTED = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "WAVES", "GUI", "PYTEST_CURRENT_TEST")

POLL_SECONDS = 0.05  # a log may grow by what a disk takes in that time, before it is cut
IN_JOB = "ASSAY_JOB"


def clean_environment() -> dict[str, str]:
    """os.environ without what a calling make, pytest or shell would slip in."""
    return {name: value for name, value in os.environ.items() if name not in UNWANTED}


def execute(
    command: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    log: Path,
    timeout_seconds: float | None = None,
    stop: Event | None = None,
) -> int | None:
    """Exit status of the command (negative: a signal), None after a time-out or `stop`. Appends to `log`, of
    which only beginning and end are kept if it is long."""
    own_group = IN_JOB not in os.environ
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=own_group,
        )
        try:
            return wait_for(process, timeout_seconds, stop or Event(), log)
        finally:
            end(process, own_group)
            cut(log)


def wait_for(
    process: subprocess.Popen[bytes], timeout_seconds: float | None, stop: Event, log: Path
) -> int | None:
    """Its exit status; None once the time is over or `stop` is set."""
    end = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
    while not stop.is_set() and time.monotonic() < end:
        try:
            return process.wait(min(POLL_SECONDS, max(end - time.monotonic(), 0)))
        except subprocess.TimeoutExpired:
            cut(log)
    return process.poll()


def end(process: subprocess.Popen[bytes], own_group: bool) -> None:
    """Kill the process, with its group all it started, and collect it."""
    if own_group:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # also when only what it started is left
    elif process.poll() is None:
        process.kill()
    process.wait()
