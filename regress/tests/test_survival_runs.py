"""Regressions side by side in one tree, and one that is killed in its middle: nothing finished is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from regress.history.store import entries, opened, runs
from regress.job import Job, Verdict, exit_code
from regress.runner import Runner
from regress.simulators.cache import ROOT, cache_root
from regress.simulators.seal import damage

PASSED = "simulate.systolic.tiny.fake"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))


def start(folder: Path, *functions: str) -> subprocess.Popen[bytes]:
    """A regression of fake jobs, begun."""
    command = [sys.executable, "-m", "regress.tests.survival_run", str(folder), *functions]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True)


def wait_for(happened: Callable[[], Any], seconds: float = 60.0) -> None:
    """Return once something has happened."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)


def verdicts(folder: Path) -> dict[str, str]:
    """Of each job, from results.json."""
    raw = json.loads((folder / "results.json").read_text())
    return {result["name"].partition("/")[0]: result["verdict"] for result in raw["results"]}


def remembered() -> list[Path]:
    """What the cache has of jobs that passed."""
    base = cache_root() / "passed"
    return [each for each in base.iterdir() if each.is_dir()] if base.is_dir() else []


def test_two_regressions_at_once_in_one_tree(tmp_path: Path) -> None:
    folders = [tmp_path / "runs" / name for name in ("first", "second")]
    processes = [start(folder, "build_once", "simulate") for folder in folders]
    assert [process.wait(60) for process in processes] == [0, 0]
    for folder in folders:
        assert verdicts(folder) == {"build_once": "pass", "simulate": "pass"}
    assert (tmp_path / "runs/latest").resolve() in folders
    assert (cache_root() / "built").read_text() == "once\n"
    assert len(remembered()) == 2 and not any(map(damage, remembered()))
    with opened() as base:
        assert sorted(run.name for run in runs(base)) == ["first", "second"]
        assert all(len(entries(base, run.name)) == 2 for run in runs(base))
    left = {each.name for each in (tmp_path / "runs").iterdir()}
    assert left == {"first", "second", "latest"}


def test_a_runner_that_is_killed_loses_nothing_that_finished(tmp_path: Path) -> None:
    first, second = tmp_path / "runs/first", tmp_path / "runs/second"
    process = start(first, "simulate", "linger")
    lingering = first / "jobs/linger.systolic.tiny.fake/process"
    wait_for(lambda: remembered() and lingering.exists() and lingering.read_text())
    process.kill()
    process.wait(60)
    assert json.loads((first / "jobs" / PASSED / "result.json").read_text())["verdict"] == "pass"
    wait_for(lambda: not alive(int(lingering.read_text())))
    assert start(second, "simulate").wait(60) == 0
    known = json.loads((second / "jobs" / PASSED / "result.json").read_text())
    assert (known["verdict"], known["message"]) == ("pass", "unchanged since it passed in first")


def alive(process: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_job_that_is_killed_from_outside(tmp_path: Path, number: signal.Signals) -> None:
    names = ("linger", "simulate")
    jobs = [
        Job(name, "t", f"regress.tests.fake_jobs:{name}", "systolic", "tiny", "fake", 0, (5,), 60.0)
        for name in names
    ]
    victim = tmp_path / "jobs/linger/process"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(Runner(tmp_path, 2, lambda job: "again").run, jobs, lambda result: None)
        wait_for(lambda: victim.exists() and victim.read_text())
        os.kill(int(victim.read_text()), number)
        killed, other = running.result(60)
    assert (killed.verdict, other.verdict) == (Verdict.BROKEN, Verdict.PASS)
    assert exit_code([killed, other]) == 3
    assert f"(signal {int(number)}, {number.name})" in killed.message and killed.repeat == "again"
    assert ("maybe out of memory" in killed.message) == (number is signal.SIGKILL)
    assert not alive(int((tmp_path / "jobs/linger/started").read_text()))
