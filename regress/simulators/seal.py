"""A seal tells a finished entry of the cache, every byte of it, from a damaged or half-written one."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

from regress.simulators.files import read_json, write_whole

SEAL = "seal.json"
CHUNK = 1 << 20


def seal(folder: Path) -> None:
    """Note sizes and checksums of all files; the last thing that is done to an entry."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    marks = {str(file.relative_to(folder)): mark(file) for file in files}
    write_whole(folder / SEAL, json.dumps(marks))


def damage(folder: Path) -> str:
    """What is wrong with a sealed folder; '' if nothing is. Files that were added later do not matter."""
    try:
        marks = dict(read_json(folder / SEAL))
    except (OSError, ValueError, TypeError):
        return "it has no seal"
    return next((f"{name} is not what it was" for name in marks if marks[name] != mark(folder / name)), "")


def seal_file(file: Path) -> None:
    """The same for a file that is an entry by itself: its seal stands beside it."""
    write_whole(_beside(file), json.dumps(mark(file)))


def is_intact(file: Path) -> bool:
    """Whether a sealed file is there and what it was."""
    try:
        return bool(mark(file) == read_json(_beside(file)))
    except (OSError, ValueError):
        return False


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.seal")


def mark(file: Path) -> list[int]:
    """Size and CRC-32 of a file; [] if it cannot be read. It guards against accidents, not against people."""
    size = crc = 0
    try:
        with file.open("rb") as opened:
            while chunk := opened.read(CHUNK):
                size, crc = size + len(chunk), zlib.crc32(chunk, crc)
    except OSError:
        return []
    return [size, crc]
