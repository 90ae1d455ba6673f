"""What a job leaves may be garbage of any kind: it is broken with a reason, never a pass, and ends no other job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regress.execute import JOB, RESULT
from regress.farm.place import Ended
from regress.job import Job, Verdict
from regress.reading import LOG, read_details
from regress.runner import Runner
from regress.simulators import SimulatorError
from regress.simulators.files import read_json
from tb.contract_run import contract_found
from tb.finding import Finding, Kind, to_plain
from tb.outcome import RESULTS, RequestOutcome, load_outcomes, save_outcomes

GOOD: dict[str, Any] = {"verdict": "pass", "message": "", "checked": 3}
FOUND = to_plain(Finding(Kind.HANG, "hangs", "conv1", cycle=9, item=2))

WRONG: list[dict[str, Any]] = [
    {"verdict": ["pass"]},
    {"message": 7},
    {"checked": 0},
    {"checked": True},
    {"checked": "many"},
    {"failures": "x"},
    {"failures": [1]},
    {"coverage_files": "c"},
    {"findings": [1]},
    {"findings": [{}]},
    {"findings": [{**FOUND, "kind": "bad luck"}]},
    {"findings": [{**FOUND, "text": 1}]},
    {"findings": [{**FOUND, "item": [1]}]},
    {"findings": [{**FOUND, "more": 1}]},
    {"layers": {"a": 1}},
    {"layers": [1]},
]


def job(function: str, **changes: Any) -> Job:
    """A job that calls one of the fake functions."""
    fields = (function, "t", f"regress.tests.fake_jobs:{function}", "systolic", "tiny", "fake", 0, (5,), 60.0)
    return Job(*fields, **changes)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"verdict": "pa',
        b"\xff\xfe\x00garbage",
        b"[" * 100_000,
        b"[1, 2]",
        b"null",
        b'"pass"',
        b'{"verdict": "pass"}',
        b'{"verdict": "perhaps", "message": ""}',
        b'{"verdict": "pass", "message": "", "checked": NaN}',
        b'{"verdict": "pass", "message": "\\ud800", "checked": 3}',
        *(json.dumps({**GOOD, **wrong}).encode() for wrong in WRONG),
    ],
)
def test_a_result_that_is_garbage_is_broken(tmp_path: Path, content: bytes) -> None:
    (tmp_path / RESULT).write_bytes(content)
    (tmp_path / LOG).write_text("last words")
    details = read_details(job("write"), tmp_path, Ended(0, 1.0))
    assert details["verdict"] is Verdict.BROKEN
    assert details["message"].startswith("result.json cannot be believed: ")
    assert details["message"].isprintable() and "last words" in details["message"]


def test_a_good_result_is_believed(tmp_path: Path) -> None:
    good = {
        **GOOD,
        "verdict": "fail",
        "failures": ["hangs"],
        "findings": [FOUND],
        "message": "a\nb",
        "layers": [{}],
    }
    (tmp_path / RESULT).write_text(json.dumps(good))
    details = read_details(job("write"), tmp_path, Ended(0, 1.0))
    assert (details["verdict"], details["message"]) == (Verdict.FAIL, "a b")
    assert details["findings"] == [FOUND]


def test_garbage_of_one_job_leaves_the_others(tmp_path: Path) -> None:
    orders = ['b"[]"', 'b"\\xff"', 'b\'{"verdict": "x"}\'']
    jobs = [job("write", options={"order": order}) for order in orders]
    named = [
        Job(**{**vars(each), "name": str(number)}) for number, each in enumerate([*jobs, job("simulate")])
    ]
    results = Runner(tmp_path, 2, lambda one: "again").run(named, lambda result: None)
    assert [result.verdict for result in results] == [Verdict.BROKEN] * 3 + [Verdict.PASS]


def test_what_nobody_foresaw_of_one_job_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(runner: Runner, one: Job, folder: Path) -> Any:
        raise ZeroDivisionError("in the runner") if one.name == "refuse" else OSError(28, "No space left")

    monkeypatch.setattr(Runner, "start", start)
    first, second = Runner(tmp_path, 2, lambda one: "again").run(
        [job("refuse"), job("die")], lambda result: None
    )
    assert (first.verdict, first.message, first.repeat) == (
        Verdict.BROKEN,
        "ZeroDivisionError: in the runner",
        "again",
    )
    assert (second.verdict, second.message) == (Verdict.BROKEN, "OSError: [Errno 28] No space left")


def outcomes(folder: Path, **wrong: Any) -> None:
    """requests.json of a good request, but for what is wrong."""
    layer = {"name": "a", **dict.fromkeys(("cycles", "compute_cycles", "bytes_read", "bytes_written"), 1)}
    layer |= {"macs": 1, "macs_skipped": 1}
    save_outcomes(folder, [RequestOutcome("r", "run", 1, 1, values=3, layers=[layer])])
    (raw,) = json.loads((folder / RESULTS).read_text())
    (folder / RESULTS).write_text(json.dumps([{**raw, **wrong}]))


def test_a_good_simulation_is_believed(tmp_path: Path) -> None:
    assert load_outcomes(tmp_path) == []
    outcomes(tmp_path)
    assert load_outcomes(tmp_path)[0].passed


@pytest.mark.parametrize(
    "wrong",
    [
        {"values": True},
        {"values": "3"},
        {"values": float("nan")},
        {"failures": {}},
        {"failures": [{"kind": "x"}]},
        {"layers": [{"name": "a"}]},
        {"layers": [1]},
        {"more": 1},
        {"interval": "x"},
    ],
)
def test_a_simulation_that_leaves_garbage_is_broken(tmp_path: Path, wrong: dict[str, Any]) -> None:
    outcomes(tmp_path, **wrong)
    with pytest.raises(SimulatorError, match=r"requests\.json cannot be believed"):
        load_outcomes(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"checked": 1}', '{"checked": "1", "failures": []}'])
def test_a_contract_that_is_garbage_is_broken(tmp_path: Path, content: str) -> None:
    assert contract_found(tmp_path / "contract.json") == {}
    (tmp_path / "contract.json").write_text(content)
    with pytest.raises(SimulatorError, match=r"contract\.json cannot be believed"):
        contract_found(tmp_path / "contract.json")


def test_json_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / JOB).open("wb") as file:
        file.truncate(1 << 29)  # takes no room on disk
    with pytest.raises(ValueError, match="bytes are too many"):
        read_json(tmp_path / JOB)
