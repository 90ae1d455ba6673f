"""Converted designs of designs.py, linted and built for replay once, kept by the content of their Verilog."""

import functools
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from regress.simulators.cache import cache_root, get_or_build
from rtl.convert import Port, convert_in_subprocess
from rtl.convert.lint import lint
from rtl.convert.tests.simulate import RANDOM_REGISTERS, build_icarus, build_verilator, call, has_verilator

ONLY, VERILATOR = "ASSAY_BLOCKS_SIMULATOR", "verilator"  # a job of the regression asks for one simulator


@dataclass(frozen=True)
class Model:
    """Executables of one design: `levels` are names and commands without their plusargs."""

    ports: tuple[Port, ...]
    levels: tuple[tuple[str, tuple[str, ...]], ...]

    def run(self, stimulus: Path, cycles: int) -> Iterator[tuple[str, list[str]]]:
        """Each level's name, and a line of output bits for each cycle."""
        for level, command in self.levels:
            lines = call([*command, f"+stimulus={stimulus}", f"+cycles={cycles}"])
            yield level, [line for line in lines if not line.startswith("-")]


def address(name: str) -> tuple[str, tuple[str, ...]]:
    """Where a design is: "module:function", and the strings that the function takes, which follow after spaces."""
    place, *arguments = name.split()
    return place if ":" in place else f"rtl.lib.tests.designs:{place}", tuple(arguments)


@functools.cache
def prepared(name: str, bench: str, verilated: bool = True) -> Model:
    """The model of a design (see `address`), whose Verilog must pass lint.

    `bench` is the text of replay's bench; verilated: under Verilator too, whose build takes much longer."""
    verilated = verilated and has_verilator() and os.environ.get(ONLY, VERILATOR) == VERILATOR
    target, arguments = address(name)
    with tempfile.TemporaryDirectory() as scratch:
        conversion = convert_in_subprocess(target, Path(scratch), arguments=arguments)
        texts = {file.name: file.read_text() for file in conversion.files}
    texts["bench.v"] = bench.format(**_connections(conversion))
    bare = {file: re.sub(r"^`line.*$", "", text, flags=re.MULTILINE) for file, text in texts.items()}
    key = hashlib.sha256(repr((bare, verilated)).encode()).hexdigest()[:16]
    place = cache_root() / "lib" / f"{name.rpartition(':')[2].replace(' ', '-')}-{key}"
    build = functools.partial(_build, texts=texts, top=conversion.top, verilated=verilated)
    folder = get_or_build(place, build)
    levels = [("icarus", ("vvp", "-n", str(folder / "icarus")))]
    if verilated:
        levels.append(("verilator", (str(folder / "simulate"), *RANDOM_REGISTERS)))
    return Model(conversion.ports, tuple(levels))


def _connections(conversion) -> dict[str, object]:
    pieces, widths = [".clk(clk)"], {"input": 0, "output": 0}
    vectors = {"input": "now", "output": "seen"}
    for port in conversion.ports:
        if port.name != "clk" and port.direction in widths:
            position = widths[port.direction]
            pieces.append(f".{port.name}({vectors[port.direction]}[{position} +: {port.width}])")
            widths[port.direction] += port.width
    return {
        "inputs": widths["input"],
        "outputs": widths["output"],
        "top": conversion.top,
        "connections": ", ".join(pieces),
    }


def _build(scratch: Path, texts: dict[str, str], top: str, verilated: bool) -> None:
    for name, text in texts.items():
        (scratch / name).write_text(text)
    files = [scratch / name for name in texts]
    lint([file for file in files if file.name != "bench.v"], top)
    build_icarus(files, "bench", scratch)
    if verilated:
        build_verilator(files, "bench", scratch)
