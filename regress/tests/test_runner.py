"""The runner on the fake simulator: every way a job can end, and what is left of it."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from rich.console import Console

from regress.execute import judged, perform
from regress.job import Job, Result, Verdict, exit_code, load_job
from regress.plan import Selection
from regress.regression import Regression
from regress.report import agreement, repeat
from regress.report.junit import write_junit
from regress.runner import Runner
from regress.testplan import Report, Schedule, Test, Testplan
from regress.tests.waiting import wait_for


def job(function: str = "simulate", verdict: str = "pass", **changes: Any) -> Job:
    """A job that calls one of the fake functions."""
    options = {"verdict": verdict} if function == "simulate" else {}
    name = f"regress.tests.fake_jobs:{function}"
    fields = {"name": f"{function}/{verdict}", "test": function, "function": name, "variant": "systolic"}
    place = {"config": "tiny", "simulator": "fake", "first": 0, "seeds": (5,), "timeout_seconds": 60.0}
    return Job(**{**fields, **place, "options": options, **changes})


@pytest.mark.parametrize(
    ("function", "verdict", "expected", "message"),
    [
        ("simulate", "pass", Verdict.PASS, ""),
        ("simulate", "fail", Verdict.FAIL, "check: expected 1, got 0"),
        ("simulate", "timeout", Verdict.FAIL, "time-out"),
        ("simulate", "die", Verdict.BROKEN, "SimulatorError: the simulator ended with status -11"),
        ("refuse", "", Verdict.BAD_INPUT, "x.tflite: node 'n' (LSTM): is not run here"),
        ("nothing", "", Verdict.FAIL, "nothing was checked"),
        ("no_such_function", "", Verdict.BROKEN, "AttributeError: "),
    ],
)
def test_every_ending_has_its_verdict(
    tmp_path: Path, function: str, verdict: str, expected: Verdict, message: str
) -> None:
    details = perform(job(function, verdict), tmp_path)
    assert details["verdict"] is expected
    assert str(details["message"]).startswith(message)


def test_failures_beat_a_claimed_pass() -> None:
    assert judged({"verdict": "pass", "checked": 3, "failures": ["x"]})["verdict"] is Verdict.FAIL


def test_job_survives_its_file(tmp_path: Path) -> None:
    job(needs=("A",)).save(tmp_path / "job.json")
    assert load_job(tmp_path / "job.json") == job(needs=("A",))


def run(folder: Path, *jobs: Job) -> list[Result]:
    """Results of jobs in processes of their own."""
    return Runner(folder, 2, lambda one: f"repeat {one.name}").run(jobs, lambda result: None)


def test_processes_leave_results_and_a_line_to_repeat(tmp_path: Path) -> None:
    good, dead, slow = run(tmp_path, job(), job("die"), job("sleep", timeout_seconds=2.0))
    assert (good.verdict, good.details["cycles"]) == (Verdict.PASS, 5)
    assert (dead.verdict, dead.repeat) == (Verdict.BROKEN, "repeat die/pass")
    assert "status 9 and left no result" in dead.message
    assert slow.verdict is Verdict.FAIL and "did not end within 2 s" in slow.message
    assert json.loads((tmp_path / "jobs/simulate.pass/result.json").read_text())["verdict"] == "pass"


def test_missing_variable_skips(tmp_path: Path) -> None:
    (result,) = run(tmp_path, job(needs=("ASSAY_TEST_UNSET",)))
    assert (result.verdict, result.message) == (Verdict.SKIP, "ASSAY_TEST_UNSET is not set")


def test_stopping_ends_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    runner = Runner(tmp_path, 1, lambda one: "")
    results: list[Result] = []
    jobs = [job("sleep"), job()]
    thread = Thread(target=lambda: results.extend(runner.run(jobs, lambda result: None)))
    thread.start()
    wait_for(tmp_path / "jobs/sleep.pass/started")
    runner.stop.set()
    thread.join(60)
    assert [result.verdict for result in results] == [Verdict.STOPPED, Verdict.STOPPED]


def regression(folder: Path, *verdicts: str) -> Regression:
    """A regression of fake runs that end as told."""
    schedules = tuple(
        Schedule(("ci",), (verdict,), ("fake",), options={"verdict": verdict}) for verdict in verdicts
    )
    test = Test("t", "g", "s", "c", "regress.tests.fake_jobs:simulate", ("systolic",), schedules)
    plan = Testplan((test,), (Report("agreement", "regress.report.agreement:report"),))
    return Regression(plan, Selection("ci", fresh=True), 2, folder, Console(file=io.StringIO(), width=200))


@pytest.mark.parametrize(
    ("verdicts", "code"), [(("pass",), 0), (("pass", "fail"), 1), (("pass", "die"), 3), (("nothing",), 1)]
)
def test_exit_code_and_files(tmp_path: Path, verdicts: tuple[str, ...], code: int) -> None:
    folder = tmp_path / "run"
    assert regression(folder, *verdicts).run() == code
    whole = json.loads((folder / "results.json").read_text())
    assert (whole["exit_code"], len(whole["results"])) == (code, len(verdicts) + 1)
    suite = ElementTree.parse(folder / "junit.xml").getroot()[0]
    assert suite.get("tests") == str(len(verdicts) + 1)


@pytest.mark.parametrize("times", [1, 2, 5])
def test_interrupt_keeps_what_finished(tmp_path: Path, times: int) -> None:
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED.format(folder=str(tmp_path / "run")))
    process = subprocess.Popen([sys.executable, str(script)], cwd=Path(__file__).parents[2])
    wait_for(tmp_path / "run/jobs/t.systolic.sleep.fake/started")
    wait_for(tmp_path / "run/jobs/t.systolic.pass.fake/result.json")
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    assert process.wait(60) == 130
    raw = json.loads((tmp_path / "run/results.json").read_text())
    assert sorted(result["verdict"] for result in raw["results"]) == ["pass", "stopped"]


# Who starts the tests in the background has the interrupt ignored.
INTERRUPTED = """
import io, signal, sys
from contextlib import nullcontext
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from rich.console import Console
from regress.farm.local import Local
from regress.plan import Selection
from regress.regression import Regression
from regress.testplan import Schedule, Test, Testplan
fake = "regress.tests.fake_jobs:"
def test(name, config, function):
    run = Schedule(("ci",), (config,), ("fake",))
    return Test(name, "g", "s", "c", fake + function, ("systolic",), (run,))
plan = Testplan((test("t", "pass", "simulate"), test("t", "sleep", "sleep")))
with nullcontext() as place:
    words = (plan, Selection("ci", fresh=True), 2, Path({folder!r}), Console(file=io.StringIO()))
    code = Regression(*words, place=place or Local()).run()
sys.exit(code)
"""


def test_nothing_run_is_not_green() -> None:
    skipped = Result("a", Verdict.SKIP, "", 0.0)
    assert exit_code([skipped]) == 3
    assert exit_code([skipped, Result("b", Verdict.PASS, "", 0.0)]) == 0
    assert exit_code([Result("c", Verdict.BAD_INPUT, "", 0.0)]) == 2


def result_of(simulator: str, cycles: int, items: tuple[str, ...] = ("a",)) -> Result:
    """A passing simulation with these cycles and items."""
    place = {
        "test": "t",
        "variant": "systolic",
        "config": "tiny",
        "first": 0,
        "seeds": list(range(len(items))),
    }
    details = {"cycles": cycles, "items": list(items)}
    return Result(f"t/{simulator}", Verdict.PASS, "", 1.0, job=place, details=details)


def test_simulators_must_agree_on_cycles() -> None:
    icarus, verilator, wrong = (result_of(*place) for place in (("icarus", 9), ("verilator", 9), ("x", 8)))
    assert agreement.disagreements([icarus, verilator]) == []
    assert agreement.disagreements([icarus, wrong]) == ["t/x: cycles is 8, the first has 9"]


def test_repeats_are_compared_by_name() -> None:
    first = [result_of("icarus", 9), result_of("verilator", 9)]
    assert repeat.compare(first, first) == (["t/icarus", "t/verilator"], [])
    assert repeat.compare(first, [result_of("icarus", 8)]) == (
        ["t/icarus"],
        ["t/icarus: cycles is 8, the first has 9"],
    )
    assert repeat.compare(first, []) == ([], [])


def test_simulators_must_agree_on_the_items_that_both_ran() -> None:
    icarus = result_of("icarus", 9, ("a", "b"))
    assert agreement.disagreements([icarus, result_of("verilator", 30, ("a", "b", "c"))]) == []
    (line,) = agreement.disagreements([icarus, result_of("verilator", 30, ("a", "x", "c"))])
    assert "item 1 is x, the first has b" in line
    (line,) = agreement.disagreements([icarus, result_of("verilator", 30, ())])
    assert "no list of them" in line


def test_junit_holds_any_message(tmp_path: Path) -> None:
    write_junit(tmp_path / "j.xml", "ci", [Result("a/b", Verdict.FAIL, "bad \x00 <&>", 1.0, repeat="again")])
    case = ElementTree.parse(tmp_path / "j.xml").getroot()[0][0]
    failure = case.find("failure")
    assert (
        failure is not None and failure.get("message") == "bad ? <&>" and failure.text == "repeat with: again"
    )


def test_junit_names_the_files_of_what_did_not_pass(tmp_path: Path) -> None:
    for name in ("output.log", "dump.fst"):
        (tmp_path / name).write_text("x")
    bad = Result("a/b", Verdict.FAIL, "m", 1.0, folder=str(tmp_path))
    groups = [
        {"first": {"job": "a/b"}, "again": {"wave": str(tmp_path / "dump.fst"), "save": str(tmp_path / "no")}}
    ]
    write_junit(tmp_path / "j.xml", "ci", [bad, Result("a/c", Verdict.PASS, "", 1.0)], groups)
    first, second = ElementTree.parse(tmp_path / "j.xml").getroot()[0]
    assert (first.findtext("system-out") or "").splitlines() == [
        f"[[ATTACHMENT|{tmp_path / 'output.log'}]]",
        f"[[ATTACHMENT|{tmp_path / 'dump.fst'}]]",
    ]
    assert second.find("system-out") is None
