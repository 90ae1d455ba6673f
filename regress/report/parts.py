"""The verdict over a network whose layers ran in several jobs: it passes only if every layer ran, once, and passed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from regress.job import Result, Verdict
from regress.report.results import read_results
from tb.performance import speed
from tb.variants import find_config

SUMMED = ("cycles", "checked", "tensors", "program_bytes")
SAME = ("stimulus", "whole", "images", "network", "settings")
WORST = (Verdict.FAIL, Verdict.BAD_INPUT, Verdict.BROKEN, Verdict.STOPPED, Verdict.SKIP, Verdict.KNOWN)


def report(
    *, regression: str, parts: Sequence[str], variant: str, config: str, **_: object
) -> dict[str, Any]:
    """Verdict over the results that have these names; figures are sums over layers."""
    by_name = {result.name: result for result in read_results(Path(regression))}
    missing = [name for name in parts if name not in by_name]
    if missing:
        return {"verdict": Verdict.BROKEN, "message": f"has not run: {', '.join(missing)}"}
    found = [by_name[name] for name in parts]
    worst = next((verdict for verdict in WORST if any(part.verdict is verdict for part in found)), None)
    if worst is not None:
        return {"verdict": worst, "message": "; ".join(complaints(found))}
    wrong = [*differing(found), *uneven(found)]
    if wrong:
        return {"verdict": Verdict.FAIL, "failures": wrong}
    return {"verdict": Verdict.PASS, **summed([part.details for part in found], find_config(variant, config))}


def complaints(found: Sequence[Result]) -> Iterator[str]:
    """A line for each part that did not pass."""
    for part in found:
        if part.verdict is not Verdict.PASS:
            yield f"{part.name.rpartition('/')[2]} ({part.verdict}): {part.message}"


def differing(found: Sequence[Result]) -> Iterator[str]:
    """In what parts are not of one network with one stimulus."""
    first = found[0]
    for part in found[1:]:
        for field in SAME:
            if part.details.get(field) != first.details.get(field):
                yield f"{part.name} has another {field} than {first.name}"


def uneven(found: Sequence[Result]) -> Iterator[str]:
    """Layers that did not run, or more than once."""
    ran = Counter(layer["name"] for part in found for layer in part.details["part_layers"])
    names = Counter(found[0].details["whole"])
    for name in names | ran:
        if ran[name] != names[name]:
            yield f"layer {name} ran {ran[name]} times"


def summed(parts: Sequence[Mapping[str, Any]], config: Any) -> dict[str, Any]:
    """The figures of the whole, its layers in their order."""
    order = {name: number for number, name in enumerate(parts[0]["whole"])}
    layers = [layer for part in parts for layer in part["part_layers"]]
    totals = {name: sum(part[name] for part in parts) for name in SUMMED}
    return {
        **totals,
        **speed(totals["cycles"], parts[0]["images"], layers, config),
        **{name: parts[0][name] for name in SAME if name != "whole"},
        "layers": sorted(layers, key=lambda layer: order[layer["name"]]),
    }
