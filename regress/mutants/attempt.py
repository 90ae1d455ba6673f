"""The suite on one changed tree, until something fails: `python -m regress.mutants.attempt SUITE SEED ANSWER [JOB]`.

Runs in the root of the tree, which is a copy, JOB first. Jobs that cannot see the change are remembered, not run. The
answer is a JSON file: which job failed, by what, or that none did.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regress.job import Job, Result
from regress.memory import Memory
from regress.plan import Selection, plan_jobs
from regress.runner import Runner
from regress.simulators.cache import ROOT
from regress.testplan import load_testplan
from regress.triage.signature import failures
from tb.finding import to_plain

FOLDER = "build/attempt"
# What takes little time and sees much comes first: most changes need nothing else.
FIRST = ("contract", "random_networks", "random_layers")
LAST = "icarus"


def attempt(suite: str, seed: int, folder: Path, first: str = "") -> dict[str, Any]:
    """The first failure of the suite's jobs, one after the other; {} if all pass. first: the name of the one to begin
    with."""
    jobs = sorted(plan_jobs(load_testplan(), Selection(suite, seed=seed)), key=order)
    jobs.sort(key=lambda job: job.name != first)
    for number, job in enumerate(jobs):
        runner = Runner(folder / str(number), 1, lambda one: one.name, memory=Memory("attempt"))
        (result,) = runner.run([job], lambda done: None)
        if result.bad:
            return failure(result)
    return {}


def order(job: Job) -> tuple[bool, int, str]:
    """Verilator before Icarus, which is slow where it has much to do; then as FIRST says."""
    place = next((number for number, name in enumerate(FIRST) if job.test.startswith(name)), len(FIRST))
    return job.simulator == LAST and job.test != "random_networks", place, job.name


def failure(result: Result) -> dict[str, Any]:
    """As the answer has it."""
    found: Sequence[Mapping[str, Any]] = [to_plain(each.finding) for each in failures(result)]
    return {
        "job": result.name,
        "verdict": str(result.verdict),
        "seconds": result.seconds,
        "finding": found[0],
    }


def main() -> None:
    """Entry point."""
    suite, seed, answer, *first = sys.argv[1:]
    found = attempt(suite, int(seed), ROOT / FOLDER, *first)
    Path(answer).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
