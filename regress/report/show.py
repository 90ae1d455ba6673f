"""A regression on the terminal: a bar while it runs, a line for what did not pass, a table at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from regress.job import Result, Verdict
from regress.runner import Progress as Report

COLOURS = {Verdict.PASS: "green", Verdict.SKIP: "yellow", Verdict.KNOWN: "yellow", Verdict.STOPPED: "yellow"}


def coloured(verdict: Verdict) -> str:
    """A verdict in its colour."""
    return f"[{COLOURS.get(verdict, 'red')}]{verdict}[/]"


@contextmanager
def progress_bar(console: Console, total: int) -> Iterator[Report]:
    """A function to call with each result: moves the bar and prints the result's line."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("running", total=total)

        def report(result: Result) -> None:
            console.print(line(result), soft_wrap=True, highlight=False)
            bar.advance(task)

        yield report


def line(result: Result) -> str:
    """Verdict, name, time; for what did not pass also why, and how to repeat it."""
    text = f"{coloured(result.verdict)} {escape(result.name)} ({result.seconds:.1f} s)"
    if result.message:
        text += f": {escape(result.message)}"
    if result.bad and result.repeat:
        text += f"\n    log: {escape(result.folder)}/output.log\n    repeat with: {escape(result.repeat)}"
    return text


def summary(results: Sequence[Result]) -> Table:
    """How many of each test passed, failed and were skipped, and the time they took."""
    table = Table("test", "pass", "skip", "known", "other", "seconds", title="regression")
    for test in dict.fromkeys(result.name.partition("/")[0] for result in results):
        table.add_row(test, *numbers([result for result in results if result.name.partition("/")[0] == test]))
    return table


def numbers(results: Sequence[Result]) -> tuple[str, ...]:
    """The figures of one row."""
    passed = sum(result.verdict is Verdict.PASS for result in results)
    skipped, known = (
        sum(result.verdict is verdict for result in results) for verdict in (Verdict.SKIP, Verdict.KNOWN)
    )
    seconds = f"{sum(result.seconds for result in results):.1f}"
    return str(passed), str(skipped), str(known), str(len(results) - passed - skipped - known), seconds
