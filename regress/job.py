"""Frozen job in, result out: what the runner hands to a process and what it gets back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Verdict(StrEnum):
    """How a job ended."""

    PASS = "pass"
    FAIL = "fail"  # the design is wrong
    KNOWN = "known failure"  # the testplan says so, until a day
    SKIP = "skip"  # something optional is not here
    BAD_INPUT = "bad input"  # what the user gave breaks a rule
    BROKEN = "broken"  # tools, disk, memory: says nothing about the design
    STOPPED = "stopped"  # Ctrl-C


COVERAGE = "coverage_files"  # of a result's details: files of code coverage, in the job's folder
EXIT_CODES = {Verdict.FAIL: 1, Verdict.BAD_INPUT: 2, Verdict.BROKEN: 3}


def job_folder(run: Path, name: str) -> Path:
    """Where a job of a run leaves its files."""
    return run / "jobs" / name.replace("/", ".")


@dataclass(frozen=True)
class Job:
    """One process of a regression: `function` ("module:name") called for one variant, config and simulator.

    `seeds` has one seed for each item that the function draws, items first, first + 1, ...
    """

    name: str
    test: str
    function: str
    variant: str
    config: str
    simulator: str
    first: int
    seeds: tuple[int, ...]
    timeout_seconds: float
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    coverage: bool = False
    trace: bool = False

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1))


def load_job(path: Path) -> Job:
    """Read what Job.save wrote."""
    return job_from(json.loads(path.read_text()))


def job_from(raw: Mapping[str, Any]) -> Job:
    """A job from its fields as JSON has them."""
    return Job(**{**raw, "seeds": tuple(raw["seeds"]), "needs": tuple(raw["needs"])})


@dataclass(frozen=True)
class Result:
    """How a job ended. `details` is what its function returned; `repeat` the line that runs it again."""

    name: str
    verdict: Verdict
    message: str
    seconds: float
    folder: str = ""
    repeat: str = ""
    job: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def read(raw: Mapping[str, Any]) -> Result:
        """A result from its fields as JSON has them. Raises KeyError, TypeError and ValueError."""
        return Result(**{**raw, "verdict": Verdict(raw["verdict"])})

    @property
    def bad(self) -> bool:
        """True when it must make the regression fail."""
        return self.verdict not in (Verdict.PASS, Verdict.SKIP, Verdict.KNOWN)


def exit_code(results: list[Result]) -> int:
    """Of the whole regression: a failing design counts before anything else; 130 after Ctrl-C.

    Nothing passed, nothing failed: 3, for a regression that checked nothing must not look green.
    """
    verdicts = {result.verdict for result in results}
    if Verdict.STOPPED in verdicts:
        return 130
    codes = [EXIT_CODES[verdict] for verdict in verdicts if verdict in EXIT_CODES]
    if Verdict.FAIL in verdicts:
        return EXIT_CODES[Verdict.FAIL]
    ran = verdicts & {Verdict.PASS, Verdict.KNOWN}
    return max(codes, default=0 if ran else EXIT_CODES[Verdict.BROKEN])
