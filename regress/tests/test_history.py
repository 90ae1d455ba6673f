"""The history: what is kept of a run, what is worse than it was, what is not steady."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from compiler.errors import BadData
from regress.history.compare import regressed, worse
from regress.history.flakes import flakes, slowest
from regress.history.show import against, history, told
from regress.history.store import Entry, Run, entries, find_run, history_file, opened, record, runs
from regress.job import Job, Result, Verdict

RUN = Run("20260101-ci-1", 1e9, "ci", 1, True, "abc", 60.0, 0)
ENTRY = Entry("a/b", "a", "systolic", "tiny", "icarus", "5,6", "pass", "", 10.0, 1000, 8.0, False)


def result(
    name: str = "a/b", verdict: Verdict = Verdict.PASS, seconds: float = 10.0, **details: Any
) -> Result:
    job = Job(name, "a", "m:f", "systolic", "tiny", "icarus", 0, (5, 6), 60.0)
    return Result(
        name, verdict, "", seconds, job=asdict(job), details={"cycles": 1000, "wall_seconds": 8.0, **details}
    )


def test_what_is_recorded_is_read() -> None:
    record(
        RUN,
        [result(), result("c", Verdict.FAIL, remembered="x"), Result("report/x", Verdict.PASS, "3/3", 1.0)],
    )
    with opened() as base:
        assert runs(base) == [RUN]
        first, second, report = entries(base, RUN.name)
    assert first == ENTRY and first.speed == 125.0
    assert second.verdict == "fail" and second.remembered
    assert report.cycles is report.speed is None


def test_runs_are_found_by_a_part_of_their_name() -> None:
    record(RUN, [])
    record(replace(RUN, name="20260102-ci-2"), [])
    with opened() as base:
        assert find_run(base, "0101").name == RUN.name
        assert find_run(base, "last").name == "20260102-ci-2"
        assert [run.name for run in runs(base, 1)] == ["20260102-ci-2"]
        for name in ("2026", "nothing"):
            with pytest.raises(BadData, match="runs are named"):
                find_run(base, name)


def test_a_run_is_there_whole_or_not_at_all() -> None:
    with pytest.raises(BadData):
        record(RUN, [result(), result()])
    with opened() as base:
        assert runs(base) == []


def test_several_may_record_at_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: record(replace(RUN, name=str(number)), [result()]), range(24)))
    with opened() as base:
        assert len(runs(base)) == 24


def test_what_is_no_history_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no database at all, but long enough to be looked at as one")
    with pytest.raises(BadData, match="cannot be used"):
        record(RUN, [], tmp_path / "x")


def test_a_later_history_is_refused() -> None:
    record(RUN, [])
    with sqlite3.connect(history_file()) as base:
        base.execute("pragma user_version = 99")
    with pytest.raises(BadData, match="version 99"):
        record(replace(RUN, name="b"), [])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, None),
        ({"cycles": 1009}, None),
        ({"cycles": 1020}, "1,000 cycles, now 1,020 (+2.0%, allowed 1%)"),
        ({"cycles": 900}, None),
        ({"cycles": 1020, "seeds": "7"}, None),
        ({"verdict": "fail", "message": "x"}, "passed, now fail: x"),
        ({"verdict": "skip"}, None),
        ({"simulated_seconds": 13.0}, None),
        ({"simulated_seconds": 14.0}, "125 cycles a second, now 71 (-43%, allowed -40%)"),
        ({"simulated_seconds": 14.0, "remembered": True}, None),
    ],
)
def test_what_is_worse_is_told(changes: dict[str, Any], line: str | None) -> None:
    assert list(worse(ENTRY, replace(ENTRY, **changes))) == ([line] if line else [])


def test_what_failed_before_is_not_worse_now() -> None:
    failed = replace(ENTRY, verdict="fail")
    assert list(worse(failed, failed)) == []


def test_only_jobs_of_both_runs_are_compared() -> None:
    assert regressed([ENTRY], [replace(ENTRY, name="new", cycles=9999)]) == []


def test_a_run_against_another() -> None:
    record(RUN, [result()])
    record(replace(RUN, name="later"), [result(cycles=1500)])
    found = against("0101", "later")
    assert next(iter(told("0101", found))) == "against 0101: 1 worse"
    assert "1,500" in str(found[0])
    assert list(told("0101", [])) == ["against 0101: nothing worse"]


def test_a_flake_passes_and_fails_on_the_same_sources() -> None:
    for number, (source, verdict) in enumerate(
        [
            ("abc", Verdict.PASS),
            ("abc", Verdict.FAIL),
            ("def", Verdict.FAIL),
            ("def", Verdict.FAIL),
            ("abc+", Verdict.PASS),
        ]
    ):
        steady, flaky = result("steady"), result("flaky", verdict)
        record(replace(RUN, name=str(number), source=source), [steady, flaky])
    with opened() as base:
        (found,) = flakes(base)
    assert (found.name, found.score, found.groups) == ("flaky", 0.5, 2)


def test_the_slowest_come_first() -> None:
    record(
        RUN,
        [
            result("fast", seconds=1.0),
            result("slow", seconds=9.0),
            result("known", seconds=99.0, remembered="x"),
        ],
    )
    with opened() as base:
        assert [(job.name, job.seconds) for job in slowest(base)] == [("slow", 9.0), ("fast", 1.0)]


def test_the_history_is_shown() -> None:
    record(RUN, [result()])
    console = Console(width=150)
    with console.capture() as shown:
        console.print(history())
    assert RUN.name in shown.get() and "slowest" in shown.get() and "not steady" not in shown.get()
