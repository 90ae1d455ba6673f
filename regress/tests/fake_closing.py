"""A random test for the tests of closure: item number i is after the phase of that number of cross `reset`, and hits it
unless its number is one of the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tb.coverage import Bin, Hit, write_records

PHASES = ("configure", "first layer", "later")
WARMING = 2  # items that hit nothing


def aims(config: str, index: int, seed: int) -> Iterator[Bin]:
    """The phase of its number."""
    del config, seed
    yield "reset", (PHASES[index % len(PHASES)],)


def describe(config: str, index: int, seed: int) -> str:
    """Its number."""
    return f"reset number {index} on {config}, seed {seed}"


def run(
    *, variant: str, config: str, simulator: str, seeds: Sequence[int], first: int, folder: Path, **_: Any
) -> Any:
    """Leave the records of a job."""
    del simulator
    items = list(enumerate(seeds, first))
    hits = [Hit(seed, tuple(aims(config, index, seed))) for index, seed in items if index >= WARMING]
    write_records(folder, variant, hits)
    return {"verdict": "pass", "checked": len(items), "cycles": 5}
