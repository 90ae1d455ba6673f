"""What a simulator is to the project: plain data in, plain data out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class SimulatorError(Exception):
    """The simulator could not be found, started or understood: the machine's fault, not the design's."""


class BuildError(Exception):
    """The simulator refused the sources; `log` is the whole build log."""

    def __init__(self, message: str, log: Path) -> None:
        super().__init__(f"{message}; see {log}")
        self.log = log


@dataclass(frozen=True)
class Build:
    """One executable model. Equal builds are made once (`build_dir` None: kept in the cache by content).

    `sources` are Verilog, SystemVerilog and, for Verilator, control (.vlt) files; `arguments` go to the
    simulator's compiler as they are. No signal is public unless a control file says so. `clock` is an input of the top
    module that Verilator's model drives by itself; the sources make it themselves under every other simulator.
    `gate` is an output of the top module that tells when waves are recorded, '' for always (under Verilator; for other
    simulators the sources do it).
    """

    sources: tuple[Path, ...]
    top: str
    parameters: Mapping[str, int | str] = field(default_factory=dict)
    defines: Mapping[str, int | str] = field(default_factory=dict)
    includes: tuple[Path, ...] = ()
    arguments: tuple[str, ...] = ()
    trace: bool = False
    coverage: bool = False
    timescale: tuple[str, str] = ("1ns", "1ps")
    clock: str = ""
    gate: str = ""
    build_dir: Path | None = None


@dataclass(frozen=True)
class Run:
    """One simulation of a built model by a cocotb test module. Everything it writes goes to `run_dir`.

    `seed` starts cocotb's generator and, under Verilator, the registers' random values. `scopes`: what is traced, full
    name and levels below it each, () for all; other simulators than Verilator trace everything.
    """

    built: Path
    top: str
    test_module: str
    run_dir: Path
    testcase: str | None = None
    seed: int = 1
    plusargs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    trace: bool = False
    scopes: tuple[tuple[str, int], ...] = ()
    coverage: bool = False
    timeout_seconds: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What a simulation left. `failures` are "test: message"; a pass has `tests` > 0 and none."""

    tests: int
    failures: tuple[str, ...]
    log: Path
    results_xml: Path
    wall_seconds: float
    timed_out: bool = False
    trace: Path | None = None
    coverage: Path | None = None

    @property
    def passed(self) -> bool:
        """True when at least one test ran and none failed."""
        return self.tests > 0 and not self.failures and not self.timed_out


class Simulator(Protocol):
    """A simulator that cocotb can drive."""

    name: str

    def available(self) -> tuple[bool, str]:
        """Whether it can be used here, and why not."""

    def version(self) -> str:
        """Its version line, part of every build's key."""

    def environment(self) -> dict[str, str]:
        """Variables to add to os.environ for calling its tools by hand, lint for example."""

    def build(self, build: Build) -> Path:
        """Build a model, or find it in the cache; the folder to give to `Run.built`.

        Raises BuildError when the sources are refused, SimulatorError when the tools fail.
        """

    def run(self, run: Run) -> Outcome:
        """Simulate. Failing tests and time-outs are in the outcome.

        Raises SimulatorError when the simulator died without leaving results.
        """
