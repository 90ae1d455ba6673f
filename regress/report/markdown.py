"""A regression in Markdown: summary.md, and the summary page of a CI that has one (GITHUB_STEP_SUMMARY)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from regress.job import Result, Verdict
from regress.report.networks import speed_line
from regress.simulators.files import write_whole

FILE = "summary.md"
PAGE = "GITHUB_STEP_SUMMARY"
SHOWN = 50  # jobs that did not pass
COLUMNS = (Verdict.PASS, Verdict.FAIL, Verdict.KNOWN, Verdict.SKIP)


def write_markdown(folder: Path, facts: Mapping[str, Any], results: Sequence[Result]) -> None:
    """Write summary.md, and add it to the summary page if there is one."""
    text = "\n".join(lines(facts, results)) + "\n"
    write_whole(folder / FILE, text)
    page = os.environ.get(PAGE)
    if page:
        with Path(page).open("a") as file:
            file.write(text)


def lines(facts: Mapping[str, Any], results: Sequence[Result]) -> Iterator[str]:
    """The whole page."""
    bad = [result for result in results if result.bad]
    verdict = f"{len(bad)} of {len(results)} jobs did not pass" if bad else f"all {len(results)} jobs passed"
    yield f"## assay: {verdict}"
    yield f"suite {facts['suite']}, seed {facts['seed']}, {facts['wall_seconds']:,.0f} s"
    yield ""
    yield from tests(results)
    yield from groups(facts["groups"])
    yield from others(bad)
    networks = [
        f"- {cell(result.name)}: {speed_line(result.details)}"
        for result in results
        if "fps" in result.details
    ]
    yield from ["", "### Networks", *networks] if networks else []


def tests(results: Sequence[Result]) -> Iterator[str]:
    """A row for each test."""
    yield f"| test | {' | '.join(COLUMNS)} | other | seconds |"
    yield f"| --- |{' ---: |' * (len(COLUMNS) + 2)}"
    for test in dict.fromkeys(result.name.partition("/")[0] for result in results):
        mine = [result for result in results if result.name.partition("/")[0] == test]
        counts = [sum(result.verdict is verdict for result in mine) for verdict in COLUMNS]
        cells = [*counts, len(mine) - sum(counts), f"{sum(result.seconds for result in mine):,.0f}"]
        yield f"| {cell(test)} | {' | '.join(map(str, cells))} |"


def groups(listed: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each group, closed, with the line that repeats it."""
    for number, group in enumerate(listed, 1):
        yield ""
        told = f"{html(group['name'])}, {len(group['jobs'])} jobs, {group['again']['ending']}"
        yield f"<details><summary>group {number}: {told}</summary>"
        yield ""
        yield from ("```", group["first"]["text"], group["repeat"], "```")
        yield "</details>"


def others(bad: Sequence[Result]) -> Iterator[str]:
    """What did not pass, a line each."""
    if bad:
        yield from ("", "### Not passed")
    yield from (f"- {cell(result.name)}: {result.verdict}: {cell(result.message)}" for result in bad[:SHOWN])
    if len(bad) > SHOWN:
        yield f"- and {len(bad) - SHOWN} more"


def cell(text: str) -> str:
    """As it can stand in a line or in a table."""
    return html(text).replace("|", "\\|").replace("\n", " ")


def html(text: str) -> str:
    """Without what would be taken for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
