"""One network by hand: what `assay compile`, `assay disasm` and `assay run` do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from compiler import api
from compiler.configurations import short_name
from compiler.errors import AssayError, BadData, MalformedFile, UnknownName
from compiler.networks import load
from compiler.program import Program
from regress.console import print_lines
from regress.execute import plain
from regress.report.networks import speed_line
from regress.simulators import SimulatorError, find
from regress.simulators.cache import ROOT, locked
from regress.triage.bisect import Bisection, Cause
from regress.waves.layer import Asked as Wanted
from regress.waves.layer import record_layer
from tb.apart import run_apart
from tb.launch import BATCH, compiled_layers, run_network
from tb.outcome import OUTPUTS_ONLY
from tb.recording import Recording
from tb.variants import check_divisible, find_config

SHOWN_FAILURES = 10
EQUAL = {True: "yes", False: "NO", None: "unseen"}
SHOWN_CLASSES = 16


@dataclass(frozen=True)
class Asked:
    """How a network is to be quantised and pruned; None or '' leaves it to the network."""

    bits: int | None = None
    calibration: str = ""
    sparsity: str = ""
    end_weights: int | None = None
    calibrator: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """What `compiler.networks.load` has to be told, without what is left to the network."""
        return {name: value for name, value in vars(self).items() if value not in (None, "")}

    @property
    def words(self) -> tuple[str, ...]:
        """The same as parts of a folder's name."""
        sparsity = self.sparsity.replace(":", "of")
        bits, ends = (
            f"{self.bits}bit" if self.bits else "",
            f"ends{self.end_weights}" if self.end_weights else "",
        )
        return tuple(word for word in (bits, sparsity, ends, self.calibrator) if word)


@dataclass(frozen=True)
class Order:
    """What `assay run` was asked for."""

    variant: str
    network: str
    config: str
    simulator: str
    layers: str
    images: int | None
    input: str
    seed: int
    trace: bool
    asked: Asked
    apart: int = 0
    batch: int = BATCH
    outputs_only: bool = False
    jobs: int = 1

    @property
    def folder(self) -> Path:
        """Where this run leaves its files."""
        config = short_name(self.config)
        parts = (self.variant, Path(self.network).stem, config, self.simulator, *self.asked.words)
        return ROOT / "build" / "run" / "-".join(parts)


def compile_program(variant: str, network: str, config: str, asked: Asked, layers: str = "") -> Program:
    """The program of a network, or of some of its layers. Raises AssayError."""
    if layers:
        graph, sizes = load(network, **asked.options).graph, find_config(variant, config)
        check_divisible("--layers", variant, sizes)
        try:
            return compiled_layers(variant, sizes, graph, layers)[1]
        except AssayError as error:
            raise error.in_file(network) from None
    return api.compile_network(variant, network, config, **asked.options).program


def disassemble(file: Path) -> str:
    """The listing of a program file, by the disassembler of its variant. Raises AssayError."""
    program = Program.load(file)
    try:
        return api.disassemble(program)
    except AssayError as error:
        raise error.in_file(str(file)) from None
    except (AttributeError, LookupError, ValueError) as error:
        raise MalformedFile(f"cannot be listed: {error}", file=str(file)) from None


def run_order(order: Order) -> dict[str, Any]:
    """The result of a run. Raises AssayError, BuildError and SimulatorError."""
    if order.simulator not in ("verilator", "icarus"):
        raise UnknownName(f"simulator is {order.simulator!r}, must be verilator or icarus")
    usable, reason = find(order.simulator).available()
    if not usable:
        raise SimulatorError(f"{order.simulator} cannot be used: {reason}")
    # A second run with the same arguments waits: both leave their files in one folder.
    with locked(order.folder.with_suffix(".lock")):
        if order.apart:
            return _run_apart(order)
        if order.jobs > 1 and order.trace:
            raise BadData("--waves is for one simulation: --jobs is not for it")
        return run_network(
            order.variant,
            order.network,
            order.config,
            order.simulator,
            order.layers,
            order.images,
            order.input or None,
            order.seed,
            order.folder,
            recording=Recording() if order.trace else None,
            batch=order.batch,
            outputs_only=order.outputs_only,
            jobs=order.jobs,
            **order.asked.options,
        )


def _run_apart(order: Order) -> dict[str, Any]:
    if order.layers or order.trace:
        raise BadData("--apart runs every layer alone, without waves: --layers and --waves are not for it")
    if order.outputs_only or order.batch != BATCH or order.jobs > 1:
        raise BadData("--apart runs every layer alone: --outputs-only, --batch and --jobs are not for it")
    return run_apart(
        order.variant,
        order.network,
        order.config,
        order.simulator,
        order.images,
        order.input or None,
        order.seed,
        order.folder,
        order.apart,
        **order.asked.options,
    )


def record_waves(
    variant: str, network: str, layer: str, config: str, cycles: str, simulator: str, seed: int, image: str,
    deep: bool, asked: Asked, console: Console,
) -> Mapping[str, Any]:  # fmt: skip
    """Waves of one layer, told on the console; the result of its run. Raises AssayError, BuildError and
    SimulatorError."""
    made = record_layer(
        Wanted(variant, network, layer, config, cycles, simulator, seed, image, deep, asked.options)
    )
    show(made.result, console)
    (first, last), (_, end) = made.cycles, made.all_cycles
    size = f"{made.wave.stat().st_size / 1e6:.1f} MB"
    part = f"cycles {first:,} to {last:,} of {end:,}"
    opened = f"open with: gtkwave {relative(made.save)}"
    print_lines(console, [f"waves: {relative(made.wave)}, {part}, {size}", opened])
    return made.result


def bisect_network(
    variant: str, network: str, config: str, simulator: str, image: str, seed: int, jobs: int, asked: Asked,
    console: Console,
) -> bool:  # fmt: skip
    """Whether a layer of the network is wrong; which, and why, is told on the console. Raises AssayError, BuildError
    and SimulatorError."""

    def tell(line: str) -> None:
        print_lines(console, [line])

    wanted = Wanted(variant, network, "", config, "", simulator, seed, image, options=asked.options)
    found = Bisection(wanted, jobs, tell).find()
    if found.cause is Cause.NONE:
        return False
    tell(f"first bad layer: {found.layer}, {found.cause}")
    tell(f"    {found.finding}")
    if found.wave and found.save:
        tell(f"waves: {relative(found.wave)}")
        tell(f"open with: gtkwave {relative(found.save)}")
    return True


def relative(path: Path) -> str:
    """As seen from where the command was called."""
    return os.path.relpath(path)


def check_output(file: Path) -> None:
    """Raises BadData for a file that cannot be written, before any work is done for it."""
    if not file.parent.is_dir():
        raise BadData("cannot be written: its folder does not exist", file=str(file))
    if file.is_dir():
        raise BadData("cannot be written: it is a folder", file=str(file))
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise BadData("cannot be written: permission denied", file=str(file))


def write_json(result: Mapping[str, Any], file: Path) -> None:
    """Write a result, whole or not at all."""
    scratch = file.with_name(f".{file.name}.{os.getpid()}")
    scratch.write_text(json.dumps(result, indent=1, default=plain) + "\n")
    scratch.replace(file)


def show(result: Mapping[str, Any], console: Console) -> None:
    """A table of the layers, the first failures, and the line that matters."""
    console.print(layer_table(result))
    for failure in result["failures"][:SHOWN_FAILURES]:
        console.print(failure, style="red", markup=False, highlight=False, soft_wrap=True)
    if result.get("classes"):
        print_lines(console, [classes_line(result["classes"])])
    if result.get("trace"):
        print_lines(console, [f"waves: {result['trace']}"])
    if result.get("settings"):
        console.print(settings_line(result["settings"]), highlight=False, soft_wrap=True)
    for line in pace_lines(result):
        console.print(line, highlight=False, soft_wrap=True)
    colour = "green" if result["verdict"] == "pass" else "red"
    line = f"{result['verdict']}: {speed_line(result)}"
    console.print(line, style=colour, highlight=False, soft_wrap=True)


def pace_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """How long the accelerator takes to begin, how fast it is then, how fast that was simulated, and what was compared
    if that is not every node."""
    if result.get("first_frame_cycles") is not None:
        configured, first = result["configure_cycles"], result["first_frame_cycles"]
        line = f"configured in {configured:,} cycles, first image after {first:,}"
        if result["interval"] is not None:
            line += f", then one every {result['interval']:,.0f}: {result['steady_fps']:,.1f} images/s"
        yield line
    seconds = result.get("simulated_seconds")
    if seconds:
        rates = f"{result['cycles'] / seconds:,.0f} cycles/s, {result['images'] / seconds:,.1f} images/s"
        yield f"simulated in {seconds:,.1f} s: {rates}"
    if result.get("compared") == OUTPUTS_ONLY:
        yield f"checked: {OUTPUTS_ONLY}"


def classes_line(classes: Sequence[str]) -> str:
    """What the first images were taken for."""
    more = len(classes) - SHOWN_CLASSES
    return f"classes: {', '.join(classes[:SHOWN_CLASSES])}{f', and {more} more' if more > 0 else ''}"


def settings_line(settings: Mapping[str, Any]) -> str:
    """Sparsity of the weights, or that they are binary, and the widths of the first and the last layer."""
    ends = [
        f"{end.replace('_', ' ')} {settings[end]['name']}: {settings[end]['activation_bits']}-bit activations, "
        f"{settings[end]['weight_bits']}-bit weights"
        for end in ("first_layer", "last_layer")
        if end in settings
    ]
    weights = "binary" if settings.get("binary") else settings["sparsity"]
    return "; ".join([f"weights {weights}", *ends])


COLUMNS = ("cycles", "model", "use", "read", "write", "depend", "bytes", "MACs", "skipped")


def layer_table(result: Mapping[str, Any]) -> Table:
    """Cycles, what the cycle model said, use of the multipliers, cycles in which the array waited (for memory, for
    results to leave, for another unit), bytes and MACs of every layer, and whether it equals golden."""
    title = f"{result['network']} on {result['variant']} {result['config']}"
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), collapse_padding=True)
    for column in ("layer", "equal"):
        table.add_column(column, no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    for layer in result["layers"]:
        table.add_row(*layer_row(layer))
    return table


def layer_row(layer: Mapping[str, Any]) -> Iterator[str]:
    """The figures of one layer."""
    yield layer["name"]
    yield EQUAL[layer["equal"]]
    yield f"{layer['cycles']:,}"
    predicted = layer.get("predicted")
    yield "" if predicted is None else f"{predicted:,}"
    yield f"{layer['utilisation']:.1%}" if "utilisation" in layer else ""
    stalls = layer["stalls"]
    waits = (stalls["read"], stalls["write"], stalls["dependency"])
    traffic = layer["bytes_read"] + layer["bytes_written"]
    for number in (*waits, traffic, layer["macs"], layer["macs_skipped"]):
        yield short(number)


def short(number: int) -> str:
    """Three digits at least and a letter for thousands, millions, thousands of millions: 999, 12.3k, 4.09G."""
    for letter, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            scaled = number / size
            return f"{scaled:.{2 if scaled < 10 else 1 if scaled < 100 else 0}f}{letter}"
    return str(number)
