"""Run one command in a process group of its own, its output in a file, with a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# make's own variables, and those with which cocotb overrides what it was told.
UNWANTED = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "WAVES", "GUI", "PYTEST_CURRENT_TEST")


def clean_environment() -> dict[str, str]:
    """os.environ without what a calling make, pytest or shell would slip in."""
    return {name: value for name, value in os.environ.items() if name not in UNWANTED}


def execute(
    command: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
    log: Path,
    timeout_seconds: float | None = None,
) -> int | None:
    """Exit status of the command (negative: a signal), or None after a time-out. Appends to `log`."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            return process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all it started, and collect it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
