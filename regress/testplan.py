"""Reads testplan/*.toml: what is tested, why, and in which suites. The format is in testplan/README.md."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from compiler.errors import AssayError
from regress.simulators.cache import ROOT
from rtl.variants import homes

SUITES = ("smoke", "ci", "nightly")
NO_SIMULATOR = "none"


class PlanError(AssayError):
    """A testplan file that breaks a rule."""


@dataclass(frozen=True)
class Schedule:
    """When and on what a test runs: every suite x config x simulator named here. apart: jobs that a network is cut
    into, 0 for one."""

    suites: tuple[str, ...]
    configs: tuple[str, ...] = ("",)
    simulators: tuple[str, ...] = (NO_SIMULATOR,)
    items: int = 1
    chunk: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    coverage: bool = False
    timeout_seconds: float = 600.0
    apart: int = 0

    def __post_init__(self) -> None:
        unknown = set(self.suites) - set(SUITES)
        if unknown or not self.suites:
            raise PlanError(f"suites are {self.suites}, must be among {', '.join(SUITES)}")
        if self.items < 1 or self.chunk < 0:
            raise PlanError(f"items is {self.items} and chunk {self.chunk}, must be at least 1 and 0")
        if self.apart < 0 or self.apart == 1:
            raise PlanError(f"apart is {self.apart}, must be at least 2, or 0 for one job")
        if self.apart and self.items > 1:
            raise PlanError(f"items is {self.items}, must be 1 where a network is cut apart")


@dataclass(frozen=True)
class Test:
    """One entry: goal, stimulus and check in a line each, and the function that does it."""

    name: str
    goal: str
    stimulus: str
    check: str
    function: str
    variants: tuple[str, ...]
    runs: tuple[Schedule, ...]
    covers: tuple[str, ...] = ()

    __test__ = False  # for pytest: not a test class

    def __post_init__(self) -> None:
        if self.function.count(":") != 1:
            raise PlanError(f"function is {self.function!r}, must be 'module:name'", node=self.name)
        if not self.runs and self.function:
            raise PlanError("has no run", node=self.name)


@dataclass(frozen=True)
class Report:
    """A check over all results: called as a job is, with the run's folder as option `regression`."""

    name: str
    function: str
    suites: tuple[str, ...] = SUITES
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Known:
    """A failure that is known until a day: job and kind are globs on a job's name and on the kind of what is found,
    text is a part of what is told."""

    id: str
    job: str
    reason: str
    expires: date
    kind: str = "*"
    text: str = ""
    file: str = ""

    def __post_init__(self) -> None:
        if type(self.expires) is not date:
            raise PlanError(f"expires is {self.expires!r}, must be a date: 2027-01-31", node=self.id)
        if not self.reason:
            raise PlanError("has no reason", node=self.id)


@dataclass(frozen=True)
class Testplan:
    """All entries of all files."""

    tests: tuple[Test, ...]
    reports: tuple[Report, ...] = ()
    known: tuple[Known, ...] = ()

    __test__ = False  # for pytest: not a test class


def load_testplan(folder: Path = ROOT / "testplan") -> Testplan:
    """Read every file of the folder, and those of variants outside the tree. Raises PlanError naming file, entry and
    rule, and VariantError."""
    plans = [load_file(file, file.stem) for file in sorted(folder.glob("*.toml"))]
    plans += [load_file(home.testplan, name) for name, home in homes().items() if home.testplan]
    tests = tuple(test for plan in plans for test in plan.tests)
    names = [test.name for test in tests]
    for name in names:
        if names.count(name) > 1:
            raise PlanError("the name is used twice", file=str(folder), node=name)
    reports = tuple(report for plan in plans for report in plan.reports)
    return Testplan(tests, reports, tuple(known for plan in plans for known in plan.known))


def load_file(file: Path, subject: str) -> Testplan:
    """Read one file; subject: the variant that it speaks of, or any other word."""
    try:
        raw = tomllib.loads(file.read_text())
        tests = tuple(_test(entry, subject) for entry in raw.get("test", []))
        reports = tuple(_report(entry) for entry in raw.get("report", []))
        return Testplan(tests, reports, tuple(_known(entry, file.name) for entry in raw.get("known", [])))
    except tomllib.TOMLDecodeError as error:
        raise PlanError(str(error), file=str(file)) from None
    except PlanError as error:
        raise error.in_file(str(file)) from None


def _test(entry: dict[str, Any], subject: str) -> Test:
    name = str(entry.get("name", "?"))
    default = (subject,) if subject in homes() else ("",)
    try:
        runs = tuple(Schedule(**_tuples(run)) for run in entry.pop("run", []))
        return Test(**{"variants": default, **_tuples(entry)}, runs=runs)
    except TypeError as error:
        raise PlanError(_field_message(error), node=name) from None
    except PlanError as error:
        raise PlanError(error.rule, node=name) from None


def _report(entry: dict[str, Any]) -> Report:
    try:
        return Report(**_tuples(entry))
    except TypeError as error:
        raise PlanError(_field_message(error), node=str(entry.get("name", "?"))) from None


def _known(entry: dict[str, Any], file: str) -> Known:
    try:
        return Known(**entry, file=f"testplan/{file}")
    except TypeError as error:
        raise PlanError(_field_message(error), node=str(entry.get("id", "?"))) from None


def _tuples(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}


def _field_message(error: TypeError) -> str:
    """Python's own message, from "missing" or "got" on: it names the field."""
    return str(error).partition("__() ")[2] or str(error)
