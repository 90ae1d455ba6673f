"""A source file with what coverage says of each line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def annotated(file: Path, counts: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each line: number, text, how often it was reached (None: it is no code), the branches that never were.

    counts: for each line number, as text, `line` and `missed`."""
    if not file.exists():
        return []
    return [
        {"number": number, "text": text, **_of(counts.get(str(number), {}))}
        for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    ]


def _of(found: Mapping[str, Any]) -> dict[str, Any]:
    count, missed = found.get("line"), found.get("missed", [])
    if count is None and not missed:
        style = ""
    elif count == 0:
        style = "missed"
    else:
        style = "partly" if missed else "hit"
    return {"count": count, "missed": missed, "style": style}
