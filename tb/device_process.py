"""`python -m tb.device_process FOLDER`: the simulation of FOLDER's device.json, until its host lets it go.

A process of its own, for cocotb's runner changes the process that calls it. Exit code 1 with one line a failure when
the simulation did not end well.
"""

from __future__ import annotations

import sys
from pathlib import Path

from regress.simulators import Run, SimulatorError, find
from tb.device_job import load_device_job
from tb.model import TOP

MODULE = "tb.device"


def main() -> None:
    """Entry point."""
    folder = Path(sys.argv[1])
    job = load_device_job(folder)
    try:
        done = find(job.simulator).run(Run(Path(job.built), TOP, MODULE, folder, seed=job.seed))
    except SimulatorError as error:
        sys.exit(str(error))
    if not done.passed:
        sys.exit("\n".join(done.failures) or "the simulation ran no test")


if __name__ == "__main__":
    main()
