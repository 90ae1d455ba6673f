"""Runs Verilog benches that print, under Icarus and under Verilator, and returns what they printed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rtl.convert.lint import tool_environment, verilator_program

_COROUTINES = "-fcoroutines -std=gnu++20 -O0"
_MAKEFLAGS = "CFG_CXXFLAGS_PCH_I=-include CXX=g++ LINK=g++ AR=ar PYTHON3=python3"
RANDOM_REGISTERS = ("+verilator+rand+reset+2", "+verilator+seed+7")


def icarus(files: Sequence[Path], top: str, folder: Path) -> list[str]:
    """Lines printed under Icarus."""
    return call(["vvp", "-n", str(build_icarus(files, top, folder))])


def verilator(files: Sequence[Path], top: str, folder: Path) -> list[str]:
    """Lines printed under Verilator, registers starting from random values."""
    lines = call([str(build_verilator(files, top, folder)), *RANDOM_REGISTERS])
    return [line for line in lines if not line.startswith("- ")]


def build_icarus(files: Sequence[Path], top: str, folder: Path) -> Path:
    """The program for vvp, `folder`/icarus."""
    call(["iverilog", "-g2012", "-s", top, "-o", str(folder / "icarus"), *map(str, files)])
    return folder / "icarus"


def build_verilator(files: Sequence[Path], top: str, folder: Path) -> Path:
    """The executable, `folder`/simulate; compiled fast rather than to run fast."""
    program = verilator_program()
    environment = {**os.environ, **tool_environment(program), "MAKEFLAGS": _MAKEFLAGS}
    options = ["--binary", "--timing", "-Wno-fatal", "-Wno-lint", "--x-initial", "unique"]
    options += ["-CFLAGS", _COROUTINES, "-MAKEFLAGS", "OPT_FAST= OPT_GLOBAL=-O0", "--top-module", top]
    work = folder / "verilated"
    call([program, *options, "--Mdir", str(work), "-o", "simulate", *map(str, files)], environment)
    shutil.move(work / "simulate", folder / "simulate")
    shutil.rmtree(work)
    return folder / "simulate"


def has_verilator() -> bool:
    """Whether the Verilator run can be made here."""
    return bool(verilator_program()) and all(shutil.which(tool) for tool in ("g++", "make", "perl"))


def call(command: Sequence[str], environment: dict[str, str] | None = None) -> list[str]:
    """Lines that a command prints. Raises RuntimeError with its messages."""
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{result.stderr}{result.stdout}")
    return result.stdout.splitlines()
