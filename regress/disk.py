"""A cap on what is kept on disk: the oldest runs, and what of the cache was not used for longest, go first.

ASSAY_KEEP_RUNS (30), ASSAY_KEEP_RUN_BYTES and ASSAY_KEEP_CACHE_BYTES (20 GB each) say how much may stay.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from compiler.errors import BadData
from regress.simulators.cache import cache_root

RUNS = ("ASSAY_KEEP_RUNS", 30)
RUN_BYTES = ("ASSAY_KEEP_RUN_BYTES", 20_000_000_000)
CACHE_BYTES = ("ASSAY_KEEP_CACHE_BYTES", 20_000_000_000)
RECENT = 24 * 3600  # seconds: what was used so lately may be in use
RUN = re.compile(r"^\d{8}-\d{6}-\w+(?:-\d+of\d+)?-(\d+)$")


def prune(runs: Path) -> list[Path]:
    """Remove what is too much of a folder of runs and of the cache; what was removed. Raises BadData for a cap that is
    no number."""
    most = cap(*RUNS)
    old = sorted((run for run in folders(runs) if finished(run)), reverse=True)
    gone = [*old[most:], *beyond(old[:most], cap(*RUN_BYTES))]
    gone += beyond(sorted(unused(cache_root()), key=last_used, reverse=True), cap(*CACHE_BYTES))
    for folder in gone:
        shutil.rmtree(folder, ignore_errors=True)
    return gone


def cap(name: str, usual: int) -> int:
    """A cap from the environment. Raises BadData."""
    text = os.environ.get(name, "")
    if text and not text.isdigit():
        raise BadData(f"{name} is {text!r}, must be a number")
    return int(text) if text else usual


def folders(base: Path) -> Iterator[Path]:
    """The folders of runs."""
    if base.is_dir():
        yield from (entry for entry in base.iterdir() if RUN.match(entry.name) and not entry.is_symlink())


def finished(run: Path) -> bool:
    """Whether the process of a run is gone."""
    match = RUN.match(run.name)
    return match is None or not Path("/proc", match[1]).exists()


def unused(cache: Path) -> Iterator[Path]:
    """Folders of the cache that nothing can be using, those of remembered results one by one."""
    groups = [cache, cache / "passed"]
    entries = (entry for group in groups if group.is_dir() for entry in group.iterdir())
    for entry in entries:
        if entry.is_dir() and entry not in groups and time.time() - last_used(entry) > RECENT:
            yield entry


def last_used(entry: Path) -> float:
    """When an entry was made or found last; 0 if it is gone."""
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0


def beyond(ordered: Iterable[Path], most: int) -> Iterator[Path]:
    """What does not fit into `most` bytes any more, the first ones staying."""
    total = 0
    for folder in ordered:
        total += size(folder)
        if total > most:
            yield folder


def size(folder: Path) -> int:
    """Bytes of all files."""
    found = 0
    for file in folder.rglob("*"):
        try:
            found += file.lstat().st_size
        except OSError:
            continue
    return found
