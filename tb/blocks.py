"""Tests of single blocks as a job of the regression: pytest in a process, its findings as those of any job."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from regress.simulators import SimulatorError
from tb.finding import Finding, Kind, told

ROOT = Path(__file__).parents[1]
REPORT, LOG = "blocks.xml", "blocks.log"
SIMULATOR = "ASSAY_BLOCKS_SIMULATOR"  # for rtl/lib/tests/models.py
CONVERSION = ("ConvertError", "TrapError", "LintError")


def run(
    *, variant: str, config: str, simulator: str, seeds: Sequence[int], folder: Path, tests: Sequence[str], **_: Any
) -> Mapping[str, Any]:  # fmt: skip
    """Regression job. tests: files, from the project's root; they bring their own stimulus, and replay it under the
    simulator alone. Raises SimulatorError when pytest itself breaks down."""
    del variant, config, seeds
    report = folder / REPORT
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        f"--junitxml={report}",
        *tests,
    ]
    with (folder / LOG).open("w") as log:
        environment = {**os.environ, SIMULATOR: simulator}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    status = done.returncode
    if status not in (0, 1) or not report.exists():
        raise SimulatorError(f"pytest ended with status {status}; see {folder / LOG}")
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    findings = list(found(cases))
    if status and not findings:
        raise SimulatorError(f"pytest failed and names no test; see {folder / LOG}")
    passed = [case for case in cases if not list(case)]
    return {"verdict": "fail" if findings else "pass", "checked": len(passed), **told(findings)}


def found(cases: Sequence[ElementTree.Element]) -> Iterator[Finding]:
    """One finding for each test that failed."""
    for case in cases:
        for problem in [*case.findall("failure"), *case.findall("error")]:
            message = " ".join(problem.get("message", "").split())
            name = f"{case.get('classname', '')}:{case.get('name', '')}"
            kind = Kind.BUILD if any(word in message for word in CONVERSION) else Kind.CHECK
            yield Finding(kind, f"{name}: {message}")
