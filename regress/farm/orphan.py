"""A job's process ends when the one that started it does, however that ended: nobody would read what it leaves."""

from __future__ import annotations

import os
import signal
import time
from threading import Thread

POLL_SECONDS = 0.2


def end_with(parent: int) -> None:
    """From now on this process ends, with its group, as soon as `parent` is not its parent any more."""
    Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # simulators too
    os._exit(1)  # the group is of a job around this one, which ends it as a whole
