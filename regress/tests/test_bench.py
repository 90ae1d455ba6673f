"""The benchmark reads and refuses what a bare loop prints, and shows its figures."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from regress.bench.__main__ import lines
from regress.bench.bare_loop import OUTPUT_FILE, TOP, BareLoop
from regress.bench.speed import runs_on_tiny

TOLD = ("seconds 0.5 cycles 9", "seconds 2.5 cycles 1003", "register {error}", "register 1000", "register 1")


def loop(folder: Path, error: int) -> BareLoop:
    """A loop whose executable prints and leaves what a real one would."""
    executable = folder / f"V{TOP}"
    told = "\n".join(TOLD).format(error=error)
    executable.write_text(f"#!/bin/sh\ncat > script\necho '{told}'\nprintf abcd > dump_{OUTPUT_FILE}.bin\n")
    executable.chmod(executable.stat().st_mode | stat.S_IXUSR)
    return BareLoop(folder, folder, "write c 2\nwait\n", 3, 1)


def test_the_run_counts_and_not_the_configuration(tmp_path: Path) -> None:
    done = loop(tmp_path, 0).run()
    assert (done.seconds, done.simulated, done.counted) == (2.5, 1003, (1 << 32) + 1000)
    assert done.outputs == b"abc"
    assert (tmp_path / "script").read_text() == "write c 2\nwait\n"


def test_an_error_of_the_accelerator_is_no_speed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="error 4"):
        loop(tmp_path, 4).run()


def test_figures_of_a_group_are_indented() -> None:
    assert [line.split() for line in lines({"ratio": 0.75, "group": {"count": 3}})] == [
        ["ratio", "0.750"],
        ["group"],
        ["count", "3"],
    ]


def test_a_pipeline_runs_its_own_network_only() -> None:
    assert runs_on_tiny("bcnn", "fashion_bnn") and not runs_on_tiny("bcnn", "fashion_int4")
    assert runs_on_tiny("systolic", "fashion_int4")
