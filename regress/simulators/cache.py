"""Build cache by content: equal sources, flags and tools are built once, also by two processes at once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADER_SUFFIXES = {".v", ".sv", ".vh", ".svh"}


def cache_root() -> Path:
    """Where built models are kept: build/cache, or ASSAY_CACHE."""
    return Path(os.environ.get("ASSAY_CACHE") or ROOT / "build" / "cache").resolve()


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def content_key(facts: object, sources: Iterable[Path], includes: Iterable[Path]) -> str:
    """Key of a build: its facts (JSON-able), its sources' and headers' names and bytes."""
    files = [*sources, *(header for folder in includes for header in headers(folder))]
    text = json.dumps([facts, [(file.name, digest(file)) for file in files]], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def headers(folder: Path) -> list[Path]:
    """The Verilog files directly in an include folder, in a fixed order."""
    return sorted(file for file in folder.iterdir() if file.suffix in HEADER_SUFFIXES)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; the system releases it when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def get_or_build(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`; if it is not there, made by `make(scratch)` and renamed into place. A failure leaves none."""
    if folder.exists():
        os.utime(folder)  # used now: what was not used for longest goes first
        return folder
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            _make(folder, make)
    return folder


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    scratch = folder.with_suffix(f".{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    make(scratch)
    scratch.rename(folder)
