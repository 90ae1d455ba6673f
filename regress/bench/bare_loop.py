"""A bare C++ loop around the accelerator's Verilog and the simulated memory, as a measure of the environment's cost.

No VPI, no public signals, no trace, no coverage, no checkers; the optimisation is that of the full model.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compiler.configurations import short_name
from compiler.program import Program
from regress.simulators import BuildError
from regress.simulators.cache import cache_root, content_key, get_or_build
from regress.simulators.verilator import SPLIT, Verilator, processor
from rtl.lib.registers import BY_NAME, Control, Interrupt
from tb.model import HDL, converted, memory_words
from tb.placement import MemoryMap
from tb.records import beats
from tb.settings import MemorySettings
from tb.variants import find_config

HERE = Path(__file__).parent / "bare"
TOP = "bare_top"
# As in the full model (regress/simulators/verilator.py), but for --timing, of which there is no need here.
ARGUMENTS = (
    "--no-timing",
    "--x-initial",
    "unique",
    "-O3",
    "--output-split",
    SPLIT,
    "-Wno-fatal",
    "-Wno-lint",
)
PROGRAM_FILE, INPUT_FILE, OUTPUT_FILE = 1, 2, 3


@dataclass(frozen=True)
class BareRun:
    """seconds and simulated cycles from RUN to the interrupt; `counted`: the CYCLES register; outputs in memory."""

    seconds: float
    simulated: int
    counted: int
    outputs: bytes


def build(variant: str, config_name: str, memory: MemorySettings) -> Path:
    """The executable's folder, built when its content is new. Raises BuildError."""
    config, design = find_config(variant, config_name), converted(variant, config_name)
    sources = (HERE / "main.cpp", HERE / "bare_top.sv", HDL / "memory.sv", *design.files)
    words = memory_words("verilator", config.memory_bytes)
    flags = (*ARGUMENTS, f"-GBYTES={config.memory_bytes}", f"-GWORDS={words}", f"-DASSAY_DUT={design.top}",
             f"-DASSAY_LATENCY=16'd{memory.latency}", f"-DASSAY_RATE=16'd{memory.rate}")  # fmt: skip
    tool = Verilator()
    environment = tool.environment()
    facts = ("bare", tool.version(), processor(), flags, environment["MAKEFLAGS"])
    folder = cache_root() / f"bare-{variant}-{short_name(config_name)}-{content_key(facts, sources, ())}"
    command = ["verilator", "--cc", "--exe", "--build", "--top-module", TOP, *flags, *map(str, sources)]
    return get_or_build(folder, lambda scratch: _compile(command, scratch, environment))


def _compile(command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    log = folder.with_suffix(".log")
    with log.open("w") as output:
        words = [*command, "--Mdir", str(folder)]
        done = subprocess.run(
            words, env={**os.environ, **environment}, stdout=output, stderr=output, check=False
        )
    if done.returncode:
        raise BuildError("the bare loop could not be built", log)


@dataclass(frozen=True)
class BareLoop:
    """One program with its inputs, ready to be run any number of times in `folder`."""

    built: Path
    folder: Path
    script: str
    output_bytes: int
    seed: int

    def run(self) -> BareRun:
        """Simulate once. Raises subprocess.CalledProcessError when the interrupt does not come."""
        words = [str(self.built / f"V{TOP}"), "+verilator+rand+reset+2", f"+verilator+seed+{self.seed}"]
        done = subprocess.run(
            words, cwd=self.folder, input=self.script, capture_output=True, text=True, check=True
        )
        return self._read(done.stdout)

    def _read(self, text: str) -> BareRun:
        lines = [line.split() for line in text.splitlines()]
        seconds, simulated = next(
            (float(line[1]), int(line[3])) for line in reversed(lines) if line[0] == "seconds"
        )
        error, low, high = (int(line[1]) for line in lines if line[0] == "register")
        if error:
            raise RuntimeError(f"the bare loop ended with error {error}")
        outputs = (self.folder / f"dump_{OUTPUT_FILE}.bin").read_bytes()[: self.output_bytes]
        return BareRun(seconds, simulated, high << 32 | low, outputs)


def prepare(
    built: Path,
    folder: Path,
    program: Program,
    inputs: bytes,
    images: int,
    where: MemoryMap,
    port: int,
    seed: int,
) -> BareLoop:
    """Write the memory's files and the script. port: bytes of the memory port; where: as in the full environment."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {}
    for index, content in ((PROGRAM_FILE, program.image), (INPUT_FILE, inputs)):
        words = beats(content, port)
        (folder / f"load_{index}.bin").write_bytes(words)
        sizes[index] = len(words)
    outputs = images * program.output_bytes
    script = [
        f"load {PROGRAM_FILE:x} {where.program:x} {sizes[PROGRAM_FILE]:x}",
        f"load {INPUT_FILE:x} {where.inputs:x} {sizes[INPUT_FILE]:x}",
        _write("IRQ_ENABLE", Interrupt.CONFIGURED | Interrupt.COMPLETED | Interrupt.ERROR),
        *(
            _write(name, value)
            for name, value in (("PROG_ADDR", where.program), ("PROG_LEN", len(program.image)))
        ),
        *(_write("CTRL", Control.CONFIGURE), "wait", _write("IRQ_STATUS", Interrupt.CONFIGURED)),
        *(_write(name, value) for name, value in (("IN_ADDR", where.inputs), ("OUT_ADDR", where.outputs))),
        *(_write("COUNT", images), "time", _write("CTRL", Control.RUN), "wait"),
        *(f"read {BY_NAME[name].address:x}" for name in ("ERROR", "CYCLES_LO", "CYCLES_HI")),
        f"dump {OUTPUT_FILE:x} {where.outputs:x} {outputs:x}",
    ]
    return BareLoop(built, folder, "\n".join(script) + "\n", outputs, seed)


def _write(name: str, value: int) -> str:
    return f"write {BY_NAME[name].address:x} {int(value):x}"
