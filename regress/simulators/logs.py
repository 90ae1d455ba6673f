"""Logs of programs that may print anything: held small on disk, and told in one printable line."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

END = 1 << 20  # bytes that stay of a log's beginning, and of its end
CUT = b"\n[... cut: of what was printed only the beginning and the end are kept ...]\n"
LONGEST = 1500  # characters of a message
LINE = 300  # characters of a line of a log
LAST_LINES = 3


def cut(log: Path) -> None:
    """Take out the middle of a log of more than four times END. Whoever appends to it may go on."""
    with contextlib.suppress(OSError), log.open("r+b") as file:
        if file.seek(0, os.SEEK_END) <= 4 * END:
            return
        file.seek(-END, os.SEEK_END)
        last = file.read(END)
        file.truncate(END)
        with log.open("ab") as end:
            end.write(CUT + last)


def last_lines(log: Path, count: int = LAST_LINES) -> str:
    """The last lines of a log that say something, as one line."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - 4 * LINE * count, 0))
            text = file.read(4 * LINE * count).decode(errors="replace")
    except OSError:
        return "no output"
    lines = [one_line(line, LINE) for line in text.splitlines()]
    return " | ".join([line for line in lines if line][-count:]) or "no output"


def one_line(text: str, longest: int = LONGEST) -> str:
    """Without what cannot be printed, in a single line that is not endless."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * longest])
    line = " ".join(plain.split())
    return line if len(line) <= longest else f"{line[:longest]} ..."
