"""Further items of the random tests, for bins that no item of a run has hit.

A test can be closed if its module offers, beside its function,

    aims(config, index, seed)      the bins that item number `index` is likely to hit, without solving or running it
    describe(config, index, seed)  the item in one line, as the constraint solver makes it
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from compiler.errors import AssayError
from regress.closure.choose import Item, choose
from regress.job import Job
from regress.plan import further
from tb.coverage import Bin

SEARCHED = 4000  # items of each test


@dataclass(frozen=True)
class Planned:
    """An item that has not run. job: as it would run; bins: the needed ones that it is after."""

    job: Job
    bins: frozenset[Bin]

    @property
    def text(self) -> str:
        """The item in one line, as the solver makes it."""
        describe = offered(self.job, "describe")
        try:
            return str(describe(self.job.config, self.job.first, self.job.seeds[0])) if describe else ""
        except AssayError as error:
            return f"cannot be drawn: {error}"


def offered(job: Job, name: str) -> Callable[..., Any] | None:
    """A function of the module of a job's test; None if there is none."""
    return getattr(import_module(job.function.partition(":")[0]), name, None)


def plan(
    needed: Mapping[Bin, int], jobs: Sequence[Job], variant: str, master: int, tried: Collection[str] = ()
) -> list[Planned]:
    """Few items for a variant's bins, each of which needs hits by so many seeds more. jobs: of a run; tried: names of
    further ones."""
    every = search(needed, [job for job in jobs if job.variant == variant], master)
    found = {planned.job.name: planned for planned in every if planned.job.name not in tried}
    items = [Item(name, each.job.first, each.job.seeds[0], each.bins) for name, each in found.items()]
    return [found[item.job] for item in choose(needed, items)]


def search(needed: Iterable[Bin], jobs: Sequence[Job], master: int) -> Iterator[Planned]:
    """Items that are after a needed bin: of each test one for each number, on its configurations in turn."""
    wanted = frozenset(needed)
    for models in by_test(jobs):
        aims = offered(models[0], "aims")
        if aims is None:
            continue
        start = max(job.first + len(job.seeds) for job in models)
        for index in range(start, start + SEARCHED):
            job = further(models[index % len(models)], index, master)
            found = wanted & frozenset(aims(job.config, index, job.seeds[0]))
            if found:
                yield Planned(job, found)


def by_test(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """For each test the last job of every configuration, on the simulator that most of its jobs use."""
    tests: dict[str, list[Job]] = {}
    for job in jobs:
        tests.setdefault(job.test, []).append(job)
    for mine in tests.values():
        simulators = [job.simulator for job in mine]
        usual = max(sorted(set(simulators)), key=simulators.count)
        chosen = sorted((job for job in mine if job.simulator == usual), key=lambda job: job.first)
        yield list({job.config: replace(job, trace=False) for job in chosen}.values())
