"""What passed with the same inputs is not run again; whatever changes an input makes it run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from regress import memory
from regress.job import Job, Result, Verdict
from regress.memory import Memory
from regress.runner import Runner
from regress.simulators.fake import Fake
from rtl.variants import RTL, Home
from tb.coverage import RECORDS

FUNCTION = "regress.tests.fake_jobs:simulate"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    memory.sources.cache_clear()
    memory.models.cache_clear()
    yield
    memory.sources.cache_clear()
    memory.models.cache_clear()


def job(**changes: Any) -> Job:
    place: dict[str, Any] = {
        "variant": "systolic",
        "config": "tiny",
        "simulator": "fake",
        "first": 0,
        "seeds": (5,),
    }
    return Job(
        **{"name": "a/b", "test": "a", "function": FUNCTION, "timeout_seconds": 60.0, **place, **changes}
    )


def passed(one: Job, folder: Path, **details: Any) -> Result:
    """The result of a job that left records and a file of code coverage in its folder."""
    folder.mkdir(parents=True)
    (folder / RECORDS).write_text("records")
    (folder / "coverage.dat").write_text("counts")
    named = {"cycles": 7, "coverage_files": ["coverage.dat"], **details}
    return Result(one.name, Verdict.PASS, "", 3.0, str(folder), "repeat", asdict(one), named)


def test_a_job_that_passed_is_known_with_what_reports_read(tmp_path: Path) -> None:
    ran = tmp_path / "run"
    assert Memory("first").recall(job(), tmp_path / "none") is None
    Memory("first").keep(job(), passed(job(), ran), ran)
    for file in ran.iterdir():
        file.unlink()
    known = Memory("second").recall(job(), tmp_path / "again")
    assert known is not None and known.verdict is Verdict.PASS and known.details["cycles"] == 7
    assert known.message == "unchanged since it passed in first"
    assert (tmp_path / "again" / RECORDS).read_text() == "records"
    assert known.details["coverage_files"] == ["coverage.dat"]
    assert (tmp_path / "again/coverage.dat").read_text() == "counts"
    assert json.loads((tmp_path / "again/result.json").read_text())["details"]["remembered"] == "first"


def test_several_files_of_coverage_are_kept(tmp_path: Path) -> None:
    ran = tmp_path / "run"
    listed = ["network0/coverage.dat", "network1/coverage.dat"]
    result = passed(job(), ran, coverage_files=listed)
    for name in listed:
        (ran / name).parent.mkdir()
        (ran / name).write_text(name)
    Memory("first").keep(job(), result, ran)
    known = Memory("second").recall(job(), tmp_path / "again")
    assert known is not None and known.details["coverage_files"] == listed
    assert [(tmp_path / "again" / name).read_text() for name in listed] == listed


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": (6,)},
        {"config": "small"},
        {"options": {"x": 1}},
        {"coverage": True},
        {"function": "m:f"},
        {"first": 1},
    ],
)
def test_another_job_is_not_known(tmp_path: Path, change: dict[str, Any]) -> None:
    Memory("first").keep(job(), passed(job(), tmp_path / "run"), tmp_path / "run")
    assert Memory("second").recall(job(**change), tmp_path / "again") is None


def test_the_name_and_the_time_limit_are_no_inputs(tmp_path: Path) -> None:
    Memory("first").keep(job(), passed(job(), tmp_path / "run"), tmp_path / "run")
    known = Memory("second").recall(job(name="other", timeout_seconds=1.0), tmp_path / "again")
    assert known is not None and known.name == "other"


@pytest.mark.parametrize("verdict", [each for each in Verdict if each is not Verdict.PASS])
def test_only_what_passed_is_kept(tmp_path: Path, verdict: Verdict) -> None:
    result = replace(passed(job(), tmp_path / "run"), verdict=verdict)
    Memory("first").keep(job(), result, tmp_path / "run")
    assert Memory("second").recall(job(), tmp_path / "again") is None


def test_a_job_with_waves_is_run_for_them(tmp_path: Path) -> None:
    traced = job(trace=True)
    Memory("first").keep(traced, passed(traced, tmp_path / "run"), tmp_path / "run")
    assert Memory("second").recall(traced, tmp_path / "again") is None


def test_a_source_that_changed_while_the_job_ran_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.sources("systolic")
    monkeypatch.setattr(memory, "hash_sources", lambda variant: "changed")
    Memory("first").keep(job(), passed(job(), tmp_path / "run"), tmp_path / "run")
    assert Memory("second").recall(job(), tmp_path / "again") is None


def test_another_tool_runs_everything_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Memory("first").keep(job(), passed(job(), tmp_path / "run"), tmp_path / "run")
    monkeypatch.setattr(Fake, "version", lambda self: "fake 2")
    assert Memory("second").recall(job(), tmp_path / "again") is None


def test_other_models_run_everything_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("ASSAY_MODELS", str(tmp_path / "models"))
    Memory("first").keep(job(), passed(job(), tmp_path / "run"), tmp_path / "run")
    (tmp_path / "models/net.onnx").write_text("new")
    memory.models.cache_clear()
    assert Memory("second").recall(job(), tmp_path / "again") is None


@pytest.mark.parametrize("damage", ["", "{", "{}", '{"run": "x", "result": {"verdict": "pass"}}', "[]"])
def test_a_damaged_memory_is_none(tmp_path: Path, damage: str) -> None:
    Memory("first").keep(job(), passed(job(), tmp_path / "run"), tmp_path / "run")
    (memory.place(job()) / memory.REMEMBERED).write_text(damage)
    assert Memory("second").recall(job(), tmp_path / "again") is None
    assert not memory.place(job()).exists(), "it is kept anew when the job has run"


def test_a_memory_without_its_files_is_none(tmp_path: Path) -> None:
    Memory("first").keep(job(), passed(job(), tmp_path / "run"), tmp_path / "run")
    (memory.place(job()) / "files/coverage.dat").unlink()
    assert Memory("second").recall(job(), tmp_path / "again") is None
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("file", "matters", "variant"),
    [
        ("rtl/systolic/array.py", True, "systolic"),
        ("rtl/lib/fifo.py", True, "systolic"),
        ("golden/ops.py", True, "systolic"),
        ("tb/hdl/memory.sv", True, "systolic"),
        ("compiler/systolic/cost.py", True, "systolic"),
        ("requirements.lock", True, "systolic"),
        ("rtl/bcnn/lane.py", False, "systolic"),
        ("tb/bcnn/coverage.py", False, "systolic"),
        ("tb/tests/test_x.py", False, "systolic"),
        ("regress/report/html.py", False, "systolic"),
        ("rtl/systolic/README.md", False, "systolic"),
        ("bcnn/own/top.v", False, "systolic"),
        ("bcnn/own/top.v", True, "own"),
        ("bcnn/own/tests/test_x.py", False, "own"),
        ("rtl/bcnn/lane.py", False, "own"),
        ("rtl/lib/fifo.py", True, "own"),
    ],
)
def test_sources_of_a_variant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, matters: bool, variant: str
) -> None:
    known = {name: Home(name, RTL / name) for name in ("systolic", "bcnn")}
    known["own"] = Home("own", tmp_path / "bcnn" / "own")
    monkeypatch.setattr(memory, "ROOT", tmp_path)
    monkeypatch.setattr(memory, "homes", lambda: known)
    for name in (*memory.FILES, file):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    before = memory.hash_sources(variant)
    (tmp_path / file).write_text("after")
    assert (memory.hash_sources(variant) != before) == matters


def test_the_runner_asks_its_memory(tmp_path: Path) -> None:
    def run(name: str, known: Memory | None) -> Result:
        (result,) = Runner(tmp_path / name, 1, lambda one: "", memory=known).run([job()], lambda result: None)
        return result

    assert "remembered" not in run("first", Memory("first")).details
    assert run("second", Memory("second")).details["remembered"] == "first"
    assert "remembered" not in run("third", None).details
