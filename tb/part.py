"""Regression job: one of several that together run every layer of a network, each layer alone.

regress.report.parts gives the verdict of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compiler.errors import BadData
from tb.apart import alone, joined, share_out, simulate_share
from tb.finding import told
from tb.launch import described, prepared_network, regress_network, verdict_of
from tb.outcome import RequestOutcome
from tb.variants import check_divisible, find_config


def regress_part(
    *, variant: str, config: str, simulator: str, seeds: Sequence[int], folder: Path, network: str,
    share: Sequence[int], images: int = 1, asked: Mapping[str, Any] | None = None, layers: str = "", **more: Any,
) -> Mapping[str, Any]:  # fmt: skip
    """Layers of share (number, of how many): every node compared. layers: only these, as a failure is looked into."""
    if layers:
        return regress_network(
            variant=variant, config=config, simulator=simulator, seeds=seeds, folder=folder, network=network,
            images=images, asked=asked, layers=layers, **more,
        )  # fmt: skip
    sizes = find_config(variant, config)
    check_divisible("apart", variant, sizes)
    made, whole = prepared_network(variant, network, sizes, images, None, seeds[0], asked or {})
    numbers = numbers_of(whole.program.layers, *share)
    parts = alone(variant, sizes, whole, numbers)
    outcomes = simulate_share(variant, config, simulator, parts, folder / "simulation", seeds[0])
    outcome = joined(whole, numbers, [outcomes[number] for number in numbers], sizes)
    names = [layer.name for layer in whole.program.layers]
    return (
        result_of_part(outcome)
        | {"whole": names}
        | described(made, whole, variant, config, simulator, seeds[0])
    )


def numbers_of(layers: Sequence[Any], number: int, parts: int) -> list[int]:
    """The numbers of a part's layers, in their order. Raises BadData for more parts than layers."""
    shares = share_out(layers, parts)
    if len(shares) < parts:
        raise BadData(f"apart is {parts}; the network has only {len(layers)} layers")
    return sorted(shares[number - 1])


def result_of_part(outcome: RequestOutcome) -> dict[str, Any]:
    """What of a part's outcome is summed up for the whole."""
    return {
        "verdict": verdict_of([outcome]),
        "cycles": outcome.cycles,
        "part_layers": outcome.layers,
        "program_bytes": outcome.program_bytes,
        "checked": outcome.values,
        "tensors": outcome.tensors,
        **told(outcome.failures),
    }
