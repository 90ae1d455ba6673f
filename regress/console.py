"""Lines on the terminal as they are: nothing in them is markup, and none is broken."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console


def print_lines(console: Console, lines: Iterable[str]) -> None:
    """Print them, each as it comes."""
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
