"""Constrained-random pipelines: each is a configuration in a file, and so a simulator of its own, which runs the
network with contents of two kinds, the second time after a disturbance."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compiler.bcnn.estimate import steps
from regress.simulators import Outcome
from rtl.bcnn.config import Config, to_json
from tb.bcnn.aims import aims
from tb.bcnn.coverage import sample
from tb.bcnn.describe import pipeline_text
from tb.bcnn.network_graph import Contents, network_graph, network_images
from tb.bcnn.network_item import NetworkSource
from tb.bcnn.strata import Circumstances, circumstances, contents, wishes
from tb.coverage import Hit, write_records
from tb.finding import Finding, Kind, told
from tb.job import Action, Phase, Request
from tb.launch import failures_of, prepare_folder, simulate, verdict_of
from tb.outcome import RequestOutcome, hopeless, why_not_run
from tb.prepare import Stimulus, request, stimulus
from tb.recording import Recording, asked_for
from tb.settings import ControlTiming
from tb.variants import find_config

__all__ = ["aims", "describe", "run"]  # what a test that can be closed offers

PIPELINE = "pipeline.json"
PATIENCE = 400_000  # cycles: many times what the longest request takes
WATCHDOG = 10_000  # cycles: many times what the port is silent for
SPACING = 256  # cycles from address to address, if one is taken with a chance of 1 in 256


@dataclass(frozen=True)
class Part:
    """One request: what fills the network, what it runs under, and what comes of the two."""

    contents: Contents
    under: Circumstances
    made: Stimulus


@dataclass(frozen=True)
class Item:
    """A drawn pipeline, written to a file, with its requests. name: tells it in messages."""

    index: int
    name: str
    seed: int
    config: Config
    parts: tuple[Part, ...]


def run(
    *, variant: str, config: str, simulator: str, seeds: Sequence[int], first: int, folder: Path, trace:
    bool = False, coverage: bool = False, window: Sequence[int] = (), **_: Any,
) -> Mapping[str, Any]:  # fmt: skip
    """Regression job: a pipeline for each seed. config: says nothing, as each is drawn."""
    source, done = NetworkSource(), []
    outcomes: list[RequestOutcome] = []
    for index, seed in enumerate(seeds, first):
        work = folder / f"network{index}"
        prepare_folder(work)
        item = draw(source, variant, index, seed, work)
        done.append((item, *carry_out(item, variant, simulator, work, asked_for(trace, window), coverage)))
        outcomes += done[-1][1]
        if hopeless(outcomes):
            break
    left = [not_run(index) for index in range(first + len(done), first + len(seeds))]
    write_records(folder, variant, [hit for item, found, _ in done for hit in hits(item, found)])
    return {
        "verdict": verdict_of(outcomes),
        "checked": sum(outcome.values for outcome in outcomes),
        **told([*(failure for item, found, _ in done for failure in failures(item, found)), *left]),
        "cycles": sum(outcome.cycles for outcome in outcomes),
        "items": [item_digest(item, found) for item, found, _ in done],
        "coverage_files": [str(simulated.coverage) for *_, simulated in done if simulated.coverage],
        "trace": next((str(simulated.trace) for *_, simulated in done if simulated.trace), ""),
    }


def describe(config: str, index: int, seed: int) -> str:
    """Network number `index` in one line, as the solver makes it. config: says nothing. Raises ConfigError."""
    del config
    drawn = NetworkSource().network(seed, wishes(index, seed))
    return pipeline_text(drawn, list(conditions(drawn, index, seed)))


def draw(source: NetworkSource, variant: str, index: int, seed: int, folder: Path) -> Item:
    """Network number `index`; its configuration stands in `folder`."""
    drawn = source.network(seed, wishes(index, seed))
    place = folder / PIPELINE
    place.write_text(to_json(drawn))
    config: Config = find_config(variant, str(place))
    parts = tuple(
        Part(kind, under, fill(variant, config, kind, under, seed + number))
        for number, (kind, under) in enumerate(conditions(config, index, seed))
    )
    return Item(index, f"network {index} ({os.path.relpath(place)})", seed, config, parts)


def conditions(config: Config, index: int, seed: int) -> Iterator[tuple[Contents, Circumstances]]:
    """What fills network number `index` in each request, and what it runs under."""
    for number, under in enumerate(circumstances(index, seed)):
        yield contents(index, number), long_enough(under, config)


def long_enough(under: Circumstances, config: Config) -> Circumstances:
    """With images enough, and addresses so rarely taken, that something is left to be read when the action comes: small
    images are read far ahead. Of a single layer the scores, too, are all but written when it ends."""
    if under.action is Action.WATCHDOG and under.phase is Phase.FIRST:
        return replace(under, delay=0)  # the memory is silent from the RUN on
    needs = under.action is Action.READ_ERROR or len(config.layers) == 1
    if not needs or under.phase is Phase.CONFIGURE or under.action is Action.RUN:
        return under
    images = 4 + (steps(config.layers[0]) // SPACING if under.phase is Phase.LATER else 0)
    memory = replace(under.memory, stalls=replace(under.memory.stalls, ar=SPACING - 1))
    return replace(under, memory=memory, batches=(images, *under.batches[1:]))


def fill(variant: str, config: Config, kind: Contents, under: Circumstances, seed: int) -> Stimulus:
    """The compiled network with weights and images of a kind, and golden's tensors."""
    images = network_images(config, sum(under.batches), seed, kind.pixels)
    return stimulus(variant, config, network_graph(config, seed, kind), {"image": images})


def carry_out(
    item: Item, variant: str, simulator: str, folder: Path, recording: Recording | None, coverage: bool
) -> tuple[list[RequestOutcome], Outcome]:
    """Build and simulate; what came of each request, and of the simulation."""
    timing = ControlTiming(skew=item.seed % 4, stall=item.seed % 100)
    asked = requests(item, folder, recording is not None)
    done, outcomes = simulate(
        variant, item.config.name, simulator, asked, folder, item.seed, timing=timing, recording=recording,
        coverage=coverage, patience=PATIENCE, watchdog=WATCHDOG,
    )  # fmt: skip
    return outcomes, done


def requests(item: Item, folder: Path, recorded: bool) -> list[Request]:
    """Write the files of all requests. recorded: with waves."""
    return [
        request(
            part.made, folder, f"request{number}", item.seed + number, part.under.batches, recorded,
            memory=part.under.memory, action=part.under.action, phase=part.under.phase,
            delay=part.under.delay, pause=part.under.pause,
        )
        for number, part in enumerate(item.parts)
    ]  # fmt: skip


def hits(item: Item, outcomes: Sequence[RequestOutcome]) -> Iterator[Hit]:
    """What the requests that passed have covered."""
    for part, outcome in zip(item.parts, outcomes, strict=True):
        if outcome.passed:
            yield sample(item.config, part.contents, part.under, outcome, item.seed)


def failures(item: Item, outcomes: Sequence[RequestOutcome]) -> list[Finding]:
    """Failures, with the network's name and file."""
    return [replace(found.within(item.name), item=item.index) for found in failures_of(outcomes)]


def not_run(index: int) -> Finding:
    """That a network was left out."""
    return Finding(Kind.NOT_RUN, f"network {index}: {why_not_run()}", item=index)


def item_digest(item: Item, outcomes: Sequence[RequestOutcome]) -> str:
    """Short hash of what went in and of what came of it, in how many cycles."""
    facts = [
        (
            item.seed,
            item.config.hash,
            part.made.digest,
            str(part.under),
            found.cycles,
            found.layers,
            found.error,
        )
        for part, found in zip(item.parts, outcomes, strict=True)
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
