"""What a cluster must have, what is sent there, and how much at a time."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
from distributed import Client, LocalCluster
from rich.console import Console

from compiler.errors import BadData
from regress import endings
from regress.farm import connection, shared
from regress.farm.attempt import Attempt, worker_environment
from regress.farm.choice import Choice, opened
from regress.farm.handover import sent_environment, settle
from regress.farm.place import Ended, FarmError
from regress.farm.slots import Slots
from regress.simulators.cache import ROOT, locked
from regress.tests.test_runner import job
from regress.tests.waiting import wait_until

SEEN = shared.Seen("token", False, str(ROOT), "here")
CONSOLE = Console(file=io.StringIO(), width=200)


@pytest.fixture
def client() -> Iterator[Client]:
    """Of a cluster inside this process."""
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        (SEEN, ""),
        (replace(SEEN, token="other"), "here does not see what is written to"),
        (replace(SEEN, tree="/elsewhere"), "runs the code of /elsewhere on here"),
        (replace(SEEN, lockable=True), "the file system must keep flock()"),
        (ModuleNotFoundError("regress"), "(ModuleNotFoundError: regress)"),
    ],
)
def test_what_a_worker_does_not_see_is_told(
    tmp_path: Path, seen: shared.Seen | BaseException, message: str
) -> None:
    told = shared.told(seen, "token", tmp_path)
    assert message in told and bool(message) == bool(told)


def test_a_worker_looks_at_file_and_lock(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with locked(file):
        file.write_text("token")
        assert not shared.look(str(file)).lockable
    assert shared.look(str(file)).lockable
    assert shared.look(str(file)).token == "token"
    assert shared.look(str(tmp_path / "other")).token == ""


def test_a_cluster_that_shares_no_files_is_refused(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.check_shared(client, tmp_path)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(shared, "look", lambda file: SEEN)
    with pytest.raises(FarmError, match=r"worker inproc://.*: here does not see"):
        shared.check_shared(client, tmp_path)


def test_a_scheduler_that_is_not_there_is_the_machine_s_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.3)

    def connect() -> None:
        with opened(Choice(scheduler="tcp://127.0.0.1:1"), tmp_path / "runs", CONSOLE):
            pytest.fail("there is no scheduler")

    assert endings.guarded(connect) == 3
    told = capfd.readouterr().err
    assert told.startswith("assay: the scheduler tcp://127.0.0.1:1 cannot be reached: ")
    assert told.count("\n") == 1 and not (tmp_path / "runs").exists()


def test_a_scheduler_without_workers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.3)
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster,
        pytest.raises(FarmError, match="has no worker"),
        opened(Choice(scheduler=cluster.scheduler_address), tmp_path, CONSOLE),
    ):
        pytest.fail("there is no worker")


@pytest.mark.parametrize(
    ("choice", "message"),
    [(("tcp://a:1", "lsf"), "not both"), (("", "pbs"), "must be slurm or lsf")],
)
def test_a_wrong_choice_is_bad_input(choice: tuple[str, str], message: str) -> None:
    with pytest.raises(BadData, match=message):
        Choice(0, *choice)


def test_dask_is_imported_only_when_it_is_asked_for() -> None:
    code = "import sys, regress.cli, regress.regression; sys.exit('distributed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_job_on_a_worker_has_the_variables_of_who_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ASSAY_MODELS", "ASSAY_VARIANTS", "OTHER_NEED"):
        monkeypatch.setenv(name, f"client's {name}")
    sent = sent_environment(job(needs=("OTHER_NEED",)), tmp_path)
    monkeypatch.setenv("ASSAY_VARIANTS", "worker's")
    monkeypatch.setenv("ASSAY_KEEP_RUNS", "worker's")
    monkeypatch.setenv("PATH", "worker's")
    got = worker_environment(sent)
    names = ("ASSAY_MODELS", "ASSAY_VARIANTS", "OTHER_NEED")
    assert [got[name] for name in names] == [f"client's {name}" for name in names]
    assert (got["ASSAY_CACHE"], got["PATH"]) == (str(tmp_path), "worker's")
    assert "ASSAY_KEEP_RUNS" not in got


def test_only_the_attempt_that_ended_is_left(tmp_path: Path) -> None:
    lost, done, folder = tmp_path / "a.b~1", tmp_path / "a.b~2", tmp_path / "a.b"
    for place in (lost, done, tmp_path / "a.bc~3"):
        place.mkdir()
        (place / "result.json").write_text(f'{{"log": "{place}/log"}}')
    ended = settle(Attempt(Ended(0, 1.0, details={"worker": "w"}), str(done)), folder)
    assert ended.details == {"worker": "w", "attempts": 2}
    assert (folder / "result.json").read_text() == f'{{"log": "{folder}/log"}}'
    assert sorted(place.name for place in tmp_path.iterdir()) == ["a.b", "a.bc~3"]


def held(slots: Slots, number: int, stop: Event) -> list[int]:
    """A list to which each of so many threads adds itself once it has a slot, until `stop`."""
    inside: list[int] = []

    def hold(thread: int) -> None:
        with slots.held(stop):
            inside.append(thread)
            stop.wait(60)

    for thread in range(number):
        Thread(target=hold, args=(thread,)).start()
    return inside


@pytest.mark.parametrize(("most", "expected"), [(0, [2, 5]), (3, [2, 3])])
def test_as_many_jobs_as_threads_also_when_there_are_more(most: int, expected: list[int]) -> None:
    slots, stop = Slots(most), Event()
    slots.resize(2)
    inside = held(slots, 6, stop)
    for size, count in zip((2, 5), expected, strict=True):
        slots.resize(size)
        wait_until(lambda count=count: len(inside) == count, "slots are not taken")  # type: ignore[misc]
        stop.wait(0.1)
        assert len(inside) == count
    stop.set()
    wait_until(lambda: len(inside) == 6, "stop does not end the waiting")
