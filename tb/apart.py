"""A network cut into jobs of single layers: each compiled alone and fed by golden, several simulations side by side.

The verdict is that of the whole network, as every node is compared here too; what a layer alone cannot show is how
layers overlap, so cycles are the sum of layers that each begin with nothing loaded.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compiler.program import Layer
from tb.job import Action
from tb.launch import described, prepare_folder, prepared_network, result_of, simulate, sliced
from tb.model import built_model
from tb.outcome import RequestOutcome, layer_record, sum_records
from tb.performance import utilisation
from tb.prepare import Stimulus, request
from tb.variants import check_divisible, find_config


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
    images: int | None,
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
    config = sizes.name  # of a file its absolute path
    check_divisible("--apart", variant, sizes)
    made, whole = prepared_network(variant, network, sizes, images, input_path, seed, asked)
    prepare_folder(folder)
    built_model(variant, config, simulator)  # once, before several want it
    numbers = range(len(whole.program.layers))
    shares = [alone(variant, sizes, whole, share) for share in share_out(whole.program.layers, jobs)]

    def simulated(number: int) -> dict[int, RequestOutcome]:
        return simulate_share(variant, config, simulator, shares[number], folder / f"job{number}", seed)

    outcomes: dict[int, RequestOutcome] = {}
    with ThreadPoolExecutor(jobs) as pool:
        for found in pool.map(simulated, range(len(shares))):
            outcomes |= found
    outcome = joined(whole, numbers, [outcomes[number] for number in numbers], sizes)
    places = {
        "log": str(folder),
        "trace": "",
        "coverage_files": [],
        "wall_seconds": time.monotonic() - started,
    }
    return result_of(outcome, sizes) | places | described(made, whole, variant, config, simulator, seed)


def share_out(layers: Sequence[Layer], jobs: int) -> list[list[int]]:
    """The numbers of the layers in as many lists, of about equal work, none of them empty: the largest layer to the
    list that has least."""
    shares: list[list[int]] = [[] for _ in range(jobs)]
    work = [0] * jobs
    for number in sorted(range(len(layers)), key=lambda number: -layers[number].macs):
        least = work.index(min(work))
        shares[least].append(number)
        work[least] += layers[number].macs + 1  # so that layers without any are spread too
    return [share for share in shares if share]


def alone(variant: str, sizes: Any, whole: Stimulus, numbers: Sequence[int]) -> list[Part]:
    """Each of these layers as a program of its own."""
    return [Part(number, sliced(variant, sizes, whole, str(number))) for number in numbers]


def simulate_share(
    variant: str, config: str, simulator: str, share: Sequence[Part], folder: Path, seed: int
) -> dict[int, RequestOutcome]:
    """The outcome of each part, one after the other in one simulation."""
    prepare_folder(folder)
    requests = [request(part.made, folder, f"layer{part.number}", seed, [part.made.images]) for part in share]
    _, outcomes = simulate(variant, config, simulator, requests, folder, seed)
    return {part.number: outcome for part, outcome in zip(share, outcomes, strict=True)}


def joined(
    whole: Stimulus, numbers: Sequence[int], outcomes: Sequence[RequestOutcome], config: Any
) -> RequestOutcome:
    """The outcome of the layers with these numbers as if one request had run them; it passes only if each of them
    did."""
    names = [whole.program.layers[number].name for number in numbers]
    pairs = list(zip(names, outcomes, strict=True))
    return RequestOutcome(
        name=whole.program.network,
        action=str(Action.RUN),
        images=whole.images,
        batches=1,
        failures=[
            replace(found.within(name), layer=name) for name, outcome in pairs for found in outcome.reasons
        ],
        cycles=sum(outcome.cycles for outcome in outcomes),
        tensors=sum(outcome.tensors for outcome in outcomes),
        values=sum(outcome.values for outcome in outcomes),
        program_bytes=sum(outcome.program_bytes for outcome in outcomes),
        layers=[_as_one(outcome, name, config) for name, outcome in pairs],
    )


def _as_one(outcome: RequestOutcome, name: str, config: Any) -> dict[str, Any]:
    """The record of a layer's program; where that was cut into several layers, their sum; zeros where the
    simulation did not come to it."""
    whole = sum_records(outcome.layers or [layer_record(name, Counter(), False, 0, 0)])
    return whole | {"name": name, "utilisation": utilisation(whole["macs"], whole["cycles"], config)}
