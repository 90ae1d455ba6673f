"""Closure: few items for many bins, an item for every bin there is, entries and tests of each other, assay close."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from compiler.errors import BadData
from regress.closure import close as closing
from regress.closure.choose import Item, choose
from regress.closure.entries import job_functions, rows, unclaimed, untested
from regress.closure.further import plan
from regress.closure.records import gaps, jobs_of, ranked
from regress.job import Result, Verdict
from regress.plan import Selection, plan_jobs
from regress.regression import Regression, repeat_line
from regress.report.results import read_results
from regress.testplan import Schedule, Test, Testplan, load_testplan
from tb.coverage import Bin, Coverage, Cross, merge, read_records, variants

RESET = Cross("reset", (("phase", ("configure", "first layer", "later")),))
A, B, C = (("reset", (phase,)) for phase in ("configure", "first layer", "later"))


def item(number: int, *bins: Bin, seed: int | None = None) -> Item:
    return Item("job", number, number if seed is None else seed, frozenset(bins))


def test_the_item_that_has_most_comes_first() -> None:
    given = [item(1, A), item(2, B, C), item(3, C)]
    assert [each.number for each in choose({A: 1, B: 1, C: 1}, given)] == [2, 1]


def test_a_bin_that_needs_two_seeds_gets_two_of_them() -> None:
    given = [item(1, A, seed=7), item(2, A, seed=7), item(3, A)]
    assert [each.number for each in choose({A: 2}, given)] == [1, 3]


def test_what_none_has_is_left_and_what_is_not_needed_not_chosen() -> None:
    assert choose({A: 1, B: 0}, [item(1, B)]) == []


def test_few_items_have_the_coverage_of_all() -> None:
    found = ranked([item(1, A), item(2, A, B), item(3, A, B, C), item(4, A, B)])
    assert [each.number for each in found] == [3, 2]  # C has one seed only, A and B two


@pytest.mark.parametrize("variant", variants())
def test_there_is_an_item_for_every_bin_of_a_variant(variant: str) -> None:
    jobs = [job for job in plan_jobs(load_testplan(), Selection("ci")) if job.variant == variant]
    needed = gaps(merge(variant, []))
    planned = plan(needed, jobs, variant, 1)
    assert {place for each in planned for place in each.bins} == set(needed)
    assert len({each.job.seeds for each in planned}) == len(planned)
    ran = {(job.test, number) for job in jobs for number in range(job.first, job.first + len(job.seeds))}
    assert not ran & {(each.job.test, each.job.first) for each in planned}


@pytest.mark.parametrize("variant", variants())
def test_the_solver_makes_a_layer_of_an_item(variant: str) -> None:
    jobs = [job for job in plan_jobs(load_testplan(), Selection("ci")) if job.variant == variant]
    wanted: dict[Bin, int] = {("reset", ("later",)): 1}
    (planned,) = plan(wanted, jobs, variant, 1)
    assert "soft reset in later" in planned.text


def test_the_job_of_an_item_behind_the_last_can_be_asked_for_by_its_name() -> None:
    (job,) = plan_jobs(load_testplan(), Selection("ci", "random_layers/systolic/small/verilator/5012"))
    assert (job.first, len(job.seeds), job.config) == (5012, 1, "small")
    assert job.name in repeat_line(Selection("ci"), job)


def test_every_test_has_an_entry_and_every_entry_a_test() -> None:
    tests = load_testplan().tests
    assert list(untested(tests)) == []
    assert list(unclaimed(tests, {name: merge(name, []) for name in variants()})) == []


def test_a_test_without_entry_and_an_entry_without_test_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "new.py").write_text(
        "def run(*, variant, config, simulator, seeds, folder, **_): ...\ndef no(): ...\n"
    )
    assert list(job_functions(folder)) == ["bench.new:run"]
    gone = entry("gone", function="bench.old:run")
    assert list(untested([gone], folder)) == [
        "bench.new:run is a test that has no testplan entry",
        "testplan names bench.old:run, which is no test",
    ]


def entry(name: str, *covers: str, function: str = "m:f") -> Test:
    run = Schedule(("ci",), ("tiny",), ("fake",), items=2)
    return Test(name, "g", "s", "c", function, ("systolic",), (run,), covers)


def test_crosses_of_no_entry_and_entries_of_no_cross_are_told() -> None:
    merged = {"systolic": Coverage((RESET,), {}, ())}
    assert list(unclaimed([entry("t", "layer")], merged)) == [
        "systolic: cross reset is covered by no testplan entry",
        "testplan entry t: covers 'layer', which systolic has no cross of",
    ]


def test_a_row_has_jobs_and_bins() -> None:
    merged = {"systolic": Coverage((RESET,), {A: frozenset({1, 2}), B: frozenset({1})}, ())}
    results = [
        Result("t/a", Verdict.PASS, "", 1.0, details={"checked": 5}),
        Result("t/b", Verdict.FAIL, "", 1.0),
        Result("t/c", Verdict.SKIP, "", 1.0),
        Result("tt/a", Verdict.PASS, "", 1.0),
    ]
    (row,) = rows([entry("t", "reset"), entry("other")], results, merged)
    counts = {"jobs": 3, "ran": 2, "passed": 1, "checked": 5, "bins": 3, "hit": 1}
    assert {key: row[key] for key in counts} == counts


@pytest.fixture
def missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of two items that have hit nothing of the only cross."""
    plan = Testplan((entry("t", "reset", function="regress.tests.fake_closing:run"),))
    monkeypatch.setattr("tb.systolic.coverage.CROSSES", (RESET,))
    monkeypatch.setattr(closing, "variants", lambda: ["systolic"])
    monkeypatch.setattr(closing, "load_testplan", lambda: plan)
    monkeypatch.setattr(closing, "new_folder", lambda suite: tmp_path / "closed")
    monkeypatch.setenv("ASSAY_HISTORY", str(tmp_path / "history.sqlite"))
    folder = tmp_path / "run"
    first = Regression(plan, Selection("ci", fresh=True), 1, folder, Console(file=io.StringIO()))
    assert first.run() == 0
    (record,) = folder.rglob("coverage.json")
    record.write_text(
        json.dumps({"variant": "systolic", "items": [{"seed": 1, "bins": [["reset", "later"]]}]})
    )
    return folder


@pytest.mark.parametrize("name", ["run", "latest"])
def test_closing_runs_what_is_missing_and_reports_on_the_whole(name: str, missed: Path) -> None:
    asked = missed.with_name(name)
    assert asked.resolve() == missed
    assert closing.close(str(asked), 1, False, Console(file=io.StringIO())) == 0
    closed = missed.with_name("closed")
    results = read_results(closed)
    assert len(results) == 1 + 5  # two seeds for each of three bins, of which one has had one
    assert len({job.seeds[-1] for job in jobs_of(results)}) == 6
    found = merge("systolic", read_records(closed, "systolic"))
    assert found.missing(RESET) == []


def test_a_dry_run_only_says_what_it_would_do(missed: Path) -> None:
    said = io.StringIO()
    assert closing.close(str(missed), 1, True, Console(file=said, width=200)) == 0
    assert "t/systolic/tiny/fake/2 for reset: later\n    reset number 2 on tiny" in said.getvalue()
    assert not missed.with_name("closed").exists()


def test_a_part_of_a_suite_cannot_be_closed(missed: Path) -> None:
    raw = json.loads((missed / "results.json").read_text())
    (missed / "results.json").write_text(json.dumps({**raw, "pattern": "t"}))
    with pytest.raises(BadData, match="only a whole one"):
        closing.close(str(missed), 1, False, Console(file=io.StringIO()))
