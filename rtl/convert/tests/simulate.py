"""Runs Verilog benches that print, under Icarus and under Verilator, and returns what they printed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rtl.convert.lint import _environment, _verilator_program

_COROUTINES = "-fcoroutines -std=gnu++20 -O0"
_MAKEFLAGS = "CFG_CXXFLAGS_PCH_I=-include CXX=g++ LINK=g++ AR=ar PYTHON3=python3"


def icarus(files: Sequence[Path], top: str, folder: Path) -> list[str]:
    """Lines printed under Icarus."""
    _call(["iverilog", "-g2012", "-s", top, "-o", str(folder / "icarus"), *map(str, files)])
    return _call(["vvp", "-n", str(folder / "icarus")])


def verilator(files: Sequence[Path], top: str, folder: Path) -> list[str]:
    """Lines printed under Verilator, registers starting from random values."""
    program = _verilator_program()
    environment = {**os.environ, **_environment(program), "MAKEFLAGS": _MAKEFLAGS}
    _call(
        [
            program,
            "--binary",
            "--timing",
            "-Wno-fatal",
            "-Wno-lint",
            "--x-initial",
            "unique",
            "-CFLAGS",
            _COROUTINES,
            "-MAKEFLAGS",
            "OPT_FAST= OPT_GLOBAL=-O0",
            "--top-module",
            top,
            "--Mdir",
            str(folder / "verilated"),
            "-o",
            "simulate",
            *map(str, files),
        ],
        environment,
    )
    lines = _call([str(folder / "verilated" / "simulate"), "+verilator+rand+reset+2", "+verilator+seed+7"])
    return [line for line in lines if not line.startswith("- ")]


def has_verilator() -> bool:
    """Whether the Verilator run can be made here."""
    return bool(_verilator_program()) and all(shutil.which(tool) for tool in ("g++", "make", "perl"))


def _call(command: list[str], environment: dict[str, str] | None = None) -> list[str]:
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{result.stderr}{result.stdout}")
    return result.stdout.splitlines()
