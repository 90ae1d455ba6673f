"""Icarus Verilog."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import cocotb_tools.runner

from regress.simulators.base import Build, Outcome, Run, SimulatorError
from regress.simulators.cache import cache_root, content_key, get_or_build
from regress.simulators.cocotb_runner import Commands, build_model, run_model
from regress.simulators.logs import one_line

PRODUCT = "sim.vvp"


class Icarus:
    """Event-driven, four-valued: shows X where Verilator shows a random value."""

    name = "icarus"

    def available(self) -> tuple[bool, str]:
        """Whether iverilog and vvp are on PATH."""
        missing = [tool for tool in ("iverilog", "vvp") if shutil.which(tool) is None]
        return not missing, f"{' and '.join(missing)} not found" if missing else ""

    def version(self) -> str:
        """First line of `iverilog -V`."""
        return _version()

    def environment(self) -> dict[str, str]:
        """Icarus needs none."""
        return {}

    def build(self, build: Build) -> Path:
        """See Simulator.build."""
        return get_or_build(build.build_dir or cached_folder(build), lambda folder: _build(build, folder))

    def run(self, run: Run) -> Outcome:
        """See Simulator.run."""
        trace = (run.run_dir / f"{run.top}.fst").resolve() if run.trace else None
        dump = (f"+dumpfile_path={trace}",) if trace else ()
        return run_model(_Runner(), replace(run, plusargs=(*run.plusargs, *dump)), (), trace)


class _Runner(Commands, cocotb_tools.runner.Icarus):
    """cocotb's Icarus with our way of executing."""


def cached_folder(build: Build) -> Path:
    """Where an equal build is kept."""
    facts = ("icarus", _version(), build.top, dict(build.parameters), dict(build.defines), build.arguments)
    key = content_key([*facts, build.trace, build.timescale], build.sources, build.includes)
    return cache_root() / f"icarus-{build.top}-{key}"


def _build(build: Build, folder: Path) -> None:
    sources = tuple(source for source in build.sources if source.suffix != ".vlt")
    build_model(_Runner(), replace(build, sources=sources), folder, (), PRODUCT)


@cache
def _version() -> str:
    try:
        told = subprocess.run(
            ["iverilog", "-V"], capture_output=True, text=True, errors="replace", check=True
        )
        return one_line(told.stdout.splitlines()[0])
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        raise SimulatorError(f"iverilog does not tell its version: {error}") from None
