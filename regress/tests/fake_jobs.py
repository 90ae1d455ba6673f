"""Functions for the runner's tests: what a job's function may do, on the fake simulator."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from compiler.errors import UnsupportedOperator
from regress.simulators import Build, Run, find


def simulate(
    *, simulator: str, seeds: tuple[int, ...], folder: Path, verdict: str = "pass", **_: object
) -> dict[str, Any]:
    """One run on the fake simulator that ends as `verdict` says."""
    tool = find(simulator)
    built = tool.build(Build((), "top", build_dir=folder / "model"))
    order = {"FAKE_VERDICT": verdict}
    outcome = tool.run(Run(built, "top", "module", folder, seed=seeds[0], environment=order))
    cycles = seeds[0] % 1000
    result = "pass" if outcome.passed else "fail"
    return {"verdict": result, "checked": outcome.tests, "failures": outcome.failures, "cycles": cycles}


def refuse(**_: object) -> dict[str, Any]:
    """Bad input."""
    raise UnsupportedOperator("is not run here", file="x.tflite", node="n", operator="LSTM")


def nothing(**_: object) -> dict[str, Any]:
    """Claims to pass and has compared nothing."""
    return {"verdict": "pass", "checked": 0}


def die(**_: object) -> dict[str, Any]:
    """Ends the process without a result."""
    os._exit(9)


def sleep(*, folder: Path, **_: object) -> dict[str, Any]:
    """Takes for ever, and says so first."""
    (folder / "started").touch()
    time.sleep(600)
    return {"verdict": "pass", "checked": 1}
