"""What becomes of mutants: told apart by who saw them, kept when finished, scored without what does not count."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from rich.console import Console

from compiler.errors import BadData
from regress.job import Job, Result, Verdict
from regress.mutants import attempt, campaign
from regress.mutants.campaign import Campaign, Place, draw
from regress.mutants.score import (
    Fate,
    Judged,
    check_arguments,
    judge,
    keep,
    kept,
    read_arguments,
    score,
    with_arguments,
)
from regress.mutants.sites import Mutant, mutants
from regress.simulators import SimulatorError
from regress.simulators.cache import ROOT
from tb.finding import Finding, Kind, to_plain


def answer(kind: Kind, verdict: str = "fail") -> dict[str, Any]:
    finding = to_plain(Finding(kind, "what it said"))
    return {"job": "random/x", "verdict": verdict, "seconds": 1.0, "finding": finding}


@pytest.mark.parametrize(
    ("told", "fate"),
    [
        (answer(Kind.SIGN), Fate.DATA),
        (answer(Kind.ORDER), Fate.DATA),
        (answer(Kind.REGION), Fate.PROTOCOL),
        (answer(Kind.COUNTER), Fate.REGISTER),
        (answer(Kind.TIME_OUT), Fate.TIME),
        (answer(Kind.BUILD), Fate.BUILD),
        (answer(Kind.CYCLES), Fate.MODEL),
        (answer(Kind.BROKEN, "broken"), Fate.BROKEN),
        ({}, Fate.SURVIVED),
        (None, Fate.TIME),
    ],
)
def test_who_saw_it_is_told(told: dict[str, Any] | None, fate: Fate) -> None:
    assert judge(told, new_models=True)[0] is fate


def test_what_builds_nothing_new_is_no_change_of_the_hardware() -> None:
    assert judge({}, new_models=False)[0] is Fate.SAME
    assert judge(answer(Kind.SIGN), new_models=False)[0] is Fate.DATA


def test_every_checker_has_a_fate() -> None:
    for kind in Kind:
        assert isinstance(judge(answer(kind), new_models=True)[0], Fate)


def judged(*fates: Fate) -> list[Judged]:
    return [Judged(f"m{number}", fate) for number, fate in enumerate(fates)]


def test_only_what_builds_and_is_not_equivalent_counts() -> None:
    found = score(
        judged(
            *(Fate.DATA, Fate.REGISTER, Fate.TIME, Fate.SURVIVED),
            *(Fate.BUILD, Fate.SAME, Fate.EQUIVALENT, Fate.BROKEN),
        )
    )
    assert (found.killed, found.judged, found.share) == (2, 4, 0.5)
    assert score([]).share == score(judged(Fate.BUILD)).share == 0.0


def test_survivors_can_be_argued_equivalent_others_not() -> None:
    survivor, killed = judged(Fate.SURVIVED, Fate.DATA)
    (found,) = with_arguments([survivor], {"m0": "dead code"})
    assert (found.fate, found.text) == (Fate.EQUIVALENT, "dead code")
    with pytest.raises(BadData, match="but was killed"):
        with_arguments([killed], {"m1": "dead code"})


def test_arguments_are_read(tmp_path: Path) -> None:
    file = tmp_path / "equivalent.toml"
    assert read_arguments(file) == {}
    file.write_text('[[equivalent]]\nmutant = "a:1:2 operator: x -> y"\nreason = "because"\n')
    assert read_arguments(file) == {"a:1:2 operator: x -> y": "because"}
    file.write_text('[[equivalent]]\nmutant = "a"\n')
    with pytest.raises(BadData, match="needs mutant and reason"):
        read_arguments(file)


def test_what_is_finished_is_kept_whatever_happens_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "finished.jsonl"
    first, second = judged(Fate.DATA, Fate.SURVIVED)
    keep(file, first)
    keep(file, second)
    with file.open("a") as lines:
        lines.write('{"name": "half')
    assert kept(file) == {"m0": first, "m1": second}


def test_more_mutants_of_a_seed_begin_with_the_fewer() -> None:
    assert draw(20, 3)[:5] == draw(5, 3) != draw(5, 4)


class Bench:
    """Attempts in place of the suite: every second mutant survives."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, baseline: dict[str, Any] | None = None
    ) -> None:
        self.seen: list[str] = []
        self.firsts: dict[str, str] = {}
        monkeypatch.setattr(campaign, "FOLDER", tmp_path / "mutants")
        monkeypatch.setattr(campaign, "ARGUMENTS", tmp_path / "equivalent.toml")
        monkeypatch.setattr(shutil, "copytree", lambda *_, **__: None)
        monkeypatch.setattr(campaign, "tree_key", lambda: "key")
        bench = self

        def attempted(
            place: Place, mutant: Mutant, limit: float, stop: Event, first: str
        ) -> tuple[Fate, str, str]:
            bench.seen.append(mutant.name)
            bench.firsts[mutant.name] = first
            return (Fate.SURVIVED, "", "") if len(bench.seen) % 2 == 0 else (Fate.DATA, "random/x", "wrong")

        monkeypatch.setattr(Place, "attempt", attempted)
        monkeypatch.setattr(Place, "answer", lambda *_: baseline or {})


def run(number: int) -> tuple[int, str]:
    text = io.StringIO()
    return Campaign(number, 1, 2, Console(file=text, width=200)).run(), text.getvalue()


def test_a_campaign_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(monkeypatch, tmp_path)
    code, text = run(4)
    assert code == 1 and "2 of 4 killed by a checker of data, protocol or registers: 50.0%" in text
    assert text.count("survived (") == 4, "while it runs, and at its end"
    code, text = run(6)
    assert "6 mutants, 4 finished before" in text and len(bench.seen) == 6
    assert len(set(bench.seen)) == 6


def test_on_another_tree_the_job_that_saw_a_mutant_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(monkeypatch, tmp_path)
    run(4)
    seen = list(bench.seen)
    assert set(bench.firsts.values()) == {""}
    monkeypatch.setattr(campaign, "tree_key", lambda: "other")
    run(4)
    assert bench.firsts == {name: "random/x" if name in seen[::2] else "" for name in seen}


def test_survivors_that_are_argued_equivalent_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(monkeypatch, tmp_path)
    run(4)
    entries = [f"[[equivalent]]\nmutant = {json.dumps(name)}\nreason = 'r'\n" for name in bench.seen[1::2]]
    (tmp_path / "equivalent.toml").write_text("".join(entries))
    code, text = run(4)
    assert code == 0 and "2 of 2 killed" in text


def test_a_suite_that_fails_by_itself_judges_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Bench(monkeypatch, tmp_path, answer(Kind.SIGN))
    with pytest.raises(SimulatorError, match="does not pass without any change"):
        run(2)


def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "tree", tmp_path / "cache")
    (made.tree / "rtl/lib").mkdir(parents=True)
    (made.tree / "rtl/lib/x.py").write_text("a = b + c\n")
    (made.cache / "verilator-old").mkdir(parents=True)
    return made


def test_a_mutant_is_put_in_and_taken_out_with_what_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, mutant = place(tmp_path), Mutant("lib/x.py", "f", (1, 4), (1, 9), "operator", "b + c", "(b - c)")
    texts: list[str] = []

    def execute(command: list[str], cwd: Path, *_: Any) -> int:
        texts.append((cwd / "rtl/lib/x.py").read_text())
        for name in ("verilator-new", "passed/new", "golden-new"):
            (made.cache / name).mkdir(parents=True)
        Path(command[-1]).write_text("{}")
        return 0

    monkeypatch.setattr(campaign, "execute", execute)
    assert made.attempt(mutant, 9.0, Event(), "")[0] is Fate.SURVIVED
    assert texts == ["a = (b - c)\n"]
    assert (made.tree / "rtl/lib/x.py").read_text() == "a = b + c\n"
    left = sorted(entry.relative_to(made.cache).as_posix() for entry in made.cache.rglob("*"))
    assert left == ["golden-new", "passed", "verilator-old"]


def test_an_attempt_without_an_answer_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "execute", lambda *_: 9)
    with pytest.raises(SimulatorError, match="status 9 and no answer"):
        place(tmp_path).answer(9.0, Event())
    monkeypatch.setattr(campaign, "execute", lambda *_: None)
    assert place(tmp_path / "other").answer(9.0, Event()) is None


def test_an_argument_for_a_mutant_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Bench(monkeypatch, tmp_path)
    (tmp_path / "equivalent.toml").write_text(
        '[[equivalent]]\nmutant = "lib/x.py f operator: a -> b"\nreason = "r"\n'
    )
    with pytest.raises(BadData, match=r"lib/x\.py f operator: a -> b: there is no such mutant"):
        run(2)


def test_the_arguments_of_the_repository_are_for_mutants_that_there_are() -> None:
    check_arguments(read_arguments(campaign.ARGUMENTS), mutants(ROOT / "rtl"))


def test_the_suite_stops_at_the_first_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [
        ("z", "icarus", "pass"), ("contract", "fake", "pass"), ("random_layers", "fake", "fail"), ("x", "fake", "pass"),
    ]  # fmt: skip
    function = "regress.tests.fake_jobs:simulate"
    jobs = [
        Job(name, name, function, "systolic", "tiny", simulator, 0, (5,), 60.0, {"verdict": verdict})
        for name, simulator, verdict in kinds
    ]
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(attempt, "plan_jobs", lambda *_: jobs)
    found = attempt.attempt("smoke", 1, tmp_path / "run")
    assert (found["job"], found["verdict"]) == ("random_layers", "fail")
    assert sorted(entry.name for entry in (tmp_path / "run").iterdir()) == ["0", "1"]
    attempt.attempt("smoke", 1, tmp_path / "again", "random_layers")
    assert [entry.name for entry in (tmp_path / "again").iterdir()] == ["0"]


def test_the_answer_tells_what_was_found_first() -> None:
    findings = [to_plain(Finding(Kind.SIGN, "first")), to_plain(Finding(Kind.COUNTER, "second"))]
    found = attempt.failure(Result("a", Verdict.FAIL, "m", 1.0, details={"findings": findings}))
    assert found["finding"]["text"] == "first"
