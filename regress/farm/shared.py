"""Whether the workers see the same files as this process: else nothing that they do would be found."""

from __future__ import annotations

import fcntl
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from distributed import Client

from regress.farm.place import FarmError
from regress.simulators.cache import ROOT, locked


@dataclass(frozen=True)
class Seen:
    """By a worker: what stands in the token's file ('' if there is none), whether that can be locked although it is
    locked elsewhere, the tree that its code comes from, and the machine."""

    token: str
    lockable: bool
    tree: str
    host: str


def look(file: str) -> Seen:
    """What this process sees of a file that another one has written and locked."""
    try:
        with Path(file).open() as handle:
            token = handle.read()
            return Seen(token, _lockable(handle.fileno()), str(ROOT), socket.gethostname())
    except OSError:
        return Seen("", False, str(ROOT), socket.gethostname())


def _lockable(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def check_shared(client: Client, folder: Path) -> None:
    """Raises FarmError unless every worker has this tree, sees a file just written to `folder`, and keeps locks."""
    file, token = folder / f".shared-{uuid.uuid4().hex[:12]}", uuid.uuid4().hex
    try:
        with locked(file):
            file.write_text(token)
            found = client.run(look, str(file), on_error="return")
    finally:
        file.unlink(missing_ok=True)
    for address, seen in found.items():
        complaint = told(seen, token, folder)
        if complaint:
            raise FarmError(f"worker {address}: {complaint}")


def told(seen: Seen | BaseException, token: str, folder: Path) -> str:
    """What is wrong with what a worker sees, or nothing."""
    if not isinstance(seen, Seen):
        return f"cannot run this tree's code; start it from {ROOT}/.venv ({type(seen).__name__}: {seen})"
    if seen.tree != str(ROOT):
        return f"runs the code of {seen.tree} on {seen.host}, not that of {ROOT}"
    if seen.token != token:
        return f"{seen.host} does not see what is written to {folder}: it must be on a file system that all share"
    if seen.lockable:
        return f"locks on files in {folder} are not seen on {seen.host}: the file system must keep flock()"
    return ""


def overview(threads: Mapping[str, int]) -> str:
    """How large a cluster is."""
    return f"{len(threads)} workers with {sum(threads.values())} threads"
