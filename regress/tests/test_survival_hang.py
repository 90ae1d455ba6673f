"""A hang is told apart: the design's own watchdog and the bench's patience in cycles, and the clock on the wall, with
what is known of simulated time."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from host.protocol import DeviceError, DeviceTimeout
from regress.execute import perform
from regress.farm.place import Ended
from regress.job import Verdict
from regress.reading import read_details
from regress.simulators import icarus
from regress.simulators.heartbeat import FILE, STILL_SECONDS, beat, told_beat
from regress.tests.fake_icarus import fake_icarus, icarus_job
from rtl.lib.registers import Error, Status
from tb.finding import Kind
from tb.heartbeat import FIRST_CYCLES, MOST_CYCLES, keep_beating, next_step
from tb.sequences import RequestSequence


class Busy:
    """A host whose accelerator is busy, its watchdog off."""

    async def read(self, name: str) -> int:
        return int(Status.BUSY) if name == "STATUS" else 0


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DeviceError(Error.WATCHDOG, 3), Kind.HANG),
        (DeviceTimeout("no interrupt in 50 cycles"), Kind.NO_INTERRUPT),
    ],
)
def test_too_many_cycles_are_a_finding_with_its_cycle(error: Any, kind: Kind) -> None:
    abandoned = SimpleNamespace(failures=[])
    scoreboard = SimpleNamespace(unfinished=lambda: ("conv1", "convolution"), abandon=lambda: abandoned)
    sequence: Any = object.__new__(RequestSequence)
    sequence.env = SimpleNamespace(
        catch_up=lambda: None, scoreboard=scoreboard, bench=SimpleNamespace(cycle=1234), host=Busy()
    )
    sequence.outcome = SimpleNamespace(failures=[])
    asyncio.run(sequence._stopped(error))
    (found,) = sequence.outcome.failures
    assert (found.kind, found.cycle, found.layer) == (kind, 1234, "conv1")


def beaten(folder: Path, cycle: int, seconds_ago: float) -> None:
    """A heartbeat of some time ago."""
    (folder / "simulation").mkdir()
    (folder / "simulation" / FILE).write_text(json.dumps({"cycle": cycle, "at": time.time() - seconds_ago}))


def test_a_job_beyond_its_time_limit_whose_cycles_stand_still(tmp_path: Path) -> None:
    beaten(tmp_path, 4321, STILL_SECONDS + 20)
    found = read_details(icarus_job("", 7.0), tmp_path, Ended(None, 1.0))
    assert (found["verdict"], found["findings"][0]["kind"]) == (Verdict.FAIL, "time-out")
    assert "did not end within 7 s: simulated time stands still, in cycle 4,321" in found["message"]


def test_a_job_beyond_its_time_limit_whose_cycles_go_on(tmp_path: Path) -> None:
    beaten(tmp_path, 4321, 0.5)
    found = read_details(icarus_job("", 7.0), tmp_path, Ended(None, 1.0))
    assert found["message"] == "did not end within 7 s: simulated time went on, to cycle 4,321"


def test_a_job_beyond_its_time_limit_without_a_heartbeat(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("garbage")
    assert read_details(icarus_job("", 7.0), tmp_path, Ended(None, 1.0))["message"].endswith(
        "the design hangs or is too slow"
    )


def test_a_simulator_beyond_its_own_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", fake_icarus(tmp_path / "bin"))
    icarus._version.cache_clear()
    order = f'echo \'{{"cycle": 70, "at": 5}}\' > {FILE}; sleep 60'
    details = perform(icarus_job(order, 7.0, limit=0.2), tmp_path)
    icarus._version.cache_clear()
    assert details["verdict"] is Verdict.FAIL
    assert (
        "time-out: did not end within 0.2 s; simulated time stands still, in cycle 70" in details["message"]
    )


def test_the_last_beat_counts(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        beat(tmp_path / str(number), number)
    assert told_beat(tmp_path) == "simulated time went on, to cycle 2"


def test_a_beat_on_a_full_disk_is_left_out(tmp_path: Path) -> None:
    (tmp_path / f"{FILE}.part").symlink_to("/dev/full")
    beat(tmp_path, 1)
    assert told_beat(tmp_path) == ""


def test_a_beat_takes_about_a_second_of_cycles() -> None:
    assert next_step(1000, 0.5) == 2000
    assert next_step(1000, 0.0) == 8000
    assert next_step(1000, 1000.0) == FIRST_CYCLES
    assert next_step(MOST_CYCLES, 0.5) == MOST_CYCLES


def test_a_simulation_keeps_beating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        cycle = 0

        async def cycles(self, count: int) -> None:
            if self.cycle:
                raise TimeoutError
            self.cycle += count

    with pytest.raises(TimeoutError):
        asyncio.run(keep_beating(Clock(), tmp_path))  # type: ignore[arg-type]  # as far as a heart asks
    assert told_beat(tmp_path) == f"simulated time went on, to cycle {FIRST_CYCLES}"
