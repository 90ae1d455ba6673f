"""One regression of fake runs in a process of its own: `python -m regress.tests.survival_run FOLDER FUNCTION ...`.

A job for each function, two at a time; the exit code is the regression's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.console import Console

from regress.plan import Selection
from regress.regression import Regression
from regress.testplan import Schedule, Test, Testplan


def main() -> None:
    """Entry point."""
    folder, functions = Path(sys.argv[1]), sys.argv[2:]
    schedule = Schedule(("ci",), ("tiny",), ("fake",))
    place = ("g", "s", "c")
    tests = [
        Test(name, *place, f"regress.tests.fake_jobs:{name}", ("systolic",), (schedule,))
        for name in functions
    ]
    with Path(os.devnull).open("w") as nowhere:
        console = Console(file=nowhere)
        sys.exit(Regression(Testplan(tuple(tests)), Selection("ci"), 2, folder, console).run())


if __name__ == "__main__":
    main()
