"""From testplan files to jobs: seeds, chunks, selection, and files that break the rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from regress.plan import Selection, plan_jobs, reason_to_skip, report_jobs
from regress.seeds import run_seed
from regress.testplan import PlanError, Testplan, load_testplan

PLAN = """
[[test]]
name = "random_layers"
goal = "g"
stimulus = "s"
check = "c"
function = "regress.tests.fake_jobs:simulate"

[[test.run]]
suites = ["smoke", "ci"]
configs = ["tiny", "small"]
simulators = ["fake"]
items = 5
chunk = 2

[[test.run]]
suites = ["nightly"]
needs = ["ASSAY_TEST_UNSET"]

[[report]]
name = "agreement"
function = "regress.report.agreement:report"
suites = ["ci"]
"""


def plan(folder: Path, text: str = PLAN, name: str = "systolic.toml") -> Testplan:
    """The plan of one file."""
    (folder / name).write_text(text)
    return load_testplan(folder)


def test_every_config_and_chunk_is_a_job(tmp_path: Path) -> None:
    jobs = plan_jobs(plan(tmp_path), Selection("smoke"))
    names = {job.name for job in jobs}
    places = [f"random_layers/systolic/{config}/fake" for config in ("tiny", "small")]
    assert names == {f"{place}/{first}" for place in places for first in (0, 2, 4)}
    assert [len(job.seeds) for job in sorted(jobs, key=lambda job: job.first)] == [2, 2, 2, 2, 1, 1]


def test_first_job_of_each_model_comes_first(tmp_path: Path) -> None:
    jobs = plan_jobs(plan(tmp_path), Selection("smoke"))
    assert [(job.config, job.first) for job in jobs[:2]] == [("tiny", 0), ("small", 0)]


def test_item_seeds_do_not_depend_on_config_or_chunk(tmp_path: Path) -> None:
    jobs = {job.name: job for job in plan_jobs(plan(tmp_path), Selection("smoke", seed=7))}
    tiny, small = (jobs[f"random_layers/systolic/{config}/fake/2"] for config in ("tiny", "small"))
    assert (
        tiny.seeds == small.seeds == tuple(run_seed(7, "random_layers", "systolic", item) for item in (2, 3))
    )


def test_seeds_differ_in_every_part() -> None:
    seeds = {run_seed(m, t, v, i) for m in (1, 2) for t in ("a", "b") for v in ("x", "y") for i in (0, 1)}
    assert len(seeds) == 16 and all(0 < seed < 2**31 for seed in seeds)
    assert run_seed(1, "a", "x", 0) == 890290674


def test_pattern_selects_exactly_by_name_part_or_glob(tmp_path: Path) -> None:
    testplan = plan(tmp_path, PLAN.replace("chunk = 2", "chunk = 1").replace("items = 5", "items = 12"))

    def count(pattern: str) -> int:
        return len(plan_jobs(testplan, Selection("ci", pattern)))

    assert (count("random_layers/systolic/tiny/fake/1"), count("tiny/fake/1"), count("*/small/*")) == (
        1,
        3,
        12,
    )


def test_nothing_selected_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no test of suite smoke matches 'nonsense'"):
        plan_jobs(plan(tmp_path), Selection("smoke", "nonsense"))


def test_unset_variable_skips_with_the_reason(tmp_path: Path) -> None:
    (job,) = plan_jobs(plan(tmp_path), Selection("nightly"))
    assert reason_to_skip(job) == "ASSAY_TEST_UNSET is not set"


def test_reports_run_on_whole_suites_only(tmp_path: Path) -> None:
    testplan = plan(tmp_path)
    (job,) = report_jobs(testplan, Selection("ci"), tmp_path)
    assert job.options == {"regression": str(tmp_path)}
    assert report_jobs(testplan, Selection("smoke"), tmp_path) == []
    assert report_jobs(testplan, Selection("ci", "tiny"), tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('suites = ["nightly"]', 'suites = ["weekly"]', "systolic.toml: node 'random_layers': suites"),
        ("items = 5", "items = 0", "items is 0"),
        ("items = 5", "itmes = 5", "unexpected keyword argument 'itmes'"),
        ('goal = "g"\n', "", "missing 1 required positional argument: 'goal'"),
        ("fake_jobs:simulate", "fake_jobs", "must be 'module:name'"),
        ("[[test]]", "[[test", "systolic.toml: "),
    ],
)
def test_broken_file_names_the_rule(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        plan(tmp_path, PLAN.replace(old, new))
    assert message in str(caught.value)


def test_a_name_is_used_once(tmp_path: Path) -> None:
    plan(tmp_path)
    with pytest.raises(PlanError, match="used twice"):
        plan(tmp_path, name="flow.toml")


def test_the_repository_s_own_testplan_can_be_read() -> None:
    testplan = load_testplan()
    for suite in ("smoke", "ci", "nightly"):
        assert plan_jobs(testplan, Selection(suite))
