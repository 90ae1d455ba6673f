"""An Icarus whose `vvp` does what it is told, in the few milliseconds that a shell takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from regress.job import Job

IVERILOG = """#!/bin/sh
case "$1" in -V) echo "Icarus Verilog version 11.0 (fake)"; exit;; esac
eval "$FAKE_IVERILOG"
while [ "$1" != -o ]; do shift; done
echo model > "$2"
"""
VVP = """#!/bin/sh
pass() { echo '<testsuites><testsuite><testcase name="t"/></testsuite></testsuites>' > "$COCOTB_RESULTS_FILE"; }
fail() { echo "<testsuites><testcase name='t'><failure message='$1'/></testcase></testsuites>"; }
eval "$FAKE_VVP"
"""


def icarus_job(order: str, seconds: float = 60.0, **options: Any) -> Job:
    """One run on the fake Icarus, which does as ordered; seconds: of the job, at most."""
    function = "regress.tests.fake_jobs:icarus"
    place = ("systolic", "tiny", "icarus", 0, (5,))
    return Job("icarus", "icarus", function, *place, seconds, {"order": order, **options})


def fake_icarus(folder: Path) -> str:
    """Write both commands into a folder; PATH with them first."""
    folder.mkdir()
    for name, text in (("iverilog", IVERILOG), ("vvp", VVP)):
        file = folder / name
        file.write_text(text)
        file.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"
