"""A network's images shared out among several simulations side by side: one verdict, sooner.

Each simulation is configured anew and begins with an empty accelerator, so that cycles are the sum over all of them;
the pace is that of the slowest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from regress.simulators import Outcome
from tb.finding import Finding
from tb.outcome import RequestOutcome, sum_records
from tb.prepare import Stimulus

# Of a stimulus with so many images, in this folder, one after the other.
Simulate = Callable[[Stimulus, Path], tuple[Outcome, RequestOutcome]]


def run_shares(made: Stimulus, folder: Path, jobs: int, simulate: Simulate) -> tuple[Outcome, RequestOutcome]:
    """All images in at most `jobs` simulations, which leave their files in folders of their own. Raises what
    `simulate` raises."""
    starts = share_starts(made.images, jobs)
    if len(starts) == 1:
        return simulate(made, folder)
    ends = [*starts[1:], made.images]
    folders = [folder / f"job{number}" for number in range(len(starts))]
    for place in folders:
        place.mkdir()
    parts = [images_of(made, first, end) for first, end in zip(starts, ends, strict=True)]
    with ThreadPoolExecutor(len(parts)) as pool:
        found = list(pool.map(simulate, parts, folders))
    runs, outcomes = [run for run, _ in found], [outcome for _, outcome in found]
    wall = max(run.wall_seconds for run in runs)
    return replace(runs[0], log=folder, wall_seconds=wall), joined(outcomes, starts)


def share_starts(images: int, jobs: int) -> list[int]:
    """The first image of each share; shares are equal but for one image, and none is empty."""
    shares = min(images, jobs)
    return [images * number // shares for number in range(shares)]


def images_of(made: Stimulus, first: int, end: int) -> Stimulus:
    """Images first to end - 1."""
    return replace(made, tensors={name: values[first:end] for name, values in made.tensors.items()})


def joined(outcomes: Sequence[RequestOutcome], starts: Sequence[int]) -> RequestOutcome:
    """As if one request had run all images; it passes only if each of them did."""
    first, began = outcomes[0], min(outcome.began for outcome in outcomes)
    intervals = [outcome.interval for outcome in outcomes if outcome.interval is not None]
    return replace(
        first,
        images=sum(outcome.images for outcome in outcomes),
        batches=sum(outcome.batches for outcome in outcomes),
        failures=[line for pair in zip(outcomes, starts, strict=True) for line in _failures(*pair)],
        cycles=sum(outcome.cycles for outcome in outcomes),
        tensors=sum(outcome.tensors for outcome in outcomes),
        values=sum(outcome.values for outcome in outcomes),
        program_bytes=sum(outcome.program_bytes for outcome in outcomes),
        began=began,
        run_seconds=max(outcome.began + outcome.run_seconds for outcome in outcomes) - began,
        layers=_summed([outcome.layers for outcome in outcomes]),
        classes={
            name: [c for each in outcomes for c in each.classes.get(name, ())] for name in first.classes
        },
        interval=max(intervals, default=None),
    )


def _failures(outcome: RequestOutcome, start: int) -> list[Finding]:
    last = start + outcome.images - 1
    return [found.within(f"images {start} to {last}, counted from {start}") for found in outcome.reasons]


def _summed(shares: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The layers' records, figure by figure; none if a simulation did not come to its end."""
    return [sum_records(records) for records in zip(*shares, strict=True)] if all(shares) else []
