"""Simulated cycles a second from RUN to the last verdict: the full environment against a bare C++ loop.

Golden is computed and both models are built before; the runs are interleaved. The ratio is the median of the ratios of
two runs that stand side by side, as a shared machine's speed drifts. Both must take the same number of cycles and leave
the same outputs.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compiler.api import compile_network
from compiler.errors import AssayError
from compiler.networks import load
from regress.bench import bare_loop
from regress.bench.bare_loop import BareLoop
from regress.simulators.cache import ROOT
from tb.launch import prepare_folder, run_network
from tb.model import built_model
from tb.outcome import load_outcomes
from tb.placement import place
from tb.prepare import Stimulus, stimulus
from tb.settings import MemorySettings
from tb.variants import find_config, fixed_network

RUNS = 5
IMAGES = 16  # one RUN
SEED = 1
ICARUS_LAYERS = "1:2"


@dataclass(frozen=True)
class Speed:
    """Cycles a second of both (medians), their ratio, simulated cycles of one run, seconds that building took (0: was
    there)."""

    full_cycles_per_second: float
    bare_cycles_per_second: float
    speed_ratio: float
    cycles: int
    full_build_seconds: float
    bare_build_seconds: float


def measure(variant: str, network: str, config: str, runs: int = RUNS, images: int = IMAGES) -> Speed:
    """Raises RuntimeError when a run fails or the two differ."""
    folder = ROOT / "build" / "bench" / f"{variant}-{network}-{Path(config).stem}"
    prepare_folder(folder)
    begin = time.perf_counter()
    built_model(variant, config, "verilator")
    full_built = time.perf_counter()
    built = bare_loop.build(variant, config, MemorySettings())
    bare_built = time.perf_counter()
    loop, made = bare(variant, network, config, images, folder / "bare", built)
    pairs = []
    for _ in range(runs):
        done = loop.run()
        check_outputs(made, done.outputs)
        pairs.append((full_seconds(variant, network, config, images, folder / "full", done.counted), done))
    full, bare_ = statistics.median(full for full, _ in pairs), statistics.median(d.seconds for _, d in pairs)
    ratio, cycles = statistics.median(d.seconds / full for full, d in pairs), pairs[0][1].counted
    return Speed(cycles / full, cycles / bare_, ratio, cycles, full_built - begin, bare_built - full_built)


def bare(
    variant: str, network: str, config: str, images: int, folder: Path, built: Path
) -> tuple[BareLoop, Stimulus]:
    """The same program, inputs and placement as the full environment has with SEED."""
    sizes, loaded = find_config(variant, config), load(network)
    pixels = loaded.images(images, SEED)
    made = stimulus(variant, sizes, loaded.graph, {loaded.graph.inputs[0]: pixels}, cached=True)
    where = place(made.program, images, sizes.memory_bytes, SEED)
    inputs = made.program.pack_inputs(
        {entry.tensor: made.tensors[entry.tensor] for entry in made.program.inputs}
    )
    loop = bare_loop.prepare(built, folder, made.program, inputs, images, where, sizes.memory_bytes, SEED)
    return loop, made


def check_outputs(made: Stimulus, stored: bytes) -> None:
    """Raises RuntimeError when the outputs in memory are not golden's."""
    for name, values in made.program.unpack_outputs(stored).items():
        if not np.array_equal(values, made.tensors[name]):
            raise RuntimeError(f"the bare loop's output {name} is not golden's")


def full_seconds(variant: str, network: str, config: str, images: int, folder: Path, cycles: int) -> float:
    """Seconds from RUN to the last verdict of a whole run of the environment, which must pass in `cycles`."""
    taken, seconds = full_run(variant, network, config, "verilator", images, folder)
    if taken != cycles:
        raise RuntimeError(f"the environment takes {taken} cycles, the bare loop {cycles}")
    return seconds


def full_run(
    variant: str, network: str, config: str, simulator: str, images: int, folder: Path, layers: str = ""
) -> tuple[int, float]:
    """Cycles of a run of the full environment, which must pass, and its seconds from RUN to the last verdict."""
    result = run_network(variant, network, config, simulator, layers, images, seed=SEED, folder=folder)
    if result["verdict"] != "pass":
        raise RuntimeError(f"the run fails: {result['failures'][:1]}")
    (request,) = load_outcomes(folder)
    return request.cycles, request.run_seconds


def runs_on_tiny(variant: str, network: str) -> bool:
    """Whether `tiny` can run the network: a pipeline runs its own only."""
    try:
        compile_network(variant, network, "tiny")
    except AssayError:
        return False
    return True


def measure_icarus(variant: str, network: str) -> dict[str, float]:
    """Speed of the full environment on `tiny` under Icarus, in one layer if one can run alone: a whole network takes
    minutes."""
    folder = ROOT / "build" / "bench" / f"{variant}-{network}-icarus"
    layers = "" if fixed_network(find_config(variant, "tiny")) else ICARUS_LAYERS
    cycles, seconds = full_run(variant, network, "tiny", "icarus", 1, folder, layers)
    return {"cycles": cycles, "cycles_per_second": cycles / seconds}
