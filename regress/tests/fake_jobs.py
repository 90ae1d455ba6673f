"""Functions for the runner's tests: what a job's function may do, on the fake simulator."""

from __future__ import annotations

import atexit
import os
import signal
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
    (folder / "started.part").write_text(str(os.getpid()))
    (folder / "started.part").rename(folder / "started")
    time.sleep(600)
    return {"verdict": "pass", "checked": 1}


def wait_first(*, folder: Path, mark: str, **_: object) -> dict[str, Any]:
    """Passes, but for the first time: then it takes for ever, and tells in the file `mark` its parent, itself and a
    process that it has started."""
    if Path(mark).exists():
        return {"verdict": "pass", "checked": 1, "cycles": 7, "log": str(folder / "run.log")}
    child = subprocess.Popen(["sleep", "600"])
    scratch = Path(f"{mark}.part")
    scratch.write_text(f"{os.getppid()} {os.getpid()} {child.pid}")
    scratch.rename(mark)
    time.sleep(600)
    return {"verdict": "fail"}


def kill_worker(**_: object) -> dict[str, Any]:
    """Kills the process that started it."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
    return {"verdict": "fail"}


def tell_environment(*, name: str, **_: object) -> dict[str, Any]:
    """What an environment variable says."""
    return {"verdict": "pass", "checked": 1, "value": os.environ.get(name)}


def part(*, share: tuple[int, int], wrong: int = 0, lost: str = "", **_: object) -> dict[str, Any]:
    """Some of four layers, of 100 cycles each. wrong: the part that fails; lost: a layer that no part runs."""
    whole = [f"layer{number}" for number in range(4)]
    mine = [name for name in whole[share[0] - 1 :: share[1]] if name != lost]
    figures: dict[str, Any] = {
        "cycles": 100,
        "compute_cycles": 100,
        "stalls": {"read": 0, "write": 0, "dependency": 0},
        "bytes_read": 6,
        "bytes_written": 4,
        "macs": 50,
        "macs_skipped": 0,
        "equal": True,
    }
    return {
        "verdict": "pass",
        "failures": ["layer0 is wrong"] if share[0] == wrong else [],
        "whole": whole,
        "part_layers": [{"name": name, **figures} for name in mine],
        "cycles": 100 * len(mine),
        "checked": 8,
        "tensors": 1,
        "program_bytes": 3,
        "images": 1,
        "stimulus": "abc",
        "network": "net",
        "settings": {},
    }
