"""Shards of one regression put together: `assay merge FOLDER ...` leaves what one run would have left."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from compiler.errors import BadData
from regress.job import Result, job_folder
from regress.plan import REPORT, Selection
from regress.regression import Regression, new_folder, point_at
from regress.report.results import read_run
from regress.testplan import load_testplan
from regress.triage.rerun import told_before

SAME = ("suite", "seed", "pattern")


@dataclass(frozen=True)
class Shard:
    """One machine's part: its folder, and what its results.json says."""

    folder: Path
    facts: dict[str, Any]
    results: list[Result]


def merge(folders: Sequence[Path], console: Console) -> int:
    """The exit code of the whole. Raises BadData for shards that are not those of one regression."""
    shards = [read_shard(folder) for folder in folders]
    check(shards)
    facts = shards[0].facts
    selection = Selection(facts["suite"], facts["pattern"], facts["seed"])
    whole = Regression(load_testplan(), selection, 1, new_folder(facts["suite"]), console)
    results = take_over(shards, whole.folder)
    begin = time.monotonic() - max(shard.facts["wall_seconds"] for shard in shards)
    groups = [group for shard in shards for group in shard.facts["groups"]]
    return whole.conclude(results, begin, "", lambda found: told_before(groups, found))


def read_shard(folder: Path) -> Shard:
    """What a machine left. Raises BadData."""
    folder = folder.resolve()  # `latest` will lead elsewhere as soon as another run begins
    try:
        return Shard(folder, *read_run(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(f"is no folder of a regression: {error}", file=str(folder)) from None


def check(shards: Sequence[Shard]) -> None:
    """Raises BadData unless each shard of one regression is there once."""
    first = shards[0]
    for shard in shards:
        for field in SAME:
            if shard.facts[field] != first.facts[field]:
                said = f"{field} {shard.facts[field]!r}, {first.folder} has {first.facts[field]!r}"
                raise BadData(f"is of another regression: {said}", file=str(shard.folder))
    parts = first.facts["shard"][1]
    found = sorted(shard.facts["shard"][0] for shard in shards)
    if found != list(range(1, parts + 1)) or any(shard.facts["shard"][1] != parts for shard in shards):
        listed = ", ".join("/".join(map(str, shard.facts["shard"])) for shard in shards)
        raise BadData(f"needed are shards 1 to {parts} of {parts}, once each; given are {listed}")


def tests(shard: Shard) -> Iterable[Result]:
    """Its results, but for reports: they are made anew of the whole."""
    return (result for result in shard.results if not result.name.startswith(REPORT))


def take_over(shards: Iterable[Shard], folder: Path) -> list[Result]:
    """Make the folder of a new run and copy what the shards' tests left; their results."""
    folder.mkdir(parents=True)
    point_at(folder)
    results = []
    for shard in shards:
        for result in tests(shard):
            results.append(result)
            source = job_folder(shard.folder, result.name)
            if source.exists():
                shutil.copytree(
                    source, job_folder(folder, result.name), ignore=shutil.ignore_patterns("*.fst")
                )
    return results
