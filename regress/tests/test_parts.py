"""A network cut into jobs of single layers has one verdict, which needs every layer once."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from regress import merge as merging
from regress.job import Result, Verdict
from regress.merge import merge
from regress.parts import joining_jobs, part_name, whole_name
from regress.plan import Selection, plan_jobs
from regress.regression import Regression
from regress.report import parts
from regress.report.results import read_results, write_results
from regress.testplan import PlanError, Schedule, Test, Testplan
from regress.triage.groups import grouped

WHOLE = "net/systolic/tiny/fake"
NAMES = [f"{WHOLE}/part{number}of3" for number in (1, 2, 3)]
CONSOLE = Console(file=io.StringIO(), width=200)


def plan(**options: Any) -> Testplan:
    """A network in three jobs."""
    run = Schedule(("ci",), ("tiny",), ("fake",), options=options, apart=3)
    return Testplan((Test("net", "g", "s", "c", "regress.tests.fake_jobs:part", ("systolic",), (run,)),))


def regression(folder: Path, selection: Selection, **options: Any) -> int:
    return Regression(plan(**options), selection, 2, folder, CONSOLE).run()


def test_a_part_knows_its_whole() -> None:
    assert whole_name(part_name(WHOLE, 2, 3)) == WHOLE
    assert whole_name(WHOLE) == "" == whole_name(f"{WHOLE}/3")


def test_each_part_has_its_share_and_the_same_stimulus() -> None:
    jobs = plan_jobs(plan(), Selection("ci"))
    assert [job.name for job in jobs] == NAMES
    assert [job.options["share"] for job in jobs] == [[1, 3], [2, 3], [3, 3]]
    assert len({job.seeds for job in jobs}) == 1
    assert plan_jobs(plan(), Selection("ci", names=(WHOLE,))) == jobs


@pytest.mark.parametrize(("apart", "items"), [(1, 1), (-2, 1), (3, 2)])
def test_what_cannot_be_cut_is_refused(apart: int, items: int) -> None:
    with pytest.raises(PlanError, match="apart"):
        Schedule(("ci",), items=items, apart=apart)


def test_the_whole_passes_and_sums_up(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert regression(folder, Selection("ci", fresh=True)) == 0
    found = {result.name: result for result in read_results(folder)}
    assert list(found) == [*NAMES, WHOLE]
    whole = found[WHOLE].details
    assert (whole["cycles"], whole["checked"], whole["bytes_read"]) == (400, 24, 24)
    assert [layer["name"] for layer in whole["layers"]] == ["layer0", "layer1", "layer2", "layer3"]


def test_a_wrong_part_fails_the_whole_and_is_one_failure(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert regression(folder, Selection("ci", fresh=True), wrong=1) == 1
    results = read_results(folder)
    assert [result.verdict.value for result in results] == ["fail", "pass", "pass", "fail"]
    assert results[-1].message == "part1of3 (fail): layer0 is wrong"
    assert [group.jobs for group in grouped(results)] == [(NAMES[0],)]


def test_a_layer_that_no_part_ran_fails_the_whole(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert regression(folder, Selection("ci", fresh=True), lost="layer2") == 1
    assert read_results(folder)[-1].message == "layer layer2 ran 0 times"


def test_shards_have_parts_and_the_merged_run_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "new_folder", lambda suite: tmp_path / "merged")
    monkeypatch.setattr(merging, "load_testplan", plan)
    folders = [tmp_path / "part1", tmp_path / "part2"]
    for number, folder in enumerate(folders, 1):
        assert regression(folder, Selection("ci", fresh=True, shard=(number, 2))) == 0
        assert WHOLE not in {result.name for result in read_results(folder)}
    assert merge(folders, CONSOLE) == 0
    assert WHOLE in {result.name for result in read_results(tmp_path / "merged")}


def told(folder: Path, *verdicts: Verdict, **changes: Any) -> dict[str, Any]:
    """What is said of parts that ended so; changes: of the last one's details."""
    details = {"part_layers": [], "whole": [], "stimulus": "abc"}
    found = [
        Result(name, verdict, "why", 0.0, details=details)
        for name, verdict in zip(NAMES, verdicts, strict=False)
    ]
    found[-1] = Result(found[-1].name, found[-1].verdict, "why", 0.0, details={**details, **changes})
    write_results(folder, {}, found)
    return parts.report(regression=str(folder), parts=NAMES, variant="systolic", config="tiny")


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (Verdict.BROKEN, Verdict.BROKEN),
        (Verdict.SKIP, Verdict.SKIP),
        (Verdict.KNOWN, Verdict.KNOWN),
        (Verdict.BAD_INPUT, Verdict.BAD_INPUT),
        (Verdict.FAIL, Verdict.FAIL),
    ],
)
def test_the_whole_is_as_bad_as_its_worst_part(tmp_path: Path, other: Verdict, verdict: Verdict) -> None:
    assert told(tmp_path, Verdict.PASS, other, Verdict.PASS)["verdict"] is verdict
    assert told(tmp_path, Verdict.FAIL, other, Verdict.PASS)["verdict"] is Verdict.FAIL


def test_a_part_that_is_missing_or_of_another_stimulus_is_told(tmp_path: Path) -> None:
    assert told(tmp_path, Verdict.PASS, Verdict.PASS) == {
        "verdict": Verdict.BROKEN,
        "message": f"has not run: {NAMES[2]}",
    }
    other = told(tmp_path, Verdict.PASS, Verdict.PASS, Verdict.PASS, stimulus="xyz")
    assert other["failures"] == [f"{NAMES[2]} has another stimulus than {NAMES[0]}"]
    twice = told(tmp_path, Verdict.PASS, Verdict.PASS, Verdict.PASS, part_layers=[{"name": "a"}])
    assert twice["failures"] == ["layer a ran 1 times"]


def test_no_verdict_over_some_of_the_parts(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert regression(folder, Selection("ci", pattern="part2of3", fresh=True)) == 0
    assert json.loads((folder / "results.json").read_text())["totals"]["pass"] == 1
    assert joining_jobs(read_results(folder), folder) == []
