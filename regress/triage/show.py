"""The groups of a regression's failures, on the terminal and as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from regress.job import Job, Result, job_from
from regress.triage.groups import Group
from regress.triage.rerun import Ending, Rerun, saved
from regress.triage.signature import failures
from tb.finding import Finding, to_plain

Repeat = Callable[[Job, int | None], str]  # the line that runs a job again, or one item of it


def lines(groups: Sequence[Group], reruns: Sequence[Rerun], repeat: Repeat) -> Iterator[str]:
    """What stands at the end of a red regression."""
    for number, (group, again) in enumerate(zip(groups, reruns, strict=True), 1):
        yield f"group {number}: {group.name} (failures: {len(group.members)}, jobs: {len(group.jobs)})"
        yield f"    {group.first.finding}"
        yield from (f"    {line}" for line in _again(again))
        yield f"    repeat with: {repeat_first(group, repeat)}"


def _again(again: Rerun) -> Iterator[str]:
    """How the first failure behaved when it was run again."""
    if again.ending is Ending.NOT_RUN:
        return
    yield from [f"tile: {again.tile}"] if again.tile else []
    yield from [f"stage: {again.stage}"] if again.stage else []
    yield str(again.ending)
    if again.wave:
        yield f"waves: gtkwave {again.save}"


def wave_lines(results: Iterable[Result]) -> Iterator[str]:
    """Where the waves are that were asked for, with a save file each."""
    for result in results:
        found = next(failures(result), None) if result.bad else None
        _, save = saved(result, found.finding if found else None)
        if save:
            yield f"waves of {result.name}: gtkwave {save}"


def repeat_first(group: Group, repeat: Repeat) -> str:
    """The line that runs the first failure of a group again, with waves."""
    first = group.first
    return repeat(job_from(first.result.job), first.finding.item) if first.result.job else ""


def as_data(groups: Sequence[Group], reruns: Sequence[Rerun], repeat: Repeat) -> list[dict[str, Any]]:
    """For results.json."""
    return [
        {
            "name": group.name,
            "signatures": [
                {"variant": each.variant, "operator": each.operator, "kind": each.kind, "count": count}
                for each, count in group.signatures.most_common()
            ],
            "jobs": list(group.jobs),
            "first": {"job": group.first.result.name, **to_plain(group.first.finding)},
            "again": _as_data(again),
            "repeat": repeat_first(group, repeat),
        }
        for group, again in zip(groups, reruns, strict=True)
    ]


def _as_data(again: Rerun) -> dict[str, Any]:
    finding: Finding | None = again.finding
    return {
        "ending": again.ending,
        "finding": to_plain(finding) if finding else None,
        "wave": again.wave,
        "save": again.save,
        "tile": again.tile,
        "stage": again.stage,
    }
