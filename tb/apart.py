"""A network cut into jobs of single layers: each compiled alone and fed by golden, several simulations side by side.

The verdict is that of the whole network, as every node is compared here too; what a layer alone cannot show is how
layers overlap, so cycles are the sum of layers that each begin with nothing loaded.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tb.launch import described, prepare_folder, prepared_network, simulate, sliced
from tb.model import built_model
from tb.outcome import RequestOutcome
from tb.performance import speed, utilisation
from tb.prepare import Stimulus, request
from tb.variants import find_config


@dataclass(frozen=True)
class Part:
    """One layer alone."""

    number: int
    made: Stimulus


def run_apart(
    variant: str,
    network: str,
    config: str,
    simulator: str,
    images: int,
    input_path: str | Path | None,
    seed: int,
    folder: Path,
    jobs: int,
    **asked: Any,
) -> dict[str, Any]:
    """Every layer of the network as a program of its own, in `jobs` simulations. Arguments and result are those of
    tb.launch.run_network. Raises what that does."""
    started = time.monotonic()
    sizes = find_config(variant, config)
    made, whole = prepared_network(variant, network, sizes, images, input_path, seed, asked)
    prepare_folder(folder)
    built_model(variant, config, simulator)  # once, before several want it
    numbers = range(len(whole.program.layers))
    shares = _shares([Part(number, sliced(variant, sizes, whole, str(number))) for number in numbers], jobs)

    def simulated(number: int) -> dict[int, RequestOutcome]:
        return _simulate(variant, config, simulator, shares[number], folder / f"job{number}", seed)

    outcomes: dict[int, RequestOutcome] = {}
    with ThreadPoolExecutor(jobs) as pool:
        for found in pool.map(simulated, range(len(shares))):
            outcomes |= found
    result = _joined(whole, [outcomes[number] for number in numbers], sizes, folder)
    result["wall_seconds"] = time.monotonic() - started
    return result | described(made, whole, variant, config, simulator, seed)


def _shares(parts: Sequence[Part], jobs: int) -> list[list[Part]]:
    """As many lists, of about equal work: the largest layer to the list that has least."""
    shares: list[list[Part]] = [[] for _ in range(jobs)]
    work = [0] * jobs
    for part in sorted(parts, key=lambda part: -sum(layer.macs for layer in part.made.program.layers)):
        least = work.index(min(work))
        shares[least].append(part)
        work[least] += sum(layer.macs for layer in part.made.program.layers)
    return [share for share in shares if share]


def _simulate(
    variant: str, config: str, simulator: str, share: Sequence[Part], folder: Path, seed: int
) -> dict[int, RequestOutcome]:
    prepare_folder(folder)
    requests = [request(part.made, folder, f"layer{part.number}", seed, [part.made.images]) for part in share]
    _, outcomes = simulate(variant, config, simulator, requests, folder, seed)
    return {part.number: outcome for part, outcome in zip(share, outcomes, strict=True)}


def _joined(whole: Stimulus, outcomes: Sequence[RequestOutcome], config: Any, folder: Path) -> dict[str, Any]:
    layers = [
        _as_one(outcome, layer.name) for outcome, layer in zip(outcomes, whole.program.layers, strict=True)
    ]
    for layer in layers:
        layer["utilisation"] = utilisation(layer["macs"], layer["cycles"], config)
    cycles = sum(outcome.cycles for outcome in outcomes)
    names = [layer.name for layer in whole.program.layers]
    return {
        "verdict": "pass" if outcomes and all(outcome.passed for outcome in outcomes) else "fail",
        "cycles": cycles,
        **speed(cycles, whole.images, layers, config),
        "layers": layers,
        "program_bytes": sum(outcome.program_bytes for outcome in outcomes),
        "checked": sum(outcome.values for outcome in outcomes),
        "tensors": sum(outcome.tensors for outcome in outcomes),
        "failures": [
            f"{name}: {failure}"
            for name, outcome in zip(names, outcomes, strict=True)
            for failure in outcome.failures
        ],
        "log": str(folder),
        "trace": "",
        "coverage_file": "",
    }


def _as_one(outcome: RequestOutcome, name: str) -> dict[str, Any]:
    """The record of a layer's program; where that was cut into several layers, their sum."""
    first, *others = outcome.layers or [_nothing()]
    joined = {**first, "name": name, "stalls": dict(first["stalls"])}
    for layer in others:
        for key in ("cycles", "compute_cycles", "bytes_read", "bytes_written", "macs", "macs_skipped"):
            joined[key] += layer[key]
        for kind, count in layer["stalls"].items():
            joined["stalls"][kind] += count
        joined["equal"] = joined["equal"] and layer["equal"]
    return joined


def _nothing() -> dict[str, Any]:
    """A layer that the simulation did not come to."""
    counts = dict.fromkeys(
        ("cycles", "compute_cycles", "bytes_read", "bytes_written", "macs", "macs_skipped"), 0
    )
    return {"name": "", **counts, "stalls": {"read": 0, "write": 0, "dependency": 0}, "equal": False}
