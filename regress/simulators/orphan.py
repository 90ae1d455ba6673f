"""A job whose runner was killed ends with all that it started: nobody waits for it any more."""

from __future__ import annotations

import os
import signal
import time
from threading import Thread

from regress.simulators.process import IN_JOB

LOOK_SECONDS = 0.5


def end_when_alone() -> None:
    """From now on look after the parent; only in a job, which has a process group of its own."""
    if IN_JOB in os.environ and os.getpgrp() == os.getpid():
        Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.killpg(os.getpgrp(), signal.SIGKILL)
