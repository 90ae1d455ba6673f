"""A full disk: who met it is broken, all else is kept, nothing is half-written, and the exit code is 3.

/dev/full takes the place of a file that is written before it is renamed: the system itself says there is no room.
"""

from __future__ import annotations

import errno
import io
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from regress.execute import RESULT, perform
from regress.farm.place import Ended
from regress.history.store import Run, history_file, opened, record, runs
from regress.job import Job, Result, Verdict
from regress.memory import Memory
from regress.plan import Selection
from regress.reading import read_details
from regress.regression import Regression
from regress.report.results import write_results
from regress.runner import Runner
from regress.simulators.files import no_room, write_whole
from regress.testplan import Schedule, Test, Testplan
from regress.triage.rerun import Ending, Rerun

NO_ROOM = "No space left on device"
FILES = {"results.json", "junit.xml", "summary.md", "report.html"}


def full(file: Path) -> None:
    """From now on there is no room for this file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.with_name(f"{file.name}.part").symlink_to("/dev/full")


def job(name: str, function: str = "simulate", **options: Any) -> Job:
    """A job that calls one of the fake functions."""
    place = (f"regress.tests.fake_jobs:{function}", "systolic", "tiny", "fake", 0, (5,), 60.0)
    return Job(name, "t", *place, options=options)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", "before")
    full(tmp_path / "a")
    with pytest.raises(OSError, match=NO_ROOM):
        write_whole(tmp_path / "a", "after")
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "before"


def test_a_job_that_cannot_write_is_broken(tmp_path: Path) -> None:
    details = perform(job("a", "fill_disk"), tmp_path)
    assert (details["verdict"], details["message"]) == (Verdict.BROKEN, f"OSError: [Errno 28] {NO_ROOM}")


def test_a_failure_on_a_full_disk_is_none_of_the_design(tmp_path: Path) -> None:
    assert perform(job("a", verdict="fail"), tmp_path)["verdict"] is Verdict.FAIL
    (tmp_path / "room.part").symlink_to("/dev/full")
    assert no_room(tmp_path) == f"{NO_ROOM}: {tmp_path}"
    (tmp_path / "room.part").symlink_to("/dev/full")
    details = perform(job("a", verdict="fail"), tmp_path)
    assert details["verdict"] is Verdict.BROKEN
    assert details["message"] == f"{NO_ROOM}: {tmp_path}; check: expected 1, got 0"


@pytest.mark.parametrize(("status", "told"), [(1, "ended with status 1"), (None, "did not end in time")])
def test_no_result_on_a_full_disk_is_told_so(tmp_path: Path, status: int | None, told: str) -> None:
    (tmp_path / "room.part").symlink_to("/dev/full")
    details = read_details(job("a"), tmp_path, Ended(status, 1.0))
    assert details["verdict"] is Verdict.BROKEN
    assert details["message"] == f"{told} and left no result; {NO_ROOM}: {tmp_path}"


def test_a_job_without_room_for_its_result(tmp_path: Path) -> None:
    """The job's process meets the full disk when it writes its result, the runner when it writes down another's."""
    first, second, third = Runner(tmp_path, 2, lambda one: "again").run(
        [job("a", "leave_no_room"), job("b", "leave_no_room_behind"), job("c")], lambda result: None
    )
    assert first.verdict is second.verdict is Verdict.BROKEN
    assert NO_ROOM in first.message and NO_ROOM in second.message
    assert third.verdict is Verdict.PASS
    assert json.loads((tmp_path / "jobs/c" / RESULT).read_text())["verdict"] == "pass"
    assert not list(tmp_path.rglob("*.part"))


def test_a_pass_that_cannot_be_remembered_is_one_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ASSAY_CACHE", "/dev/full/cache")
    (result,) = Runner(tmp_path, 1, lambda one: "", memory=Memory("x")).run([job("a")], lambda result: None)
    assert result.verdict is Verdict.PASS
    assert "a cannot be remembered" in capsys.readouterr().err


def regression(folder: Path, verdict: str = "pass") -> Regression:
    """A regression of one fake run."""
    schedules = (Schedule(("ci",), ("a",), ("fake",), options={"verdict": verdict}),)
    plan = Testplan((Test("t", "g", "s", "c", "regress.tests.fake_jobs:simulate", ("systolic",), schedules),))
    return Regression(plan, Selection("ci", fresh=True), 1, folder, Console(file=io.StringIO(), width=200))


def conclude(one: Regression, verdict: Verdict) -> tuple[int, str]:
    """Exit code and what is printed of a regression whose only job has ended so."""
    one.folder.mkdir()
    code = one.conclude(
        [Result("t/a", verdict, "x", 1.0)], 0.0, "", lambda groups: [Rerun(Ending.NOT_RUN)] * len(groups)
    )
    assert isinstance(one.console.file, io.StringIO)
    return code, one.console.file.getvalue()


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_file_of_the_run_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    def write_text(path: Path, text: str, **changes: Any) -> int:
        return real(Path("/dev/full") if path.name == f"{file}.part" else path, text, **changes)

    real = Path.write_text
    monkeypatch.setattr(Path, "write_text", write_text)
    code, printed = conclude(regression(tmp_path / "run"), Verdict.PASS)
    assert code == 3 and printed.count(f"{file} cannot be written: OSError: [Errno 28] {NO_ROOM}") == 1
    assert {each.name for each in (tmp_path / "run").iterdir()} == FILES - {file}
    with opened() as base:
        assert len(runs(base)) == 1


def test_a_file_that_is_written_at_last_is_not_lost(tmp_path: Path) -> None:
    one = regression(tmp_path / "run")
    full(tmp_path / "run/results.json")
    assert not one.attempt("results.json", lambda: write_results(one.folder, {}, []))
    assert one.attempt("results.json", lambda: write_results(one.folder, {}, [])) and not one.lost


def test_a_failing_design_counts_more_than_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "write_text", no_disk)
    assert conclude(regression(tmp_path / "run"), Verdict.FAIL)[0] == 1
    assert list((tmp_path / "run").iterdir()) == []


def no_disk(*_: object, **__: object) -> int:
    """In place of Path.write_text."""
    raise OSError(errno.ENOSPC, NO_ROOM)


def test_a_history_without_room(tmp_path: Path) -> None:
    before = Run("before", 0.0, "ci", 1, True, "", 1.0, 0)
    record(before, [])
    many = [Result(f"job {number}", Verdict.PASS, "x" * 500, 1.0) for number in range(100)]
    with largest_file(history_file().stat().st_size), pytest.raises(OSError, match=NO_ROOM):
        record(replace(before, name="after"), many)
    with opened() as base:
        assert runs(base) == [before]


def test_a_run_whose_history_has_no_room(tmp_path: Path) -> None:
    with opened():
        pass
    one = regression(tmp_path / "run")
    one.folder.mkdir()
    results = [Result("t/a", Verdict.PASS, "x" * 100_000, 1.0)]
    with largest_file(history_file().stat().st_size):
        assert one.remember(results, 0.0, "") == 3
    assert isinstance(one.console.file, io.StringIO) and NO_ROOM in one.console.file.getvalue()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
