"""cocotb's runner classes with our environment, time limits and logs.

cocotb's `Runner` knows the commands and variables of each simulator; what it lacks is replaced here: a time
limit, a process group that can be ended, an environment that the caller's shell does not override.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from cocotb_tools.runner import Runner

from regress.simulators.base import Build, BuildError, Outcome, Run, SimulatorError
from regress.simulators.heartbeat import told_beat
from regress.simulators.logs import last_lines, one_line
from regress.simulators.process import UNWANTED, execute
from regress.simulators.results import read_results
from regress.simulators.status import told_status

# Of which files cocotb rewrites assert statements as pytest does: by default of every module that is imported, numpy's
# too, anew in each simulation, which takes longer than all else of a short one. What we check is no assert.
REWRITTEN = "COCOTB_REWRITE_ASSERTION_FILES"
# A test that fails with one of these says nothing about the design.
MACHINE = (
    *map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOMEM)),
    "MemoryError",
)


class Commands(Runner):
    """Mixed into one of cocotb's runners: how its commands are executed."""

    tool_environment: Mapping[str, str] = {}
    timeout_seconds: float | None = None
    exit_status: int | None = 0

    def _set_env_common(self) -> None:
        wanted = dict(self.env)
        super()._set_env_common()
        for name in UNWANTED:
            self.env.pop(name, None)
        self.env.update(self.tool_environment, **wanted)
        self.env[REWRITTEN] = ""
        self.env["PATH"] = f"{self.tool_environment.get('PATH', '')}:{self.env['PATH']}".strip(":")

    def _execute_cmds(
        self, cmds: Sequence[Sequence[str]], cwd: os.PathLike[str] | str, stdout: TextIO | None = None
    ) -> None:
        if self.log_file is None:
            raise SimulatorError("a simulator command needs a log file")
        for command in cmds:
            self.exit_status = execute(
                command, Path(cwd), self.env, Path(self.log_file), self.timeout_seconds
            )
            if self.exit_status != 0:
                return


def build_model(runner: Commands, build: Build, folder: Path, arguments: Sequence[str], product: str) -> None:
    """Build `product` into `folder`, log in build.log. Raises BuildError when the sources were refused."""
    log = folder / "build.log"
    runner.build(
        sources=build.sources,
        hdl_toplevel=build.top,
        parameters=build.parameters,
        defines=build.defines,
        includes=build.includes,
        build_args=[*arguments, *build.arguments],
        build_dir=folder,
        timescale=build.timescale,
        waves=build.trace,
        always=True,
        log_file=log,
    )
    if runner.exit_status != 0:
        raise_build_failure(build, keep_log(folder), runner.exit_status)
    if not (folder / product).exists():
        raise SimulatorError(f"{build.top}: the build left no {product}; see {keep_log(folder)}")


def keep_log(folder: Path) -> Path:
    """Move a failed build's log out of its scratch folder, which is removed."""
    kept = folder.with_suffix(".failed.log")
    shutil.move(folder / "build.log", kept)
    shutil.rmtree(folder, ignore_errors=True)
    return kept


def raise_build_failure(build: Build, log: Path, status: int | None) -> None:
    """Raise BuildError for an error in the sources, SimulatorError for anything else."""
    lines = log.read_text(errors="replace").splitlines()
    errors = [one_line(line) for line in lines if is_source_error(line)]
    if errors and not any(word in line for line in lines for word in MACHINE):
        raise BuildError(f"{build.top}: {errors[0]}", log)
    ending = "did not end" if status is None else told_status(status)
    raise SimulatorError(f"{build.top}: the build {ending}; {last_lines(log)}; see {log}")


def is_source_error(line: str) -> bool:
    """True for a line in which Icarus or Verilator complains about Verilog."""
    return line.startswith("%Error") or bool(re.search(r"\.s?v:\d+:.*error", line, re.IGNORECASE))


def run_model(runner: Commands, run: Run, language_arguments: Sequence[str], trace: Path | None) -> Outcome:
    """Simulate, its output in run.log and its verdicts in results.xml of `run.run_dir`."""
    run.run_dir.mkdir(parents=True, exist_ok=True)
    log, results = run.run_dir / "run.log", run.run_dir / "results.xml"
    log.unlink(missing_ok=True)
    runner.timeout_seconds = run.timeout_seconds
    start = time.monotonic()
    quietly(
        lambda: runner.test(
            test_module=run.test_module,
            hdl_toplevel=run.top,
            hdl_toplevel_lang="verilog",
            testcase=run.testcase,
            seed=run.seed,
            test_args=language_arguments,
            plusargs=run.plusargs,
            extra_env=run.environment,
            waves=run.trace,
            build_dir=run.built,
            test_dir=run.run_dir,
            results_xml=str(results.resolve()),
            log_file=log.resolve(),
        )
    )
    seconds = time.monotonic() - start
    return outcome(runner.exit_status, log, results, seconds, trace, run.timeout_seconds)


def quietly(test: Callable[[], object]) -> None:
    """Call cocotb's test(), which under pytest reads the results file, exits on a failure and stumbles over what is no
    results file: it is read by us."""
    with contextlib.suppress(SystemExit, ElementTree.ParseError, ValueError, LookupError):
        test()


def outcome(
    status: int | None,
    log: Path,
    results: Path,
    seconds: float,
    trace: Path | None,
    limit: float | None = None,
) -> Outcome:
    """Read what a run left. Raises SimulatorError when it died before writing its results, or when it was the machine
    that failed."""
    kept = trace if trace and trace.exists() else None
    if status is None:
        return Outcome(0, (time_out(limit, log.parent),), log, results, seconds, timed_out=True, trace=kept)
    tests, failures = results_of(status, log, results)
    machine = next((failure for failure in failures if any(word in failure for word in MACHINE)), None)
    if machine is not None:
        raise SimulatorError(f"{one_line(machine)}; see {log}")
    if status < 0 and not failures:
        raise SimulatorError(
            f"the simulator {told_status(status)} after its tests; {last_lines(log)}; see {log}"
        )
    if status != 0 and not failures:
        failures = (f"the simulator ended with status {status}",)
    return Outcome(tests, failures, log, results, seconds, trace=kept)


def results_of(status: int, log: Path, results: Path) -> tuple[int, tuple[str, ...]]:
    """read_results; raises SimulatorError when there are none."""
    try:
        return read_results(results)
    except OSError:
        told = f"the simulator {told_status(status)} and left no results; {last_lines(log)}; see {log}"
    except ValueError as error:
        told = f"the simulator {told_status(status)}; {results.name}: {one_line(str(error))}; see {log}"
    raise SimulatorError(told)


def time_out(limit: float | None, folder: Path) -> str:
    """How a run that was ended is told."""
    return "; ".join(filter(None, (f"time-out: did not end within {limit or 0:g} s", told_beat(folder))))
