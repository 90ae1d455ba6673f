"""Waits for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event


def wait_for(file: Path, seconds: float = 90.0) -> None:
    """Return when the file is there."""
    wait_until(file.exists, f"{file} does not appear", seconds)


def wait_until(condition: Callable[[], bool], complaint: str, seconds: float = 90.0) -> None:
    """Return when the condition is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, complaint
        Event().wait(0.02)
