"""Commands that simulate one network: run, waves, bisect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regress.cli.options import (
    Bits,
    Calibration,
    Calibrator,
    Config,
    EndWeights,
    Network,
    Seed,
    Sparsity,
    Variant,
    console,
)
from regress.plan import MASTER_SEED


def run(
    variant: Variant,
    network: Network,
    config: Config = "small",
    sim: Annotated[str, typer.Option(help="verilator or icarus.")] = "verilator",
    layers: Annotated[str, typer.Option(help="Only layers a up to, not including, b: a:b.")] = "",
    images: Annotated[
        int | None, typer.Option(min=1, help="Number of images; default: all that --input has, or 1.")
    ] = None,
    input: Annotated[str, typer.Option(help="An image or .npy file, or a folder of them.")] = "",
    seed: Seed = MASTER_SEED,
    json: Annotated[str, typer.Option(help="Write the result to this file.")] = "",
    bits: Bits = None,
    calibration: Calibration = "",
    sparsity: Sparsity = "",
    end_weights: EndWeights = None,
    calibrator: Calibrator = "",
    waves: Annotated[bool, typer.Option(help="Record waves (FST).")] = False,
    apart: Annotated[int, typer.Option(min=0, help="Each layer alone, in this many simulations.")] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Images of one request; the last one has the rest.")] = 16,
    outputs_only: Annotated[
        bool, typer.Option("--outputs-only", help="Compare the outputs in memory and nothing else.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Share the images among this many simulations.")] = 1,
) -> None:
    """Run a network through an accelerator's RTL and compare every layer with the golden model."""
    from regress.network import Asked, Order, check_output, run_order, show, write_json

    if json:
        check_output(Path(json))
    asked = Asked(bits, calibration, sparsity, end_weights, calibrator)
    order = Order(
        variant,
        network,
        config,
        sim,
        layers,
        images,
        input,
        seed,
        waves,
        asked,
        apart,
        batch,
        outputs_only,
        jobs,
    )
    result = run_order(order)
    show(result, console)
    if json:
        write_json(result, Path(json))
    raise typer.Exit(0 if result["verdict"] == "pass" else 1)


def waves(
    variant: Variant,
    network: Network,
    layer: Annotated[str, typer.Option(help="Its name or number.")],
    config: Annotated[str, typer.Option(help="Default: small, or the first one that the network fits.")] = "",
    cycles: Annotated[str, typer.Option(help="Only cycles a to b: a:b.")] = "",
    sim: Annotated[str, typer.Option(help="verilator or icarus.")] = "verilator",
    input: Annotated[str, typer.Option(help="An image or .npy file.")] = "",
    seed: Seed = MASTER_SEED,
    bits: Bits = None,
    calibration: Calibration = "",
    sparsity: Sparsity = "",
    end_weights: EndWeights = None,
    calibrator: Calibrator = "",
    deep: Annotated[bool, typer.Option("--deep", help="Every signal, not those of the stages only.")] = False,
) -> None:
    """Record waves of one layer (FST), with a GTKWave save file that groups and names them."""
    from regress.network import Asked, record_waves

    options = Asked(bits, calibration, sparsity, end_weights, calibrator)
    result = record_waves(variant, network, layer, config, cycles, sim, seed, input, deep, options, console)
    raise typer.Exit(0 if result["verdict"] == "pass" else 1)


def bisect(
    variant: Variant,
    network: Network,
    config: Config = "small",
    sim: Annotated[str, typer.Option(help="verilator or icarus.")] = "verilator",
    input: Annotated[str, typer.Option(help="An image or .npy file.")] = "",
    seed: Seed = MASTER_SEED,
    jobs: Annotated[int, typer.Option(min=1, help="Simulations at a time.")] = 2,
    bits: Bits = None,
    calibration: Calibration = "",
    sparsity: Sparsity = "",
    end_weights: EndWeights = None,
    calibrator: Calibrator = "",
) -> None:
    """Find the first bad layer of a network, by itself or only behind the others, and record its waves."""
    from regress.network import Asked, bisect_network

    options = Asked(bits, calibration, sparsity, end_weights, calibrator)
    wrong = bisect_network(variant, network, config, sim, input, seed, jobs, options, console)
    raise typer.Exit(int(wrong))
