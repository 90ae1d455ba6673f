"""Jobs on a Dask cluster of two workers, one of which is killed in the middle of a run."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from distributed import Client
from rich.console import Console

from regress.farm.choice import Choice, opened
from regress.farm.cluster import Cluster
from regress.farm.local import Local
from regress.farm.place import Place
from regress.job import Verdict, exit_code
from regress.plan import Selection
from regress.regression import Regression
from regress.runner import Runner
from regress.testplan import Schedule, Test, Testplan
from regress.tests.dask_cluster import Processes, exists, processes
from regress.tests.test_runner import INTERRUPTED, job
from regress.tests.waiting import wait_for, wait_until

JOBS = 3  # beside the one whose worker is killed
CONSOLE = Console(file=io.StringIO(), width=200)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Processes]:
    """A scheduler and two workers, which have another idea of real models than the client."""
    with processes(tmp_path, 2, ASSAY_MODELS="/of/the/worker") as running:
        yield running


def entry(name: str, config: str, function: str, items: int = 1, **options: Any) -> Test:
    """An entry of a testplan: jobs of one item each."""
    run = Schedule(("ci",), (config,), ("fake",), items=items, chunk=1, options=options)
    return Test(name, "g", "s", "c", f"regress.tests.fake_jobs:{function}", ("systolic",), (run,))


def regression(folder: Path, place: Place, workers: int, mark: Path) -> Regression:
    """One job that waits for ever the first time, and some that do not."""
    tests = (
        entry("waits", "small", "wait_first", mark=str(mark)),
        entry("many", "tiny", "simulate", items=JOBS),
    )
    return Regression(Testplan(tests), Selection("ci", fresh=True), workers, folder, CONSOLE, "", place)


def results(folder: Path) -> dict[str, dict[str, Any]]:
    """What results.json says of each job."""
    raw = json.loads((folder / "results.json").read_text())
    return {result["name"]: result for result in raw["results"]}


def told(folder: Path) -> dict[str, Any]:
    """What must not depend on where a job ran."""
    return {name: (each["verdict"], each["details"]["cycles"]) for name, each in results(folder).items()}


def test_what_dies_with_a_worker_runs_elsewhere_and_the_verdict_is_the_same(
    tmp_path: Path, cluster: Processes
) -> None:
    mark, folder = tmp_path / "mark", tmp_path / "run"
    choice = Choice(scheduler=cluster.address)
    with opened(choice, tmp_path, CONSOLE) as place, ThreadPoolExecutor(1) as pool:
        code: Future[int] = pool.submit(regression(folder, place, choice.threads, mark).run)
        wait_for(mark)
        worker, *started = map(int, mark.read_text().split())
        assert worker in {process.pid for process in cluster.running}
        os.kill(worker, signal.SIGKILL)
        assert code.result(120) == 0
        wait_until(lambda: not any(map(exists, started)), "what the dead worker had started still runs")
    found = results(folder)
    again = found["waits/systolic/small/fake"]
    assert (again["details"]["attempts"], len(found)) == (2, JOBS + 1)
    assert again["details"]["log"] == str(folder / "jobs/waits.systolic.small.fake/run.log")
    assert all("tcp://" in each["details"]["worker"] for each in found.values())
    assert not list((folder / "jobs").glob("*~*"))
    assert regression(tmp_path / "local", Local(), 1, mark).run() == 0
    assert told(folder) == told(tmp_path / "local")


def test_what_kills_its_workers_is_broken_and_says_nothing_of_the_design(
    tmp_path: Path, cluster: Processes
) -> None:
    with Client(cluster.address, set_as_default=False) as client:
        client.wait_for_workers(2)
        place = Cluster(client, 0, patience=1.0)
        runner = Runner(tmp_path, 2, lambda one: "", place=place)
        (killed,) = runner.run([job("kill_worker")], lambda result: None)
        (alone,) = runner.run([job()], lambda result: None)
        place.close()
    assert (killed.verdict, alone.verdict) == (Verdict.BROKEN, Verdict.BROKEN)
    assert killed.message.startswith("2 workers died while it ran, the last one tcp://")
    assert alone.message == "the cluster has had no worker for 1 s"
    assert exit_code([killed, alone]) == 3
    assert json.loads((tmp_path / "jobs/kill_worker.pass/result.json").read_text())["verdict"] == "broken"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_what_runs_on_workers_ends_with_the_one_who_asked(
    tmp_path: Path, cluster: Processes, ending: signal.Signals
) -> None:
    script, folder = tmp_path / "script.py", tmp_path / "run"
    place = (
        f"opened(Choice(scheduler={cluster.address!r}), Path({str(tmp_path)!r}), Console(file=io.StringIO()))"
    )
    text = INTERRUPTED.format(folder=str(folder)).replace("with nullcontext()", f"with {place}")
    script.write_text(f"from regress.farm.choice import Choice, opened\n{text}")
    process = subprocess.Popen([sys.executable, str(script)], cwd=Path(__file__).parents[2])
    wait_until(lambda: bool(list(folder.glob("jobs/*sleep*/started"))), "the job does not start")
    wait_for(folder / "jobs/t.systolic.pass.fake/result.json")
    (started,) = folder.glob("jobs/*sleep*/started")
    process.send_signal(ending)
    process.wait(60)
    wait_until(lambda: not exists(int(started.read_text())), "the job still runs")
    if ending == signal.SIGINT:
        assert process.returncode == 130
        assert sorted(each["verdict"] for each in results(folder).values()) == ["pass", "stopped"]
