"""Networks cut into jobs of some layers each (`apart` in a testplan), and the job that gives the whole's verdict."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regress.job import Job, Result, job_from
from regress.testplan import NO_SIMULATOR

SHARE, PARTS = "share", "parts"  # options: of a part, of the job over all parts
PART = re.compile(r"(.+)/part\d+of\d+")


def part_name(whole: str, number: int, parts: int) -> str:
    """Of a part, counted from 1."""
    return f"{whole}/part{number}of{parts}"


def whole_name(name: str) -> str:
    """The name of the whole that a job is part of; '' if it is none."""
    found = PART.fullmatch(name)
    return found[1] if found else ""


def is_whole(result: Result) -> bool:
    """Whether it tells of parts, which tell of themselves too."""
    return PARTS in result.job.get("options", {})


def joining_jobs(results: Sequence[Result], folder: Path) -> list[Job]:
    """A job for each network all parts of which have run, and which has no verdict yet; folder: of the run."""
    groups: dict[str, list[Job]] = defaultdict(list)
    for result in results:
        whole = whole_name(result.name)
        if whole and SHARE in result.job.get("options", {}):
            groups[whole].append(job_from(result.job))
    done = {result.name for result in results}
    complete = {name: parts for name, parts in groups.items() if len(parts) == parts[0].options[SHARE][1]}
    return [joining_job(name, parts, folder) for name, parts in complete.items() if name not in done]


def joining_job(name: str, parts: Sequence[Job], folder: Path) -> Job:
    """Gives the verdict over all parts, as a report gives it over all results."""
    first = parts[0]
    options: dict[str, Any] = {"regression": str(folder), PARTS: sorted(part.name for part in parts)}
    return Job(
        name, first.test, "regress.report.parts:report", first.variant, first.config, NO_SIMULATOR, first.first,
        first.seeds, 300.0, options,
    )  # fmt: skip
