"""Regression job: the contract of any accelerator, with every error and a soft reset in every phase of a
run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compiler.errors import BadData
from golden.ir import Graph
from regress.simulators import SimulatorError
from regress.simulators.files import read_json
from rtl.variants import part
from tb.disturbance import possible
from tb.finding import Finding, Kind, from_plain, told
from tb.job import CONTRACT, Action, Phase
from tb.launch import failures_of, prepare_folder, simulate, verdict_of
from tb.prepare import Stimulus, Tensors, request, save, stimulus
from tb.recording import asked_for
from tb.settings import ControlTiming
from tb.variants import bad_operands, contract_images, end_instruction, errors, find_config

PATIENCE = 400_000  # cycles
WATCHDOG = 10_000  # cycles
ACTIONS = (
    *((Action.SOFT_RESET, phase) for phase in Phase),
    *((Action.READ_ERROR, phase) for phase in Phase),
    *((Action.WATCHDOG, phase) for phase in Phase),
    (Action.WRITE_ERROR, Phase.FIRST),
    (Action.BAD_INSTRUCTION, Phase.FIRST),
    (Action.BAD_INSTRUCTION, Phase.LATER),
    (Action.BAD_OPERAND, Phase.FIRST),
    (Action.BAD_OPERAND, Phase.LATER),
    (Action.EARLY_END, Phase.FIRST),
    (Action.BAD_HASH, Phase.CONFIGURE),
    *((Action.BAD_REQUEST, phase) for phase in Phase),
)


def run(
    *, variant: str, config: str, simulator: str, seeds: Sequence[int], folder: Path, trace: bool = False,
    coverage: bool = False, window: Sequence[int] = (), **_: Any,
) -> Mapping[str, Any]:  # fmt: skip
    """Every check of tb/contract.py, then every action that brings an error which the variant has, in every phase, and
    every bad operand, each followed by a compared run."""
    seed, work = seeds[0], folder / "simulation"
    prepare_folder(work)
    made = contract_stimulus(variant, config, seed)
    images, actions = (made.images,), actions_of(variant)
    foreign = contract_stimulus(variant, other_config(variant, config), seed)
    contract = (save(made, work, "own")[0], save(foreign, work, "foreign")[0])
    requests = [
        request(
            made, work, f"{action} in {phase}", seed + number, images, trace,
            action=action, phase=phase, delay=delay(action, phase, made),
        )
        for number, (action, phase) in enumerate(actions)
    ]  # fmt: skip
    requests += [
        request(
            made, work, f"bad operand {number}", seed, images, trace,
            action=Action.BAD_OPERAND, phase=Phase.FIRST, delay=1, operand=number,
        )
        for number in range(len(bad_operands(variant, find_config(variant, config))))
    ]  # fmt: skip
    done, outcomes = simulate(
        variant, config, simulator, requests, work, seed, timing=ControlTiming(2, 40),
        recording=asked_for(trace, window), coverage=coverage, contract=contract, patience=PATIENCE, watchdog=WATCHDOG,
    )  # fmt: skip
    found = contract_found(work / CONTRACT)
    failures = [*contract_failures(found), *failures_of(outcomes)]
    return {
        "verdict": "fail" if failures else verdict_of(outcomes),
        "checked": found.get("checked", 0) + sum(outcome.values for outcome in outcomes),
        **told(failures),
        "cycles": sum(outcome.cycles for outcome in outcomes),
        "phases": [f"{outcome.name}: {outcome.phase}, error {outcome.error}" for outcome in outcomes],
        "wall_seconds": done.wall_seconds,
        "trace": str(done.trace or ""),
        "coverage_files": [str(done.coverage)] if done.coverage else [],
    }


def actions_of(variant: str) -> list[tuple[Action, Phase]]:
    """Those that bring an error which the variant has, by a program that it can have."""
    found = [pair for pair in ACTIONS if possible(pair[0], errors(variant))]
    return [pair for pair in found if pair[0] is not Action.EARLY_END or end_instruction(variant)]


def contract_found(file: Path) -> Mapping[str, Any]:
    """What contract.json holds; {} if there is none. Raises SimulatorError for garbage."""
    if not file.exists():
        return {}
    try:
        raw = read_json(file)
        if type(raw["checked"]) is not int or type(raw["failures"]) is not list:
            raise TypeError("checked or failures are of no use")
        return {**raw, "failures": [from_plain(one) for one in raw["failures"]]}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SimulatorError(f"{file} cannot be believed: {error}") from None


def contract_failures(found: Mapping[str, Any]) -> list[Finding]:
    """What contract.json tells; it is a failure that there is none."""
    if not found:
        return [Finding(Kind.ENDED_EARLY, "the contract was not checked to its end")]
    return list(found["failures"])


def contract_stimulus(variant: str, config: str, seed: int) -> Stimulus:
    """The variant's own small graph of several layers, on random data."""
    sizes = find_config(variant, config)
    graph: Graph = part(variant, "programs").contract_graph(sizes, seed)
    random = np.random.default_rng(seed)
    inputs: Tensors = {
        name: random.integers(-8, 8, (contract_images(variant), *graph.tensor(name).shape[1:])).astype(
            np.int8
        )
        for name in graph.inputs
    }
    return stimulus(variant, sizes, graph, inputs)


def other_config(variant: str, config: str) -> str:
    """A configuration of the variant that is not this one. Raises BadData if there is none."""
    configs: Mapping[str, object] = part(variant, "config").CONFIGS
    others = [name for name in configs if name != config]
    if not others:
        raise BadData(
            f"{variant} has no configuration but {config}: the contract test needs a program of another one"
        )
    return others[0]


def delay(action: Action, phase: Phase, made: Stimulus) -> int:
    """The instruction to spoil, or cycles after the phase began."""
    if action in (Action.BAD_INSTRUCTION, Action.BAD_OPERAND, Action.EARLY_END):
        return made.program.instructions - 2 if phase is Phase.LATER else 1
    return 30
