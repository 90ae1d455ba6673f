"""Constrained-random layers: drawn, compiled and computed before one simulation runs them all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from compiler.errors import DoesNotFit
from compiler.program import Program
from golden.ir import Graph
from rtl.systolic.config import CONFIGS, Config
from rtl.systolic.isa import FIELDS, Opcode, encode, instruction
from tb.coverage import write_records
from tb.disturbance import with_instruction
from tb.finding import told
from tb.job import Action, Phase, Request
from tb.launch import failures_of, prepare_folder, simulate, verdict_of
from tb.outcome import RequestOutcome
from tb.prepare import Stimulus, request, stimulus
from tb.recording import asked_for
from tb.settings import ControlTiming
from tb.systolic.aims import aims
from tb.systolic.coverage import sample
from tb.systolic.describe import circumstances_text, layer_text
from tb.systolic.layer_graph import layer_data, layer_graph
from tb.systolic.layer_item import LayerShape, LayerSource
from tb.systolic.small_graph import small_graph
from tb.systolic.strata import Circumstances, circumstances, is_graph, stratum
from tb.systolic.tiles import cut_of_layer

__all__ = ["aims", "describe", "run"]  # what a test that can be closed offers

BUDGET = {"tiny": 3000}
LARGEST_BUDGET = 8000
REDRAWS = 20
MOST_DELAY = 150
PATIENCE = 400_000  # cycles: many times what the longest request takes
WATCHDOG = 10_000  # cycles: many times what one instruction takes


@dataclass(frozen=True)
class Item:
    """A drawn layer with everything that it runs under."""

    seed: int
    shape: LayerShape
    made: Stimulus
    under: Circumstances


def run(
    *, variant: str, config: str, simulator: str, seeds: Sequence[int], first: int, folder: Path, trace:
    bool = False, coverage: bool = False, window: Sequence[int] = (), **_: Any,
) -> Mapping[str, Any]:  # fmt: skip
    """Regression job: a layer for each seed."""
    sizes, work = CONFIGS[config], folder / "simulation"
    prepare_folder(work)
    items = draw(sizes, seeds, first)
    requests = [make_request(item, work, first + number, trace) for number, item in enumerate(items)]
    timing = ControlTiming(skew=seeds[0] % 4, stall=seeds[0] % 100)
    done, outcomes = simulate(
        variant,
        config,
        simulator,
        requests,
        work,
        seeds[0],
        timing=timing,
        recording=asked_for(trace, window),
        coverage=coverage,
        patience=PATIENCE,
        watchdog=WATCHDOG,
    )
    hits = [
        sample(item.shape, item.made, outcome, item.seed, sizes)
        for item, outcome in zip(items, outcomes, strict=True)
        if outcome.passed
    ]
    write_records(folder, variant, hits)
    return {
        "verdict": verdict_of(outcomes),
        "checked": sum(outcome.values for outcome in outcomes),
        **told(failures_of(outcomes, first)),
        "cycles": sum(outcome.cycles for outcome in outcomes),
        "items": [item_digest(item, outcome) for item, outcome in zip(items, outcomes, strict=True)],
        "wall_seconds": done.wall_seconds,
        "trace": str(done.trace or ""),
        "coverage_files": [str(done.coverage)] if done.coverage else [],
    }


def describe(config: str, index: int, seed: int) -> str:
    """Item number `index` of a configuration in one line: what the solver makes of its stratum. Raises DoesNotFit."""
    (item,) = draw(CONFIGS[config], [seed], index)
    graph = f"; {len(item.made.graph.nodes)} nodes" if len(item.made.graph.nodes) > 2 else ""
    return f"{layer_text(item.shape)}{graph}; {circumstances_text(item.under)}"


def draw(config: Config, seeds: Sequence[int], first: int) -> list[Item]:
    """An item for each seed; `first` is the number of the first one, which decides its stratum."""
    source = LayerSource(config)
    return [_item(source, seed, first + number) for number, seed in enumerate(seeds)]


def _item(source: LayerSource, seed: int, index: int) -> Item:
    """The first layer of those that the seed gives that fits the configuration and is cut as its stratum asks; where
    none is cut so, the last that fits."""
    under, config = circumstances(index, seed), source.config
    budget, item = BUDGET.get(config.name, LARGEST_BUDGET), None
    for redraw in range(REDRAWS):
        shape, graph = _drawn(source, seed + redraw, index, under, budget)
        try:
            data = layer_data(graph, shape.corner, seed, sum(under.batches))
            item = Item(seed, shape, with_any_end(stimulus("systolic", config, graph, data), seed), under)
        except DoesNotFit:
            continue
        if _cut_as_asked(item, index, config):
            break
    if item is None:
        raise DoesNotFit(f"item {index}, seed {seed}: none of {REDRAWS} layers fits {config.name}")
    return item


def with_any_end(made: Stimulus, seed: int) -> Stimulus:
    """What stands beside the opcode of the last instruction means nothing, so that it may be anything."""
    random, program = Random(seed), made.program
    fields = {field.name: random.randint(field.low, field.high) for field in FIELDS[Opcode.END][1:]}
    end = encode(instruction(Opcode.END, **fields))
    image = with_instruction(program, program.instructions - 1, end)
    return replace(made, program=replace(program, image=image))


def _cut_as_asked(item: Item, index: int, config: Config) -> bool:
    """Where the stratum asks for a number of pixel tiles, which only the compiler decides, it is so."""
    asked, shape = stratum(index, config.name).get("pixel_tiles"), item.shape
    if asked is None:
        return True
    cut = cut_of_layer(item.made.program, 0, shape.in_channels, shape.out_channels, config)
    return cut is not None and cut.pixels == asked


def _drawn(
    source: LayerSource, seed: int, index: int, under: Circumstances, budget: int
) -> tuple[LayerShape, Graph]:
    """A layer of the item's stratum, or a small graph where something is to happen after its first layer."""
    if under.phase is Phase.LATER or is_graph(index):
        return small_graph(source, seed, budget // 2, late_input=is_graph(index))
    shape = source.layer(seed, stratum(index, source.config.name), budget)
    return shape, layer_graph(shape, seed)


def make_request(item: Item, folder: Path, index: int, recorded: bool = False) -> Request:
    """Write the item's files, and its request. recorded: with waves."""
    under = item.under
    delay = _delay(under, item.made.program)
    return request(
        item.made, folder, f"item{index}", item.seed, under.batches, recorded,
        memory=under.memory, action=under.action, phase=under.phase, delay=delay, operand=item.seed,
    )  # fmt: skip


def _delay(under: Circumstances, program: Program) -> int:
    """When the action comes: cycles after the phase began, or an instruction (never END)."""
    if under.action in (Action.BAD_INSTRUCTION, Action.BAD_OPERAND):
        last = program.instructions - 2
        return last if under.phase is Phase.LATER else int(under.position * last / 2)
    return int(under.position * MOST_DELAY)


def item_digest(item: Item, outcome: RequestOutcome) -> str:
    """Short hash of what went in and of what came of it, in how many cycles."""
    stimulus_hash = (item.seed, item.made.digest, str(item.under))
    facts = (*stimulus_hash, outcome.cycles, outcome.layers, outcome.error)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
