"""Start simulations and read what they leave: what `assay run` and the regression call."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from compiler.errors import AssayError, BadData
from compiler.network import Network
from compiler.networks import load as load_network
from compiler.program import Program
from golden.ir import Graph
from regress.simulators import Outcome, Run
from tb.finding import Finding, Kind, told
from tb.job import JOB, Job, Request
from tb.model import TOP, built_model, memory_words
from tb.outcome import RequestOutcome, hopeless, load_outcomes, why_not_run
from tb.performance import interval_misjudged, misjudged, pace, speed, with_interval, with_model
from tb.placement import place, write_regions
from tb.prepare import Stimulus, compiled, golden, request, stimulus
from tb.recording import Recording, asked_for
from tb.settings import AT_ONCE, CALM, ControlTiming, MemorySettings
from tb.shares import run_shares
from tb.slicing import slice_layers, slice_nodes
from tb.variants import check_divisible, compile_for, find_config

BATCH = 16  # images of one RUN
MODULE = "tb.simulation"
MOST_REGIONS = 4096  # REGIONS of tb/hdl/recorder.sv


def run_network(
    variant: str,
    network: str,
    config: str = "small",
    simulator: str = "verilator",
    layers: str = "",
    images: int | None = 1,
    input_path: str | Path | None = None,
    seed: int = 1,
    folder: Path = Path("build/run"),
    memory: MemorySettings = CALM,
    recording: Recording | None = None,
    coverage: bool = False,
    timeout_seconds: float | None = None,
    batch: int = BATCH,
    outputs_only: bool = False,
    jobs: int = 1,
    **asked: Any,
) -> dict[str, Any]:
    """Run a network's images through the accelerator's RTL and compare every node of every image with golden.

    variant, config: names. network: a name, or a .tflite or .onnx file. layers: "a:b" or a name (compiled_layers),
    '' for all. images: how many, None for all that input_path has, or one. input_path: inputs from a file or folder
    in place of the network's own. batch: images of a RUN, the last one the rest; outputs_only: compare only what
    stands in memory. recording: waves, None for none. jobs: simulations that share the images, side by side. asked:
    options of compiler.networks.load.
    Everything is written to `folder`. Returns what result.json holds: verdict, cycles, fps, gops, layers,
    and more. Raises AssayError for bad input, BuildError and SimulatorError for what is not the design's
    fault."""
    sizes = find_config(variant, config)
    config = sizes.name  # of a file its absolute path
    if layers:
        check_divisible("--layers", variant, sizes)
    if layers:
        made, prepared = prepared_layers(variant, network, sizes, images, input_path, seed, asked, layers)
    else:
        made, prepared = prepared_network(
            variant, network, sizes, images, input_path, seed, asked, outputs_only
        )
    images = prepared.images
    check_limits(
        prepared.program, images, memory_words(simulator, sizes.memory_bytes), sizes.memory_bytes, seed
    )
    prepare_folder(folder)
    if jobs > 1:
        built_model(variant, config, simulator, recording, coverage)  # once, before several want it

    def simulated(part: Stimulus, place: Path) -> tuple[Outcome, RequestOutcome]:
        item = request(
            part, place, "network", seed, batches(part.images, batch), recording is not None, memory=memory,
            taps=not outputs_only,
        )  # fmt: skip
        done, (outcome,) = simulate(
            variant, config, simulator, [item], place, seed, recording=recording, coverage=coverage,
            timeout_seconds=timeout_seconds,
        )  # fmt: skip
        return done, outcome

    done, outcome = run_shares(prepared, folder, jobs, simulated)
    result = network_result(prepared, done, outcome, sizes)
    result |= named_classes(made, outcome.classes)
    labels = None if layers else made.labels(images, seed)
    if labels is not None:
        result["accuracy"] = accuracy(prepared, labels, outcome.classes)
    result |= described(made, prepared, variant, config, simulator, seed) | {"batch": batch}
    (folder / "network.json").write_text(json.dumps(result, indent=1))
    return result


def batches(images: int, size: int) -> list[int]:
    """Images of each RUN, the last one the rest."""
    return [min(size, images - first) for first in range(0, images, size)]


def prepared_network(
    variant: str, network: str, sizes: Any, images: int | None, input_path: str | Path | None, seed: int,
    asked: Mapping[str, Any], outputs_only: bool = False,
) -> tuple[Network, Stimulus]:  # fmt: skip
    """The network, and its program with inputs and golden tensors, of all nodes or of the outputs. Raises
    AssayError."""
    made, pixels = _inputs(network, images, input_path, seed, asked)
    try:
        return made, stimulus(variant, sizes, made.graph, pixels, cached=True, outputs_only=outputs_only)
    except AssayError as error:
        raise error.in_file(network) from None


def prepared_layers(
    variant: str, network: str, sizes: Any, images: int | None, input_path: str | Path | None, seed: int,
    asked: Mapping[str, Any], layers: str,
) -> tuple[Network, Stimulus]:  # fmt: skip
    """Some layers of the network alone, fed with golden tensors. Raises AssayError."""
    made, pixels = _inputs(network, images, input_path, seed, asked)
    try:
        part, program = compiled_layers(variant, sizes, made.graph, layers)
    except AssayError as error:
        raise error.in_file(network) from None
    whole = golden(made.graph, pixels)
    inputs = {name: whole[name] for name in part.inputs}
    return made, Stimulus(part, program, golden(part, inputs))


def _inputs(
    network: str, images: int | None, input_path: str | Path | None, seed: int, asked: Mapping[str, Any]
) -> tuple[Network, dict[str, npt.NDArray[Any]]]:
    made = load_network(network, **asked)
    made = made.with_inputs(input_path) if input_path else made
    return made, {made.graph.inputs[0]: made.images(images or made.given, seed)}


def compiled_layers(variant: str, sizes: Any, graph: Graph, layers: str) -> tuple[Graph, Program]:
    """Layers a:b, or one by name, as a graph of their own, and its program: layers of the network's layer table, or,
    where the accelerator cannot run the whole network, nodes of its graph. Raises AssayError."""
    try:
        whole = compiled(variant, graph, sizes)
    except AssayError:
        part = slice_nodes(graph, layers)
    else:
        part = slice_layers(graph, whole, layers)
    return part, compile_for(variant, part, sizes)


def described(
    made: Network, prepared: Stimulus, variant: str, config: str, simulator: str, seed: int
) -> dict[str, Any]:
    """What a result says of how it came about."""
    return {
        "settings": made.settings(),
        "stimulus": prepared.digest,
        "variant": variant,
        "config": config,
        "simulator": simulator,
        "network": made.name,
        "images": prepared.images,
        "seed": seed,
    }


def check_limits(program: Program, images: int, words: int, memory_bytes: int, seed: int) -> None:
    """Raises BadData for more images than the simulated memory, or the recorder's table of regions, can hold."""
    where = place(program, images, memory_bytes, seed)
    if where.end > words * memory_bytes:
        raise BadData(
            f"{images} images need {where.end:,} bytes; the simulated memory has {words * memory_bytes:,}"
        )
    regions = len(write_regions(program, images, where.outputs))
    if regions > MOST_REGIONS:
        raise BadData(
            f"{images} images write {regions:,} regions; the recorder watches {MOST_REGIONS:,} at most"
        )


def sliced(variant: str, sizes: Any, whole: Stimulus, layers: str) -> Stimulus:
    """Some layers alone, fed with golden tensors."""
    part = slice_layers(whole.graph, whole.program, layers)
    inputs = {name: whole.tensors[name] for name in part.inputs}
    return Stimulus(part, compile_for(variant, part, sizes), golden(part, inputs))


def prepare_folder(folder: Path) -> None:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def simulate(
    variant: str,
    config: str,
    simulator: str,
    requests: Sequence[Request],
    folder: Path,
    seed: int,
    *,
    timing: ControlTiming = AT_ONCE,
    watchdog: int = 100_000,
    recording: Recording | None = None,
    coverage: bool = False,
    timeout_seconds: float | None = None,
    patience: int = 50_000_000,
    contract: tuple[str, ...] = (),
) -> tuple[Outcome, list[RequestOutcome]]:
    """Build (or find) the model, run the requests, read their outcomes. One failure more for each that is
    missing. recording: waves, None for none."""
    tool, built = built_model(variant, config, simulator, recording, coverage)
    sizes = find_config(variant, config)
    words = memory_words(simulator, sizes.memory_bytes)
    job = Job(variant, sizes.name, seed, words, tuple(requests), timing, watchdog, patience, contract)
    job.save(folder / JOB)
    done = tool.run(
        Run(
            built,
            TOP,
            MODULE,
            folder,
            seed=seed,
            plusargs=recording.arguments if recording else (),
            trace=recording is not None and recording.on,
            scopes=recording.scopes if recording else (),
            coverage=coverage,
            timeout_seconds=timeout_seconds,
        )
    )
    return done, complete(requests, load_outcomes(folder), done)


def complete(requests: Sequence[Request], found: list[RequestOutcome], done: Outcome) -> list[RequestOutcome]:
    """An outcome for each request: those that the simulation did not reach have failed."""
    missing, kind = requests[len(found) :], Kind.TIME_OUT if done.timed_out else Kind.ENDED_EARLY
    kind = Kind.NOT_RUN if hopeless(found) and not done.failures else kind
    lost = [
        RequestOutcome(
            item.name,
            str(item.action),
            sum(item.batches),
            len(item.batches),
            [Finding(kind, why(found, done))],
        )
        for item in missing
    ]
    if done.failures and not missing and found:
        last = found[-1]
        more = [Finding(kind, line) for line in done.failures]
        found = [*found[:-1], replace(last, failures=[*last.failures, *more])]
    return [*found, *lost]


def why(found: Sequence[RequestOutcome], done: Outcome) -> str:
    """Why a simulation did not come to all of its requests."""
    if done.failures:
        return done.failures[0]
    if hopeless(found):
        return why_not_run()
    return f"the simulation ended early; see {done.log}"


def network_result(made: Stimulus, done: Outcome, outcome: RequestOutcome, config: Any) -> dict[str, Any]:
    """result.json of a whole network: layers and cycles are sums over all images."""
    layers = outcome.layers
    if len(layers) == len(made.program.layers):
        layers = with_model(layers, made.program, outcome.images, config)
    told = result_of(replace(outcome, layers=layers), config)
    return with_interval(told, made.program, config) | {
        "wall_seconds": done.wall_seconds,
        "log": str(done.log),
        "trace": str(done.trace or ""),
        "coverage_files": [str(done.coverage)] if done.coverage else [],
    }


def result_of(outcome: RequestOutcome, config: Any) -> dict[str, Any]:
    """What a result tells of a network's outcome: verdict, figures of speed, layers, and what was checked."""
    return {
        "verdict": verdict_of([outcome]),
        "cycles": outcome.cycles,
        "simulated_seconds": outcome.run_seconds,
        **speed(outcome.cycles, outcome.images, outcome.layers, config),
        **pace(outcome, config),
        "layers": outcome.layers,
        "program_bytes": outcome.program_bytes,
        "checked": outcome.values,
        "compared": outcome.compared,
        "tensors": outcome.tensors,
        **told(replace(found, request=found.request or outcome.name) for found in outcome.failures),
    }


def named_classes(made: Network, classes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """What the RTL takes each image for, by name; {} where classes have none, or the output is not the network's."""
    found = classes.get(made.graph.outputs[0], ())
    return {"classes": [made.classes[index] for index in found]} if made.classes and found else {}


def accuracy(
    made: Stimulus, labels: npt.NDArray[np.integer[Any]], classes: Mapping[str, Sequence[int]]
) -> dict[str, Any]:
    """Share of images whose highest score is their label's: golden's, and the RTL's by what it left in memory,
    None if an image is missing."""
    output = made.graph.outputs[0]
    scores = made.tensors[output].reshape(made.images, -1)
    found = classes.get(output, ())
    rtl = float(np.mean(np.array(found) == labels)) if len(found) == made.images else None
    return {"images": made.images, "golden": float(np.mean(scores.argmax(axis=1) == labels)), "rtl": rtl}


def failures_of(outcomes: Sequence[RequestOutcome], first: int | None = None) -> list[Finding]:
    """Every failure, with its request's name; first: the number of the job's item that the first request is for."""
    return [
        replace(
            found.within(outcome.name),
            request=outcome.name,
            item=None if first is None else first + number,
        )
        for number, outcome in enumerate(outcomes)
        for found in outcome.failures
    ]


def verdict_of(outcomes: Sequence[RequestOutcome]) -> str:
    """pass only when every request has compared something and found nothing wrong."""
    return "pass" if outcomes and all(outcome.passed for outcome in outcomes) else "fail"


def regress_network(
    *, variant: str, config: str, simulator: str, seeds: Sequence[int], first: int, folder: Path, trace: bool,
    coverage: bool, network: str, images: int = 1, batch: int = BATCH, outputs_only: bool = False,
    layers: str = "", window: Sequence[int] = (), asked: Mapping[str, Any] | None = None, **_: Any,
) -> Mapping[str, Any]:  # fmt: skip
    """Regression job: a network's images, every node compared, and the cycle model held against the RTL."""
    result = run_network(
        variant, network, config, simulator, images=images, seed=seeds[0], folder=folder / "simulation",
        recording=asked_for(trace, window), coverage=coverage, batch=batch, outputs_only=outputs_only, layers=layers,
        **(asked or {}),
    )  # fmt: skip
    wrong = [*misjudged(result["layers"], images), *interval_misjudged(result, images)]
    wrong = wrong if result["verdict"] == "pass" else []
    if wrong:
        result |= {"verdict": "fail", **told(Finding(Kind.CYCLES, line) for line in wrong)}
    return result
