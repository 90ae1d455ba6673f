"""What the items of a run have hit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from regress.closure.choose import Item, choose
from regress.job import Job, Result, job_folder, job_from
from tb.coverage import RECORDS, SEEDS_NEEDED, Bin, Coverage

Gaps = dict[Bin, int]  # bins that are not hit by enough seeds, and by how many more they must be


def jobs_of(results: Sequence[Result]) -> list[Job]:
    """The jobs of results that tell them."""
    return [job_from(result.job) for result in results if result.job]


def gaps(coverage: Coverage) -> Gaps:
    """What is missing of a variant's coverage."""
    return {
        (cross.name, values): SEEDS_NEEDED - len(coverage.seeds.get((cross.name, values), ()))
        for cross in coverage.crosses
        for values in coverage.missing(cross)
    }


def items(folder: Path, jobs: Sequence[Job], variant: str) -> Iterator[Item]:
    """Every item of a variant that left a record in a run's folder."""
    for job in jobs:
        file = job_folder(folder, job.name) / RECORDS
        if job.variant == variant and file.exists():
            yield from items_of(job, json.loads(file.read_text())["items"])


def items_of(job: Job, records: Sequence[dict[str, Any]]) -> Iterator[Item]:
    """The items of one job; an item may have several records."""
    for number, seed in enumerate(job.seeds, job.first):
        mine = [place for record in records if record["seed"] == seed for place in record["bins"]]
        yield Item(job.name, number, seed, frozenset((name, tuple(values)) for name, *values in mine))


def ranked(found: Sequence[Item]) -> list[Item]:
    """Few items that hit what all of them hit, as far as it counts: by so many seeds as a bin needs."""
    seeds: dict[Bin, set[int]] = {}
    for item in found:
        for place in item.bins:
            seeds.setdefault(place, set()).add(item.seed)
    return choose({place: min(SEEDS_NEEDED, len(hit)) for place, hit in seeds.items()}, found)
