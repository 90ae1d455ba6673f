"""The `assay` command: list, optimize, size, compile, disasm, run, waves, bisect, regress, merge, close,
mutants, history.

Exit codes: 0 all is well, 1 the design is wrong, 2 the input is, 3 the machine is.
"""

from __future__ import annotations

import signal
import sys

import typer

from regress.cli import networks, runs, suites
from regress.endings import guarded

__all__ = ["app", "main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
app.command("list")(networks.list_command)
COMMANDS = (
    *(networks.optimize, networks.size, networks.compile, networks.disasm),
    *(runs.run, runs.waves, runs.bisect),
    *(suites.regress, suites.merge, suites.close, suites.mutants, suites.history),
)
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Entry point of the console script. SIGTERM ends it as Ctrl-C does: with what it started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(guarded(app))
