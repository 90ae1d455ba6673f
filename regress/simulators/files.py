"""Files that are there whole or not at all, and JSON that is not believed before it was looked at."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, NoReturn

MOST_BYTES = 1 << 28  # of a JSON file: nothing of ours comes near it

PROBE_BYTES = 1 << 16


def write_whole(file: Path, text: str) -> None:
    """Write a file beside its place and rename it. Raises OSError, for example when the disk is full."""
    scratch = file.with_name(f"{file.name}.part")
    try:
        scratch.write_text(text, encoding="utf-8")
        scratch.rename(file)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise


def read_json(file: Path) -> Any:
    """What a JSON file holds. Raises OSError, and ValueError for what is cut off, no text, too large or no JSON, NaN
    and infinities among it."""
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{size:,} bytes are too many")
    try:
        found = json.loads(file.read_text(encoding="utf-8"), parse_constant=_no_number)
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair could not be written again
    except RecursionError:
        raise ValueError("is nested too deep") from None
    return found


def no_room(folder: Path) -> str:
    """Why nothing more can be written to a folder; '' if it can."""
    probe = folder / "room.part"
    try:
        probe.write_bytes(bytes(PROBE_BYTES))
    except OSError as error:
        return f"{error.strerror}: {folder}"
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return ""


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
