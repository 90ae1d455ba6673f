"""Functions for the runner's tests: what a job's function may do, on the fake simulator."""

from __future__ import annotations

import atexit
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from compiler.errors import UnsupportedOperator
from regress.simulators import Build, Run, find
from regress.simulators.cache import cache_root, get_or_build


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


def icarus(*, folder: Path, order: str, limit: float | None = None, **_: object) -> dict[str, Any]:
    """One run on Icarus, which tests replace by a fake: `order` is what it does, in words of the shell."""
    tool = find("icarus")
    built = tool.build(Build((), "top", build_dir=folder / "model"))
    place = folder / "simulation"
    outcome = tool.run(
        Run(built, "top", "module", place, environment={"FAKE_VVP": order}, timeout_seconds=limit)
    )
    result = "pass" if outcome.passed else "fail"
    return {"verdict": result, "checked": outcome.tests, "failures": outcome.failures}


def write(*, order: str, folder: Path, **_: object) -> dict[str, Any]:
    """Leaves a result of its own making, in words of Python, and ends as if nothing were wrong."""
    (folder / "result.json").write_bytes(eval(order))
    os._exit(0)


def build_once(**_: object) -> dict[str, Any]:
    """Builds what the cache keeps, slowly enough that another one wants it meanwhile, and notes that it was built."""

    def make(scratch: Path) -> None:
        with (cache_root() / "built").open("a") as file:
            file.write("once\n")
        time.sleep(0.5)
        (scratch / "data").write_text("built")

    built = get_or_build(cache_root() / "entry", make) / "data"
    return {"verdict": "pass" if built.read_text() == "built" else "fail", "checked": 1}


def linger(*, folder: Path, **_: object) -> dict[str, Any]:
    """Takes for ever, after it has told the number of a process that it has started."""
    started = subprocess.Popen(["sleep", "600"])
    (folder / "started").write_text(str(started.pid))
    (folder / "process").write_text(str(os.getpid()))
    started.wait()
    return {"verdict": "pass", "checked": 1}


def fill_disk(**_: object) -> dict[str, Any]:
    """Meets a full disk."""
    with Path("/dev/full").open("w") as file:
        file.write("x")
    return {"verdict": "pass", "checked": 1}


def leave_no_room(*, folder: Path, **_: object) -> dict[str, Any]:
    """Passes, and then there is no room for its result."""
    (folder / "result.json.part").symlink_to("/dev/full")
    return {"verdict": "pass", "checked": 1}


def leave_no_room_behind(*, folder: Path, **_: object) -> dict[str, Any]:
    """Passes, and once its result is written there is no room for the runner's."""
    atexit.register(leave_no_room, folder=folder)
    return {"verdict": "pass", "checked": 1}


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
