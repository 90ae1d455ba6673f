"""A whole regression: plan, run, reports over all results, files and exit code."""

from __future__ import annotations

import json
import os
import shlex
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

from compiler.errors import BadData
from regress.console import print_lines
from regress.disk import prune
from regress.farm.choice import Choice, opened
from regress.farm.local import Local
from regress.farm.place import Place
from regress.history.show import against, run_named, source
from regress.history.show import told as told_against
from regress.history.store import Run, record
from regress.job import EXIT_CODES, Job, Result, Verdict, exit_code
from regress.listing import job_lines, selected
from regress.memory import Memory
from regress.parts import joining_jobs
from regress.plan import REPORT, Selection, plan_jobs, report_jobs
from regress.report.junit import write_junit
from regress.report.markdown import write_markdown
from regress.report.networks import network_lines
from regress.report.page import FILE as PAGE
from regress.report.page import write_page
from regress.report.results import FILE as RESULTS
from regress.report.results import read_run, write_results
from regress.report.show import progress_bar, summary
from regress.runner import Runner
from regress.simulators.cache import ROOT
from regress.simulators.logs import one_line
from regress.testplan import Testplan, load_testplan
from regress.triage.groups import Group, grouped
from regress.triage.known import gone, judged
from regress.triage.rerun import Ending, Rerun, rerun
from regress.triage.show import as_data, lines, wave_lines

JUNIT = "junit.xml"


@dataclass(frozen=True)
class Regression:
    """What to run, how many at a time, and where the results go; against: a run that this one must not be worse than,
    '' for none; place: where processes run; lost: its files that could not be written."""

    testplan: Testplan
    selection: Selection
    workers: int
    folder: Path
    console: Console
    against: str = ""
    place: Place = field(default_factory=Local)
    lost: set[str] = field(default_factory=set)

    def run(self) -> int:
        """Run everything, leave results.json and junit.xml, and add to the history; returns the exit code."""
        before = run_named(self.against) if self.against else ""  # not after hours of work
        jobs = plan_jobs(self.testplan, self.selection)
        prune(self.folder.parent)
        self.folder.mkdir(parents=True)
        point_at(self.folder)
        begin = time.monotonic()
        return self.conclude(self.perform(jobs), begin, before, lambda groups: rerun(groups, self.quietly))

    def conclude(
        self,
        results: list[Result],
        begin: float,
        before: str,
        again: Callable[[Sequence[Group]], list[Rerun]],
    ) -> int:
        """Reports, groups, files, lines and history; the exit code. again: what became of the first of each group."""
        self.write(results, begin)
        stopped = any(result.verdict is Verdict.STOPPED for result in results)
        if not stopped:
            results += self.perform(joining_jobs(results, self.folder))
            self.write(results, begin)
            results += self.perform(report_jobs(self.testplan, self.selection, self.folder))
        self.write(results, begin)
        groups = grouped(results)
        reruns = [Rerun(Ending.NOT_RUN)] * len(groups) if stopped else again(groups)
        facts = self.write(results, begin, as_data(groups, reruns, self.repeat))
        self.attempt("summary.md", lambda: write_markdown(self.folder, facts, results))
        self.show(results)
        told = (
            *lines(groups, reruns, self.repeat),
            *wave_lines(results),
            *gone(results, self.testplan.known),
        )
        self.tell(told)
        code = self.remember(results, begin, before)
        if self.attempt(PAGE, lambda: write_page(self.folder, facts, results)):
            self.tell([f"report: {os.path.relpath(self.folder / PAGE, ROOT)}"])
        return code or (EXIT_CODES[Verdict.BROKEN] if self.lost else 0)

    def attempt(self, what: str, write: Callable[[], object]) -> bool:
        """Whether a file of the run could be written; of one that cannot is told once, and all else goes on."""
        try:
            write()
        except Exception as error:
            if not isinstance(error, OSError):
                traceback.print_exc()
            if what not in self.lost:
                self.tell([f"{what} cannot be written: {one_line(f'{type(error).__name__}: {error}')}"])
            self.lost.add(what)
            return False
        self.lost.discard(what)
        return True

    def tell(self, told: Iterable[str]) -> None:
        """Print lines as they are."""
        print_lines(self.console, told)

    def remember(self, results: Sequence[Result], begin: float, before: str) -> int:
        """Add the run to the history and hold it against another one, if asked; the exit code of both."""
        code, seconds = exit_code(list(results)), time.monotonic() - begin
        run = Run(
            self.folder.name, time.time() - seconds, self.selection.suite, self.selection.seed, self.selection.whole,
            source(), seconds, code,
        )  # fmt: skip
        try:
            record(run, results)
            found = against(before, run.name) if before else []
        except BadData as error:
            self.tell([f"history: {error}"])
            return code or (EXIT_CODES[Verdict.BROKEN] if before else 0)
        except OSError as error:
            self.tell([f"history: {error}"])
            return code or EXIT_CODES[Verdict.BROKEN]
        if before:
            self.tell(told_against(before, found))
        return code or (EXIT_CODES[Verdict.FAIL] if found else 0)

    def perform(self, jobs: Sequence[Job]) -> list[Result]:
        """Run jobs with a progress bar."""
        with progress_bar(self.console, len(jobs)) as progress:
            return self.runner.run(jobs, progress)

    def quietly(self, jobs: Sequence[Job]) -> list[Result]:
        """Run jobs that are not part of the regression's verdict."""
        return self.runner.run(jobs, lambda result: None)

    @property
    def runner(self) -> Runner:
        """Of this regression's folder."""
        known, today = self.testplan.known, date.today()
        return Runner(
            self.folder,
            self.workers,
            lambda job: repeat_line(self.selection, job),
            lambda result: judged(result, known, today),
            None if self.selection.fresh else Memory(self.folder.name),
            self.place,
        )

    def repeat(self, job: Job, item: int | None) -> str:
        """The line that runs a job again, or one item of it, with waves."""
        return repeat_line(replace(self.selection, item=item, trace=True), job)

    def write(
        self, results: Sequence[Result], begin: float, groups: Sequence[Mapping[str, Any]] = ()
    ) -> dict[str, Any]:
        """Write both files; what finished before an interruption is in them. The facts of the run."""
        facts: dict[str, Any] = {"suite": self.selection.suite, "seed": self.selection.seed}
        facts |= {"pattern": self.selection.pattern, "shard": self.selection.shard}
        facts["wall_seconds"] = time.monotonic() - begin
        facts["groups"] = list(groups)
        self.attempt(RESULTS, lambda: write_results(self.folder, facts, results))
        self.attempt(JUNIT, lambda: write_junit(self.folder / JUNIT, self.selection.suite, results, groups))
        return facts

    def show(self, results: Sequence[Result]) -> None:
        """The table, how networks ran, and where to read on."""
        self.console.print(summary(results))
        self.tell(network_lines(results))
        place = os.path.relpath(self.folder, ROOT)
        same = sum("remembered" in result.details for result in results)
        if same:
            self.console.print(
                f"{same} of {len(results)} jobs not run again, for nothing they read has changed since they passed "
                "(FRESH=1 or --fresh runs them)",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
        self.console.print(f"seed {self.selection.seed}, results in {place}", highlight=False)


def repeat_line(selection: Selection, job: Job) -> str:
    """The command that runs one job again with the same seeds; a report needs the whole suite."""
    words = [".venv/bin/assay", "regress", "--suite", selection.suite, "--seed", str(selection.seed)]
    if job.name.startswith(REPORT):
        return shlex.join(words)
    words += ["--test", job.name, *([] if selection.item is None else ["--item", str(selection.item)])]
    return shlex.join([*words, *(["--waves"] if selection.trace else [])])


def new_folder(suite: str, shard: tuple[int, int] = (1, 1)) -> Path:
    """build/regress/<time>-<suite>-<process>, of shard i of n <time>-<suite>-<i>of<n>-<process>, which is not there
    yet."""
    part = f"{shard[0]}of{shard[1]}-" if shard[1] > 1 else ""
    return ROOT / "build" / "regress" / f"{time.strftime('%Y%m%d-%H%M%S')}-{suite}-{part}{os.getpid()}"


def point_at(folder: Path) -> None:
    """Make `latest` beside a run's folder lead to it."""
    link = folder.with_name(f"latest.{os.getpid()}")
    link.symlink_to(folder.name)
    link.rename(folder.with_name("latest"))


def failed_selection(waves: bool) -> Selection:
    """What did not pass in the last run. Raises BadData when there was none or when all passed."""
    folder = ROOT / "build" / "regress" / "latest"
    try:
        facts, results = read_run(folder)
    except (OSError, json.JSONDecodeError):
        raise BadData("--failed: there is no run before this one", file=str(folder)) from None
    names = [result.name for result in results if result.bad]
    tests = tuple(name for name in names if not name.startswith(REPORT))
    if not tests:
        raise BadData(f"--failed: no test failed in {folder.resolve().name}")
    return Selection(facts["suite"], seed=facts["seed"], trace=waves, names=tests)


def regress_suite(
    selection: Selection, choice: Choice, console: Console, list_only: bool, dry_run: bool, against: str = ""
) -> int:
    """Run a selection, or only list its jobs; returns the exit code."""
    jobs = selected(selection)
    if list_only or dry_run:
        console.print("\n".join(job_lines(jobs, dry_run)), soft_wrap=True, highlight=False)
        return 0
    folder = new_folder(selection.suite, selection.shard)
    with opened(choice, folder.parent, console) as place:
        return Regression(load_testplan(), selection, choice.threads, folder, console, against, place).run()
