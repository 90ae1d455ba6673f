"""Commands that prepare a network: list, optimize, size, compile, disasm."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from regress.cli.options import (
    Bits,
    Calibration,
    Calibrator,
    Config,
    EndWeights,
    Network,
    Sparsity,
    Variant,
    console,
)


def list_command() -> None:
    """Name accelerators with their configurations, networks, and the tests of each suite."""
    from regress.listing import listing

    console.print(listing(), soft_wrap=True, highlight=False)


def optimize(
    variant: Variant,
    network: Network,
    config: Config = "small",
    calibration: Annotated[str, typer.Option(help="Images or .npy file to calibrate on.")] = "",
    data: Annotated[str, typer.Option(help="Images or .npy file to judge by; default: --calibration.")] = "",
    labels: Annotated[str, typer.Option(help=".npy file of the data's classes; default: float's.")] = "",
    images: Annotated[int | None, typer.Option(min=1, help="Number of images to judge by.")] = None,
    bits: Annotated[int | None, typer.Option(help="Only 8 or 4 bits.")] = None,
    sparsity: Annotated[str, typer.Option(help="Only 4:4, 2:4 or 1:4.")] = "",
    calibrator: Annotated[str, typer.Option(help="Only minmax, percentile or mse.")] = "",
    end_weights: Annotated[int, typer.Option(help="Bits of the end layers' weights at 4 bits.")] = 8,
    json: Annotated[str, typer.Option(help="Write the report to this file.")] = "",
) -> None:
    """Report what folding, quantising and pruning a network cost in accuracy and gain in cycles."""
    from regress.optimize import Data, optimize, plan

    chosen = plan(bits, sparsity, calibrator, end_weights)
    judged = Data(calibration, data, labels, images)
    optimize(variant, network, config, chosen, judged, console, json)


def size(
    variant: Variant,
    network: Network,
    cycles: Annotated[int, typer.Option(min=1, help="Cycles from image to image, at most.")],
    output: Annotated[str, typer.Option("--output", "-o", help="The configuration file (.json).")],
    luts: Annotated[int | None, typer.Option(min=1, help="Estimated LUTs, at most.")] = None,
    bram: Annotated[int | None, typer.Option(min=1, help="Estimated 36-Kbit blocks of RAM, at most.")] = None,
    memory_bytes: Annotated[int, typer.Option(help="Width of the memory port.")] = 16,
) -> None:
    """Choose the smallest configuration that runs a network fast enough, for `--config`."""
    from regress.size import Limits, size

    size(variant, network, Limits(cycles, luts, bram), memory_bytes, Path(output), console)


def compile(
    variant: Variant,
    network: Network,
    config: Config = "small",
    bits: Bits = None,
    calibration: Calibration = "",
    sparsity: Sparsity = "",
    end_weights: EndWeights = None,
    calibrator: Calibrator = "",
    output: Annotated[str, typer.Option("--output", "-o", help="The program file.")] = "",
    layers: Annotated[str, typer.Option(help="Only these layers, as of `assay run`.")] = "",
) -> None:
    """Compile a network into a program file."""
    from compiler.configurations import short_name
    from regress.network import Asked, check_output, compile_program

    file = Path(output or f"{Path(network).stem}.{variant}.{short_name(config)}.program")
    check_output(file)
    asked = Asked(bits, calibration, sparsity, end_weights, calibrator)
    program = compile_program(variant, network, config, asked, layers)
    program.save(file)
    sizes = (
        f"{len(program.layers)} layers, {program.instructions} instructions, {file.stat().st_size:,} bytes"
    )
    console.print(f"{escape(str(file))}: {sizes}", highlight=False)


def disasm(program: Annotated[str, typer.Argument(help="A program file.")]) -> None:
    """Print the instructions of a program file."""
    from regress.network import disassemble

    print(disassemble(Path(program)))
