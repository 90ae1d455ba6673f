"""The `assay` command: list, optimize, size, compile, disasm, run, waves, bisect, regress, merge, close,
mutants, history.

Exit codes: 0 all is well, 1 the design is wrong, 2 the input is, 3 the machine is.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from regress.endings import guarded
from regress.plan import MASTER_SEED

LOG_COLUMNS = 130

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console() if sys.stdout.isatty() else Console(width=LOG_COLUMNS)

Variant = Annotated[str, typer.Argument(help="An accelerator: `assay list` names them.")]
Network = Annotated[
    str,
    typer.Argument(
        help="A network's name, a .tflite or .onnx file, or file.py:function for a PyTorch module."
    ),
]
Config = Annotated[str, typer.Option(help="A size of the accelerator, or a .json file of one.")]
Bits = Annotated[
    int | None,
    typer.Option(help="Bits that a float network is quantised to: 8 or 4; default: the network's."),
]
Calibration = Annotated[
    str, typer.Option(help="Images or .npy file that a float .onnx file is calibrated on; default: random.")
]
Sparsity = Annotated[
    str,
    typer.Option(help="Weights that stay of each block of 4: 4:4, 2:4 or 1:4, by magnitude; default: 4:4."),
]
EndWeights = Annotated[
    int | None,
    typer.Option(
        help="Bits of the first and last layer's weights in a 4-bit network; default: the network's."
    ),
]
Calibrator = Annotated[
    str,
    typer.Option(help="How ranges are chosen on calibration data: minmax (the default), percentile or mse."),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of stimulus, stalls and start values.")]


@app.command("list")
def list_command() -> None:
    """Name accelerators with their configurations, networks, and the tests of each suite."""
    from regress.listing import listing

    console.print(listing(), soft_wrap=True, highlight=False)


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
def disasm(program: Annotated[str, typer.Argument(help="A program file.")]) -> None:
    """Print the instructions of a program file."""
    from regress.network import disassemble

    print(disassemble(Path(program)))


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
def regress(
    suite: Annotated[str, typer.Option(help="smoke, ci or nightly.")] = "ci",
    test: Annotated[str, typer.Option(help="Only jobs whose name fits this glob, or holds it.")] = "",
    seed: Annotated[int, typer.Option(help="The master seed.")] = MASTER_SEED,
    jobs: Annotated[
        int, typer.Option(min=0, help="Processes at a time; default: one a core, of a cluster one a thread.")
    ] = 0,
    waves: Annotated[bool, typer.Option(help="Record waves (FST).")] = False,
    item: Annotated[int | None, typer.Option(min=0, help="Only this item of the jobs that have it.")] = None,
    shard: Annotated[str, typer.Option(help="i/n: only every n-th job, from the i-th on.")] = "",
    against: Annotated[
        str,
        typer.Option(help="A run that this one must not be worse than (`last`, or its name or part of it)."),
    ] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Run also what has passed before with the same inputs.")
    ] = False,
    failed: Annotated[
        bool,
        typer.Option("--failed", help="Only what did not pass in the last run, with its suite and seed."),
    ] = False,
    scheduler: Annotated[
        str, typer.Option(help="Run on the Dask cluster of this scheduler: tcp://host:port.")
    ] = "",
    cluster: Annotated[
        str, typer.Option(help="Run on a Dask cluster of batch jobs, made for it: slurm or lsf.")
    ] = "",
    list_only: Annotated[bool, typer.Option("--list", help="Only name the tests.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only show every job with its seed.")] = False,
) -> None:
    """Run a suite of the regression."""
    from regress.farm.choice import Choice
    from regress.plan import Selection, parse_shard
    from regress.regression import failed_selection, regress_suite

    choice = Choice(jobs, scheduler, cluster)
    part = parse_shard(shard) if shard else (1, 1)
    asked = Selection(suite, test, seed, waves, item, fresh=fresh, shard=part)
    selection = failed_selection(waves) if failed else asked
    raise typer.Exit(regress_suite(selection, choice, console, list_only, dry_run, against))


@app.command()
def merge(
    folders: Annotated[list[str], typer.Argument(help="Folders of the shards of one regression.")],
) -> None:
    """Put the shards of a regression together: the same results and reports as of one run."""
    from regress.merge import merge as merged

    raise typer.Exit(merged([Path(folder) for folder in folders], console))


@app.command()
def close(
    run: Annotated[str, typer.Argument(help="A run of a whole suite: its name or folder.")] = "latest",
    jobs: Annotated[int, typer.Option(min=0, help="Processes at a time; default: one a core.")] = 0,
    dry_run: Annotated[bool, typer.Option(help="Only name the items and what they are after.")] = False,
) -> None:
    """Run further items for every bin of coverage that a run has missed, and report on all of it."""
    from regress.closure.close import close as closed

    raise typer.Exit(closed(run, jobs, dry_run, console))


@app.command()
def mutants(
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many.")] = 100,
    seed: Annotated[int, typer.Option(help="What draws them.")] = MASTER_SEED,
    jobs: Annotated[int, typer.Option(min=0, help="At a time; default: one a core.")] = 0,
) -> None:
    """Change one thing at a time in the RTL and see whether the smoke suite notices."""
    from regress.mutants.campaign import Campaign, workers

    raise typer.Exit(Campaign(number, seed, workers(jobs), console).run())


@app.command()
def history() -> None:
    """Show the last runs, what is not steady, and what takes longest."""
    from regress.history.show import history as shown

    console.print(shown())


def main() -> None:
    """Entry point of the console script. SIGTERM ends it as Ctrl-C does: with what it started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(guarded(app))
