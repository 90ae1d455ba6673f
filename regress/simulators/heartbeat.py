"""A running simulation says about once a second in which cycle it is, so that after a time-out one knows whether
simulated time stood still."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

from regress.simulators.files import read_json, write_whole

FILE = "heartbeat.json"
STILL_SECONDS = 10.0  # without a beat: the simulation is stuck within a cycle


def beat(folder: Path, cycle: int) -> None:
    """Say that this cycle has come. A disk that is full does not end a simulation here."""
    with contextlib.suppress(OSError):
        write_whole(folder / FILE, json.dumps({"cycle": cycle, "at": time.time()}))


def told_beat(folder: Path) -> str:
    """What the last beat below a folder says about a time-out that has come now; '' if there was none."""
    found = [pair for pair in map(_read, folder.rglob(FILE)) if pair is not None]
    if not found:
        return ""
    at, cycle = max(found)
    silent = time.time() - at
    if silent > STILL_SECONDS:
        return f"simulated time stands still, in cycle {cycle:,} or soon after it, for {silent:.0f} s"
    return f"simulated time went on, to cycle {cycle:,}"


def _read(file: Path) -> tuple[float, int] | None:
    try:
        raw = read_json(file)
        return float(raw["at"]), int(raw["cycle"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
