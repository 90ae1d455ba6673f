"""A simulator that crashes, is killed, hangs, prints or leaves garbage: told as what it is, and never a pass.

The real way of a job, with an `iverilog` and a `vvp` that misbehave as ordered.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regress.execute import perform
from regress.job import Verdict
from regress.simulators import SimulatorError, icarus, logs
from regress.simulators.logs import LONGEST, last_lines, one_line
from regress.simulators.status import told_status
from regress.tests.fake_icarus import fake_icarus, icarus_job


@pytest.fixture(autouse=True)
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PATH", fake_icarus(tmp_path / "bin"))
    icarus._version.cache_clear()
    yield
    icarus._version.cache_clear()


def run(folder: Path, order: str, **options: Any) -> dict[str, Any]:
    """What a job with this order makes of it."""
    return perform(icarus_job(order, **options), folder)


@pytest.mark.parametrize(
    ("order", "verdict", "message"),
    [
        ("pass", Verdict.PASS, ""),
        ("fail 'expected 1, got 0' > $COCOTB_RESULTS_FILE", Verdict.FAIL, "t: expected 1, got 0"),
        ("pass; exit 3", Verdict.FAIL, "the simulator ended with status 3"),
        ("echo g7; echo g8; kill -SEGV $$", Verdict.BROKEN, "(signal 11, SIGSEGV) and left no results; g7 | g8"),
        ("kill -ABRT $$", Verdict.BROKEN, "crashed (signal 6, SIGABRT)"),
        ("pass; kill -SEGV $$", Verdict.BROKEN, "crashed (signal 11, SIGSEGV) after its tests"),
        ("kill -KILL $$", Verdict.BROKEN, "was killed (signal 9, SIGKILL), maybe out of memory, and left no results"),
        ("exit 7", Verdict.BROKEN, "ended with status 7 and left no results; no output"),
        ("fail 'OSError: [Errno 28] No space left on device' > $COCOTB_RESULTS_FILE", Verdict.BROKEN, "No space left"),
        ("head -c 9000 /dev/urandom | tee $COCOTB_RESULTS_FILE", Verdict.BROKEN, "results.xml: no XML"),
        ("pass; truncate -s 40 $COCOTB_RESULTS_FILE", Verdict.BROKEN, "results.xml: no XML"),
        ("echo '<?xml version=\"1.0\" encoding=\"x\"?><a/>' > $COCOTB_RESULTS_FILE", Verdict.BROKEN, "no XML"),
        ("echo '<html/>' > $COCOTB_RESULTS_FILE", Verdict.BROKEN, "holds 'html' in place of test suites"),
        ("echo '<testsuites/>' > $COCOTB_RESULTS_FILE", Verdict.FAIL, ""),
    ],
)  # fmt: skip
def test_how_a_simulator_ends_is_told(tmp_path: Path, order: str, verdict: Verdict, message: str) -> None:
    details = run(tmp_path, order)
    assert details["verdict"] is verdict, details
    assert message in details["message"]
    assert details["message"].isprintable()


def test_a_version_that_cannot_be_told_is_the_machines_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin/iverilog").write_text("#!/bin/sh\nkill -SEGV $$\n")
    with pytest.raises(SimulatorError, match="does not tell its version"):
        icarus.Icarus().version()


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("kill -SEGV $$", "the build crashed (signal 11, SIGSEGV)"),
        ("exit 0", "the build left no sim.vvp"),
        ("echo 'a.v:1: error: No space left on device'; exit 1", "the build ended with status 1"),
    ],
)
def test_a_build_that_dies_is_none_of_the_design(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, message: str
) -> None:
    monkeypatch.setenv("FAKE_IVERILOG", order)
    details = run(tmp_path, "pass")
    assert details["verdict"] is Verdict.BROKEN and message in details["message"]
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("order", ["while :; do echo x; done", "yes 'no end'", "head -c 30000000 /dev/zero"])
def test_endless_output_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    monkeypatch.setattr(logs, "END", 2000)
    details = run(tmp_path, f"echo first; {order}; echo last", limit=0.3)
    log = (tmp_path / "simulation/run.log").read_bytes()
    assert log.startswith(b"first") and logs.CUT in log and len(log) <= 4 * logs.END
    assert len(details["message"]) < 2 * LONGEST and details["message"].isprintable()
    assert details["verdict"] is (Verdict.BROKEN if "zero" in order else Verdict.FAIL)


def test_the_end_of_a_long_log_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"begin" + bytes(5 * logs.END) + b"\nthe end \xff\x00\n")
    logs.cut(log)
    assert log.read_bytes().startswith(b"begin") and log.stat().st_size < 3 * logs.END
    assert last_lines(log, 1) == "the end \N{REPLACEMENT CHARACTER}"


def test_a_message_is_one_printable_line() -> None:
    assert one_line("a\x00b\n\x1b[31mc\ud800") == "a b [31mc"
    assert len(one_line("x" * 10**6)) < LONGEST + 5


def test_every_signal_has_words() -> None:
    assert told_status(-15) == "was killed (signal 15, SIGTERM)"
    assert told_status(-99) == "was killed (signal 99)"
