"""What `assay list` prints."""

from __future__ import annotations

from collections.abc import Iterator

from rich.markup import escape

from compiler.networks import names, network
from regress.job import Job
from regress.plan import Selection, plan_jobs, reason_to_skip
from regress.simulators import find
from regress.testplan import SUITES, PlanError, load_testplan
from rtl.variants import homes, part


def listing() -> str:
    """Accelerators, networks, simulators and tests, one a line."""
    return "\n".join([*_variants(), *_networks(), *_simulators(), *_tests()])


def _variants() -> Iterator[str]:
    yield "[bold]accelerators[/]"
    for name, home in homes().items():
        place = f" ({escape(str(home.folder))})" if home.outside else ""
        yield f"  {name}: {', '.join(configs(name))}{place}"


def configs(variant: str) -> list[str]:
    """The configurations that a variant's plain-data module names."""
    return list(part(variant, "config").CONFIGS)


def _networks() -> Iterator[str]:
    yield "[bold]networks[/] (or a .tflite or .onnx file)"
    for name in names():
        missing = network(name).missing()
        yield f"  {name}{f' ({escape(missing)})' if missing else ''}"


def _simulators() -> Iterator[str]:
    yield "[bold]simulators[/]"
    for name in ("verilator", "icarus"):
        usable, reason = find(name).available()
        yield f"  {name}: {escape(find(name).version() if usable else reason)}"


def _tests() -> Iterator[str]:
    plan = load_testplan()
    yield "[bold]tests[/]"
    for test in plan.tests:
        suites = [suite for suite in SUITES if any(suite in run.suites for run in test.runs)]
        yield f"  {escape(test.name)} ({', '.join(suites)}): {escape(test.goal)}"


def job_lines(jobs: list[Job], seeds: bool) -> Iterator[str]:
    """One line a job, with its first seed if wanted, and why it would be skipped."""
    for job in jobs:
        reason = reason_to_skip(job)
        seed = f" seed {job.seeds[0]}" if seeds and job.seeds else ""
        yield f"{escape(job.name)}{seed}{f' (skipped: {escape(reason)})' if reason else ''}"


def selected(selection: Selection) -> list[Job]:
    """The jobs of a selection. Raises PlanError for a suite that does not exist."""
    if selection.suite not in SUITES:
        raise PlanError(f"suite is {selection.suite!r}, must be one of {', '.join(SUITES)}")
    return plan_jobs(load_testplan(), selection)
