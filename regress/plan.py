"""From testplan, suite and master seed to the list of jobs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from regress.job import Job, Result, Verdict
from regress.parts import SHARE, part_name, whole_name
from regress.seeds import run_seed
from regress.simulators import find
from regress.testplan import NO_SIMULATOR, PlanError, Report, Schedule, Test, Testplan

MASTER_SEED = 1
REPORT = "report/"


@dataclass(frozen=True)
class Selection:
    """What the user asked for. `pattern` is a glob on job names, or a plain part of one; `item`: only this item of the
    jobs that have it; `names`: only these jobs, () for all; `fresh`: run also what has passed with the same inputs;
    `shard`: (i, n) for every n-th job from the i-th on, so that n machines together run all of them."""

    suite: str = "ci"
    pattern: str = ""
    seed: int = MASTER_SEED
    trace: bool = False
    item: int | None = None
    names: tuple[str, ...] = ()
    fresh: bool = False
    shard: tuple[int, int] = (1, 1)

    @property
    def whole(self) -> bool:
        """Whether all jobs of the suite are meant."""
        return not self.pattern and not self.names and self.item is None and self.shard[1] == 1


def plan_jobs(testplan: Testplan, selection: Selection) -> list[Job]:
    """The chosen jobs of a suite, the first job of every model before any second one.

    Raises PlanError when two jobs have one name or when nothing is selected.
    """
    jobs = [job for test in testplan.tests for job in test_jobs(test, selection)]
    names = [job.name for job in jobs]
    if len(set(names)) < len(names):
        raise PlanError(f"two jobs are named {next(name for name in names if names.count(name) > 1)}")
    jobs = [job for job in jobs if named(job, selection.names)] if selection.names else jobs
    chosen = select(jobs, selection.pattern) or beyond(jobs, selection)
    if not chosen:
        raise PlanError(f"no test of suite {selection.suite} matches {selection.pattern!r}; see `assay list`")
    jobs = models_first(chosen if selection.item is None else of_item(chosen, selection.item))
    return part_of(jobs, *selection.shard)


def base_name(job: Job) -> str:
    """A job's name without the number of its first item."""
    return "/".join(
        part for part in (job.test, job.variant, job.config, job.simulator) if part and part != NO_SIMULATOR
    )


def named(job: Job, names: tuple[str, ...]) -> bool:
    """Whether a job is meant, or the whole that it is part of."""
    return job.name in names or whole_name(job.name) in names


def part_of(jobs: list[Job], number: int, parts: int) -> list[Job]:
    """The jobs of one machine of several. Raises PlanError if none is left for it."""
    mine = jobs[number - 1 :: parts]
    if not mine:
        raise PlanError(f"shard {number} of {parts} is empty: there are only {len(jobs)} jobs")
    return mine


def parse_shard(text: str) -> tuple[int, int]:
    """ "i/n", counted from 1. Raises PlanError."""
    number, slash, parts = text.partition("/")
    if not (slash and number.isdigit() and parts.isdigit() and 1 <= int(number) <= int(parts)):
        raise PlanError(f"shard is {text!r}, must be i/n with 1 <= i <= n")
    return int(number), int(parts)


def of_item(jobs: list[Job], item: int) -> list[Job]:
    """One item of each job that has it. Raises PlanError if none has."""
    found = [
        replace(job, first=item, seeds=(job.seeds[item - job.first],))
        for job in jobs
        if job.first <= item < job.first + len(job.seeds)
    ]
    if not found:
        raise PlanError(f"no job that was asked for has an item {item}")
    return found


def test_jobs(test: Test, selection: Selection) -> Iterator[Job]:
    """The jobs of one test in a suite."""
    for schedule in test.runs:
        if selection.suite in schedule.suites:
            for variant in test.variants:
                yield from schedule_jobs(test, schedule, variant, selection)


def schedule_jobs(test: Test, schedule: Schedule, variant: str, selection: Selection) -> Iterator[Job]:
    """Every config x simulator x chunk of items."""
    chunk = schedule.chunk or schedule.items
    for config in schedule.configs:
        for simulator in schedule.simulators:
            for first in range(0, schedule.items, chunk):
                items = range(first, min(first + chunk, schedule.items))
                job = make_job(test, schedule, selection, (variant, config, simulator), items)
                yield from cut(job, schedule.apart) if schedule.apart else (job,)


def cut(job: Job, parts: int) -> Iterator[Job]:
    """The same job for each share of a network's layers."""
    for number in range(1, parts + 1):
        options = {**job.options, SHARE: [number, parts]}
        yield replace(job, name=part_name(job.name, number, parts), options=options)


def make_job(
    test: Test, schedule: Schedule, selection: Selection, place: tuple[str, str, str], items: range
) -> Job:
    """The job of some items at a place (variant, config, simulator)."""
    variant, config, simulator = place
    made = Job(
        name="",
        test=test.name,
        function=test.function,
        variant=variant,
        config=config,
        simulator=simulator,
        first=items.start,
        seeds=tuple(run_seed(selection.seed, test.name, variant, index) for index in items),
        timeout_seconds=schedule.timeout_seconds,
        options=schedule.options,
        needs=schedule.needs,
        coverage=schedule.coverage,
        trace=selection.trace,
    )
    number = [str(items.start)] if len(items) < schedule.items else []
    return replace(made, name="/".join([base_name(made), *number]))


def select(jobs: list[Job], pattern: str) -> list[Job]:
    """The job of exactly that name, else those whose name fits the pattern as a glob or holds it."""
    exact = [job for job in jobs if job.name == pattern]
    return exact or [job for job in jobs if fnmatchcase(job.name, pattern) or pattern in job.name]


def beyond(jobs: list[Job], selection: Selection) -> list[Job]:
    """An item behind those that a test runs, asked for by the name that its job has: of a run that was closed."""
    base, _, number = selection.pattern.rpartition("/")
    if not number.isdigit():
        return []
    found = [job for job in jobs if base_name(job) == base]
    return [further(job, int(number), selection.seed) for job in found[:1]]


def further(job: Job, item: int, master: int) -> Job:
    """A job of one other item of the same test."""
    seed = run_seed(master, job.test, job.variant, item)
    return replace(job, name=f"{base_name(job)}/{item}", first=item, seeds=(seed,))


def models_first(jobs: list[Job]) -> list[Job]:
    """The first job of every model before any second one, so that two workers do not wait for one build.

    Among them those with the longest time limit first, so that the last to end is not the longest."""
    seen: set[tuple[str, str, str, bool]] = set()
    ranks = []
    for job in jobs:
        model = (job.variant, job.config, job.simulator, job.coverage)
        ranks.append((model in seen, -job.timeout_seconds))
        seen.add(model)
    return [jobs[index] for index in sorted(range(len(jobs)), key=ranks.__getitem__)]


def report_jobs(testplan: Testplan, selection: Selection, folder: Path) -> list[Job]:
    """The checks over a whole suite's results; none when only a part of it ran."""
    if not selection.whole:
        return []
    reports = [report for report in testplan.reports if selection.suite in report.suites]
    return [report_job(report, folder) for report in reports]


def report_job(report: Report, folder: Path) -> Job:
    """The job of one report; its function finds the run's folder as option `regression`."""
    place: dict[str, Any] = {"variant": "", "config": "", "simulator": NO_SIMULATOR, "first": 0, "seeds": ()}
    name = f"{REPORT}{report.name}"
    options = {**report.options, "regression": str(folder)}
    return Job(name, name, report.function, timeout_seconds=300.0, options=options, **place)


def reason_to_skip(job: Job) -> str:
    """Why a job cannot run here, or nothing."""
    missing = [name for name in job.needs if not os.environ.get(name)]
    if missing:
        return f"{', '.join(missing)} is not set"
    if job.simulator == NO_SIMULATOR:
        return ""
    usable, reason = find(job.simulator).available()
    return "" if usable else reason


def skipped(job: Job, reason: str) -> Result:
    """The result of a job that cannot run here."""
    return Result(job.name, Verdict.SKIP, reason, 0.0)
