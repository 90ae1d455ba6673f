"""Build cache by content: equal sources, flags and tools are built once, also by two processes at once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from regress.simulators.seal import SEAL, damage, seal

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
    """`folder`; made by `make(scratch)` and renamed into place if it is not there or damaged. A failure leaves none."""
    if intact(folder):
        return folder
    with locked(folder.with_suffix(".lock")):
        if not intact(folder):
            remove_damaged(folder)
            _make(folder, make)
    return folder


def intact(folder: Path) -> bool:
    """Whether an entry is there and undamaged; it then counts as used now: what was not used for longest goes first."""
    if not folder.exists() or damage(folder):
        return False
    os.utime(folder)
    return True


def remove_damaged(folder: Path) -> None:
    """Remove an entry that is there and damaged, and say so. Raises FileExistsError for what never was an entry."""
    if not folder.exists():
        return
    if not folder.is_relative_to(cache_root()) and not (folder / SEAL).exists():
        raise FileExistsError(f"{folder} is there, and nothing that was built here")
    print(f"assay: {folder} is damaged ({damage(folder)}) and made anew", file=sys.stderr, flush=True)
    scratch = folder.with_suffix(f".damaged.{os.getpid()}")
    folder.rename(scratch)
    shutil.rmtree(scratch, ignore_errors=True)


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    scratch = folder.with_suffix(f".{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        make(scratch)
        seal(scratch)
        scratch.rename(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
