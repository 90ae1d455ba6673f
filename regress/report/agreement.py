"""Cross-check: what ran on several simulators must have taken the same cycles and given the same layers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from regress.job import Result, Verdict
from regress.parts import SHARE
from regress.report.results import read_results

COMPARED = ("stimulus", "cycles", "layers", "items", "phases")
Place = tuple[str, str, str, int, str]


def report(*, regression: str, **_: object) -> dict[str, Any]:
    """Verdict over a run's folder; skipped when nothing ran on two simulators."""
    groups = by_place(read_results(Path(regression)))
    pairs = [group for group in groups.values() if len(group) > 1]
    if not pairs:
        return {"verdict": "skip", "message": "nothing ran on two simulators"}
    failures = [failure for group in pairs for failure in disagreements(group)]
    return {"verdict": "fail" if failures else "pass", "checked": len(pairs), "failures": failures}


def by_place(results: Iterable[Result]) -> dict[Place, list[Result]]:
    """The passing simulations by test, variant, config, first item and part of a network."""
    groups: dict[Place, list[Result]] = defaultdict(list)
    for result in results:
        if result.verdict is Verdict.PASS and "cycles" in result.details:
            job = result.job
            part = str(job.get("options", {}).get(SHARE, ""))
            groups[job["test"], job["variant"], job["config"], job["first"], part].append(result)
    return groups


def disagreements(group: list[Result]) -> list[str]:
    """One line for each field in which a simulator differs from the first one."""
    first, *others = group
    return [line for other in others for line in differences(first, other)]


def differences(first: Result, other: Result) -> Iterator[str]:
    """Fields that differ; of runs with different numbers of items, the items that both have."""
    if first.job["seeds"] != other.job["seeds"]:
        yield from item_differences(first, other)
        return
    for field in COMPARED:
        if other.details.get(field) != first.details.get(field):
            yield f"{other.name}: {field} is {shown(other.details, field, first.details)}"


def item_differences(first: Result, other: Result) -> Iterator[str]:
    """Items that differ; it is a failure to have none to compare."""
    pairs = list(zip(first.details.get("items", ()), other.details.get("items", ()), strict=False))
    if not pairs:
        yield f"{other.name}: has other items than {first.name}, and no list of them to compare"
    for number, (reference, found) in enumerate(pairs):
        if reference != found:
            yield f"{other.name}: item {number} is {found}, the first has {reference}"


def shown(details: Mapping[str, Any], field: str, reference: Mapping[str, Any]) -> str:
    """Both values, for lists the first place where they differ."""
    mine, theirs = details.get(field), reference.get(field)
    if isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        index = next(index for index, pair in enumerate(zip(mine, theirs, strict=True)) if pair[0] != pair[1])
        return f"{mine[index]} at {index}, the first has {theirs[index]}"
    return f"{mine}, the first has {theirs}"
