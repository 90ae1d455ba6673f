"""Shards put together are one run: all jobs once, the same results, reports over all of them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from compiler.errors import BadData
from regress import merge as merging
from regress.merge import merge
from regress.plan import Selection, parse_shard, part_of, plan_jobs
from regress.regression import Regression
from regress.report.results import read_results
from regress.testplan import PlanError, Report, Schedule, Test, Testplan

FAKE = "regress.tests.fake_jobs:simulate"


def plan(verdict: str = "pass") -> Testplan:
    schedule = Schedule(("ci",), ("tiny", "small"), ("fake",), items=3, chunk=1)
    wrong = Schedule(("ci",), ("bad",), ("fake",), options={"verdict": verdict})
    tests = (
        Test("t", "g", "s", "c", FAKE, ("systolic",), (schedule,)),
        Test("u", "g", "s", "c", FAKE, ("systolic",), (wrong,)),
    )
    return Testplan(tests, (Report("agreement", "regress.report.agreement:report"),))


def run(testplan: Testplan, folder: Path, shard: tuple[int, int] = (1, 1)) -> int:
    console = Console(file=io.StringIO(), width=200)
    return Regression(testplan, Selection("ci", fresh=True, shard=shard), 2, folder, console).run()


@pytest.fixture
def merged_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(merging, "new_folder", lambda suite: tmp_path / "merged")
    return tmp_path / "merged"


def names(folder: Path) -> set[str]:
    return {result.name for result in read_results(folder)}


def test_shards_are_all_jobs_once() -> None:
    jobs = plan_jobs(plan(), Selection("ci"))
    parts = [part_of(jobs, number, 3) for number in (1, 2, 3)]
    assert sorted(job.name for part in parts for job in part) == sorted(job.name for job in jobs)
    with pytest.raises(PlanError, match="there are only 7 jobs"):
        part_of(jobs, 8, 8)


@pytest.mark.parametrize("text", ["", "3", "0/2", "3/2", "a/b", "1/"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match="i/n"):
        parse_shard(text)


@pytest.mark.parametrize(("verdict", "code"), [("pass", 0), ("fail", 1)])
def test_merged_shards_are_one_run(
    tmp_path: Path, merged_folder: Path, monkeypatch: pytest.MonkeyPatch, verdict: str, code: int
) -> None:
    testplan = plan(verdict)
    monkeypatch.setattr(merging, "load_testplan", lambda: testplan)
    assert run(testplan, tmp_path / "whole") == code
    codes = [run(testplan, tmp_path / f"part{number}", (number, 2)) for number in (1, 2)]
    assert max(codes) == code
    assert not any(name.startswith("report/") for name in names(tmp_path / "part1"))
    assert merge([tmp_path / "part2", tmp_path / "part1"], Console(file=io.StringIO(), width=200)) == code
    assert names(merged_folder) == names(tmp_path / "whole")
    whole, merged = (
        json.loads((folder / "results.json").read_text()) for folder in (tmp_path / "whole", merged_folder)
    )
    assert merged["totals"] == whole["totals"] and merged["exit_code"] == whole["exit_code"]
    assert [group["name"] for group in merged["groups"]] == [group["name"] for group in whole["groups"]]
    assert all((merged_folder / "jobs" / name.replace("/", ".")).is_dir() for name in names(merged_folder))


def test_what_the_shards_found_out_of_a_group_is_kept(
    tmp_path: Path, merged_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    testplan = plan("fail")
    monkeypatch.setattr(merging, "load_testplan", lambda: testplan)
    for number in (1, 2):
        run(testplan, tmp_path / f"part{number}", (number, 2))
    merge([tmp_path / "part1", tmp_path / "part2"], Console(file=io.StringIO(), width=200))
    (group,) = json.loads((merged_folder / "results.json").read_text())["groups"]
    assert group["again"]["ending"] == "fails alone"


def test_other_parts_than_all_of_one_regression_are_refused(tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    run(plan(), tmp_path / "part1", (1, 2))
    run(plan(), tmp_path / "part2", (2, 2))
    run(plan(), tmp_path / "third", (2, 3))
    for folders in (["part1"], ["part1", "part1"], ["part1", "third"]):
        with pytest.raises(BadData, match="needed are shards 1 to 2 of 2"):
            merge([tmp_path / name for name in folders], console)
    facts = json.loads((tmp_path / "part2/results.json").read_text())
    (tmp_path / "part2/results.json").write_text(json.dumps({**facts, "seed": 9}))
    with pytest.raises(BadData, match="of another regression: seed 9"):
        merge([tmp_path / "part1", tmp_path / "part2"], console)
    with pytest.raises(BadData, match="is no folder of a regression"):
        merge([tmp_path / "nowhere"], console)
