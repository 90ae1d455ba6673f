"""What a regression leaves for others: JSON that keeps its schema, Markdown that a CI page can show."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.console import Console

from regress.job import Result, Verdict
from regress.plan import Selection
from regress.regression import Regression
from regress.report.markdown import SHOWN, lines
from regress.report.results import FORMAT, SCHEMA, read_results
from regress.testplan import Schedule, Test, Testplan
from tb.finding import Finding, Kind, to_plain

FACTS: dict[str, Any] = {"suite": "ci", "seed": 1, "wall_seconds": 61.4, "groups": []}


def run(folder: Path, *verdicts: str) -> dict[str, Any]:
    """results.json of a regression of fake jobs that end so."""
    schedules = tuple(Schedule(("ci",), (name,), ("fake",), options={"verdict": name}) for name in verdicts)
    test = Test("t", "g", "s", "c", "regress.tests.fake_jobs:simulate", ("systolic",), schedules)
    Regression(Testplan((test,)), Selection("ci", fresh=True), 2, folder, Console(file=io.StringIO())).run()
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SCHEMA.read_text())
    return found


@pytest.mark.parametrize("verdicts", [("pass",), ("pass", "fail", "die"), ("timeout",)])
def test_results_keep_their_schema(tmp_path: Path, verdicts: tuple[str, ...]) -> None:
    whole = run(tmp_path / "run", *verdicts)
    jsonschema.validate(whole, schema())
    assert bool(whole["groups"]) == (verdicts != ("pass",))


@pytest.mark.parametrize(
    "change", [{"format": 2}, {"suite": "all"}, {"exit_code": 7}, {"results": [{}]}, {"groups": [{}]}]
)
def test_the_schema_refuses_what_is_wrong(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**run(tmp_path / "run", "pass"), **change}, schema())


def test_every_finding_keeps_the_schema() -> None:
    finding = Finding(Kind.SIGN, "t", "l", "o", "n", (0, 1, 2, 3), 1, None, 4, 5, "w", 6, 7, "r", 8)
    jsonschema.validate(
        json.loads(json.dumps(to_plain(finding))),
        {**schema(), "$ref": "#/$defs/finding", "required": [], "properties": {}},
    )


def test_a_later_format_is_not_read(tmp_path: Path) -> None:
    whole = run(tmp_path / "run", "pass")
    (tmp_path / "run/results.json").write_text(json.dumps({**whole, "format": FORMAT + 1}))
    with pytest.raises(ValueError, match="format 2"):
        read_results(tmp_path / "run")


def test_a_green_page(tmp_path: Path) -> None:
    page = list(lines(FACTS, [Result("a/b", Verdict.PASS, "", 3.0), Result("a/c", Verdict.SKIP, "", 0.0)]))
    assert page[:2] == ["## assay: all 2 jobs passed", "suite ci, seed 1, 61 s"]
    assert "| a | 1 | 0 | 0 | 1 | 0 | 3 |" in page


def test_a_red_page_shows_groups_and_what_did_not_pass() -> None:
    group = {
        "name": "x / <y>",
        "jobs": ["a"],
        "again": {"ending": "fails alone"},
        "first": {"text": "wrong"},
        "repeat": "again",
    }
    bad = [Result(f"a/{number}", Verdict.FAIL, "1 | 2 <b>", 1.0) for number in range(SHOWN + 3)]
    page = list(lines({**FACTS, "groups": [group]}, bad))
    assert "<details><summary>group 1: x / &lt;y>, 1 jobs, fails alone</summary>" in page
    assert page[page.index("wrong") - 1] == "```" and "again" in page
    assert "- a/0: fail: 1 \\| 2 &lt;b>" in page and "- and 3 more" in page


def test_the_page_is_added_to_a_ci_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    run(tmp_path / "run", "pass")
    assert page.read_text() == "before\n" + (tmp_path / "run/summary.md").read_text()
