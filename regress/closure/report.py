"""Closure over a whole regression: the table of entries, for each bin that is missing an item that is after it, and
the few items that would have given the same coverage."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from regress.closure.entries import rows, told, unclaimed, untested
from regress.closure.further import plan
from regress.closure.records import gaps, items, jobs_of, ranked
from regress.job import Job, Result
from regress.report.results import read_run
from regress.testplan import load_testplan
from tb.coverage import Bin, Coverage, merge, read_records, variants

RANKING = "ranking.json"
PATIENCE = 120.0  # seconds for the solver; items that are left are told by their number only
SHOWN = 20


def report(*, regression: str, folder: Path, **_: Any) -> dict[str, Any]:
    """Fails when a test has no entry, an entry no test, or a cross no entry; missing bins are another report's to
    judge."""
    run = Path(regression)
    (facts, results), tests = read_run(run), load_testplan().tests
    merged = {name: merge(name, read_records(run, name)) for name in variants()}
    table = rows(tests, results, merged)
    missing = list(described(facts["seed"], results, merged))
    few, every = ranking(run, jobs_of(results), merged)
    (folder / RANKING).write_text(json.dumps(few, indent=1))
    return {
        "verdict": "pass",
        "checked": len(table),
        "failures": [*unclaimed(tests, merged), *untested(tests)],
        "entries": table,
        "missing": missing,
        "ranking": {"items": len(few), "of": every, "file": RANKING},
        "text": [
            *map(told, table),
            *map(missing_text, missing[:SHOWN]),
            f"{len(few)} of {every} items hit all bins that are hit ({RANKING})",
        ],
    }  # fmt: skip


def described(
    master: int, results: Sequence[Result], merged: Mapping[str, Coverage]
) -> Iterator[dict[str, Any]]:
    """A row for each bin that is missing, with an item that is after it and what the solver makes of it. master: the
    run's seed."""
    begin = time.monotonic()
    for variant, coverage in merged.items():
        needed = gaps(coverage)
        chosen = plan(needed, jobs_of(results), variant, master) if needed else []
        texts = {each.job.name: each.text for each in chosen if time.monotonic() < begin + PATIENCE}
        for place in needed:
            found = next((each.job for each in chosen if place in each.bins), None)
            yield row(variant, place, found, texts)


def row(variant: str, place: Bin, found: Job | None, texts: Mapping[str, str]) -> dict[str, Any]:
    """A missing bin."""
    item = found.name if found else ""
    return {
        "variant": variant,
        "cross": place[0],
        "bin": list(place[1]),
        "item": item,
        "text": texts.get(item, ""),
    }


def missing_text(row: Mapping[str, Any]) -> str:
    """A missing bin in one line."""
    return f"{row['variant']} {row['cross']}: {', '.join(row['bin'])}: {row['item'] or 'no item is after it'}"


def ranking(
    run: Path, jobs: Sequence[Job], merged: Mapping[str, Coverage]
) -> tuple[list[dict[str, Any]], int]:
    """The few items, as data, and the number of all."""
    listed: list[dict[str, Any]] = []
    every = 0
    for variant in merged:
        found = list(items(run, jobs, variant))
        every += len(found)
        listed += [{"job": item.job, "item": item.number, "seed": item.seed} for item in ranked(found)]
    return listed, every
