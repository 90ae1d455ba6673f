"""`assay close`: run further items until all bins that a run has missed are hit; report old and new as one run."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from compiler.errors import BadData
from regress.closure.further import Planned, plan
from regress.closure.records import gaps, jobs_of
from regress.console import print_lines
from regress.job import Verdict
from regress.merge import Shard, read_shard, take_over, tests
from regress.plan import Selection
from regress.regression import Regression, new_folder
from regress.simulators.cache import ROOT
from regress.testplan import load_testplan
from regress.triage.rerun import rerun
from tb.coverage import merge, read_records, variants

ROUNDS = 3  # an item that is after a bin may miss it: a stall comes by chance


def close(run: str, workers: int, dry_run: bool, console: Console) -> int:
    """The exit code of old and new together. Raises BadData for what is no whole run."""
    before = read_whole(run)
    if dry_run:
        print_lines(console, [*lines(planned(before, before.folder))] or ["nothing is missing"])
        return 0
    selection = Selection(before.facts["suite"], seed=before.facts["seed"])
    folder, number = new_folder(selection.suite), workers or os.cpu_count() or 1
    return continued(before, Regression(load_testplan(), selection, number, folder, console))


def read_whole(run: str) -> Shard:
    """A run of a whole suite: `latest`, its name, or its folder. Raises BadData."""
    folder = Path(run) if os.sep in run else ROOT / "build" / "regress" / run
    before = read_shard(folder)
    if before.facts["pattern"] or before.facts["shard"] != [1, 1]:
        raise BadData("is a part of a suite: only a whole one can be closed", file=str(folder))
    if any(result.verdict is Verdict.STOPPED for result in before.results):
        raise BadData("was stopped: only a whole run can be closed", file=str(folder))
    return before


def continued(before: Shard, regression: Regression) -> int:
    """Take over what a run has left, run further items, report."""
    begin = time.monotonic() - before.facts["wall_seconds"]
    results = take_over([before], regression.folder)
    for number in range(ROUNDS):
        items = planned(before, regression.folder, {result.name for result in results})
        if not items or any(result.verdict is Verdict.STOPPED for result in results):
            break
        regression.tell([f"round {number + 1}:", *lines(items)])
        results += regression.perform([each.job for each in items])
    return regression.conclude(results, begin, "", lambda groups: rerun(groups, regression.quietly))


def planned(before: Shard, folder: Path, tried: Collection[str] = ()) -> list[Planned]:
    """Items for what is missing of the records in a folder. tried: names of jobs that have run."""
    jobs, seed = jobs_of(list(tests(before))), before.facts["seed"]
    found = []
    for variant in variants():
        records = read_records(folder, variant)
        if records:
            found += plan(gaps(merge(variant, records)), jobs, variant, seed, tried)
    return found


def lines(items: Sequence[Planned]) -> Iterator[str]:
    """For each item its job, the bins that it is after, and what the solver makes of it."""
    for each in items:
        bins = "; ".join(f"{cross}: {', '.join(values)}" for cross, values in sorted(each.bins))
        yield f"{each.job.name} for {bins}"
        yield f"    {each.text}"
