"""The first failure of each group again, alone and with waves.

Alone: only the item that failed, of a network only the layer. If that passes, the failure depends on what ran before,
and the whole job runs again with waves around the cycle in which it was seen.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from compiler.errors import AssayError
from regress.job import Job, Result, Verdict, job_from
from regress.simulators.cache import ROOT
from regress.triage.groups import Group
from regress.triage.signature import Failure, failures
from regress.triage.stages import told_stage
from regress.waves.fst import Wave
from regress.waves.labels import Labels, read_labels
from regress.waves.save_file import write_save_file
from tb.finding import Finding, from_plain
from tb.prepare import file_stem
from tb.variants import find_config, fixed_network

MOST = 8  # groups that are run again
BEFORE, AFTER = 2000, 60  # cycles recorded around the one in which something was seen
Perform = Callable[[Sequence[Job]], list[Result]]
Seen = tuple[Result, Finding]


class Ending(StrEnum):
    """What the first failure of a group does when it is run again."""

    ALONE = "fails alone"
    STATE = "depends on state"  # only after what ran before it
    GONE = "does not fail again"
    NOT_RUN = "not run again"


@dataclass(frozen=True)
class Rerun:
    """finding: what was found then; wave, save: the files, '' for none; tile: which instruction wrote the wrong value,
    with its operands, and what the write holds; stage: the first inner stage that differs from golden."""

    ending: Ending
    finding: Finding | None = None
    wave: str = ""
    save: str = ""
    tile: str = ""
    stage: str = ""


def told_before(runs: Sequence[Mapping[str, Any]], groups: Sequence[Group]) -> list[Rerun]:
    """What other runs' groups, as results.json has them, tell of the same first failures."""
    known = {_mark(raw["first"]): raw["again"] for raw in runs}
    found = [
        known.get((group.first.result.name, group.first.finding.item, group.first.finding.text))
        for group in groups
    ]
    return [Rerun(Ending.NOT_RUN) if raw is None else _from_plain(raw) for raw in found]


def _mark(first: Mapping[str, Any]) -> tuple[str, int | None, str]:
    return first["job"], first.get("item"), first["text"]


def _from_plain(raw: Mapping[str, Any]) -> Rerun:
    finding = from_plain(raw["finding"]) if raw["finding"] else None
    return Rerun(
        Ending(raw["ending"]), finding, raw["wave"], raw["save"], raw.get("tile", ""), raw.get("stage", "")
    )


def rerun(groups: Sequence[Group], perform: Perform) -> list[Rerun]:
    """One for each group, those beyond MOST not run. perform: runs jobs and gives a result for each."""
    numbers = [number for number, group in enumerate(groups[:MOST]) if group.first.result.job.get("variant")]
    firsts = [groups[number].first for number in numbers]
    alone = dict(zip(numbers, _again(firsts, perform, narrowed), strict=True))
    left = [number for number in numbers if alone[number] is None]
    firsts = [groups[number].first for number in left]
    whole = dict(zip(left, _again(firsts, perform, lambda job, _: job), strict=True))
    return [
        _ending(alone[number], whole.get(number)) if number in alone else Rerun(Ending.NOT_RUN)
        for number in range(len(groups))
    ]


def _again(
    chosen: Sequence[Failure], perform: Perform, narrow: Callable[[Job, Finding], Job]
) -> list[Seen | None]:
    """What each failure's job comes to: first without waves, for the cycle, then with waves around it; None if it
    passes."""
    jobs = [plain(narrow(job_from(failure.result.job), failure.finding)) for failure in chosen]
    found = [_first(result, failure) for result, failure in zip(perform(jobs), chosen, strict=True)]
    traced = [
        with_waves(job, finding) for job, finding in zip(jobs, found, strict=True) if finding is not None
    ]
    results = iter(perform(traced))
    return [None if finding is None else (next(results), finding) for finding in found]


def _first(result: Result, failure: Failure) -> Finding | None:
    """The finding of the item that failed before, or the first one; None if the job passes."""
    if not result.bad:
        return None
    found = [each.finding for each in failures(result)]
    return next((each for each in found if each.request == failure.finding.request), found[0])


def _ending(alone: Seen | None, whole: Seen | None) -> Rerun:
    again = alone or whole
    if again is None:
        return Rerun(Ending.GONE)
    result, finding = again
    wave, save = saved(result, finding)
    ending = Ending.ALONE if alone else Ending.STATE
    if not wave:
        return Rerun(ending, finding)
    tile = labels(ROOT / Path(wave).parent, finding).tile(finding)
    return Rerun(ending, finding, wave, save, tile, told_stage(Wave(ROOT / wave), finding))


def plain(job: Job) -> Job:
    """The job as it is run again: no coverage, no waves."""
    return replace(job, name=f"again/{job.name}", coverage=False, trace=False)


def narrowed(job: Job, finding: Finding) -> Job:
    """Only the item, or only the layer of a network, in which something was found."""
    if finding.item is not None and len(job.seeds) > 1:
        seed = job.seeds[finding.item - job.first]
        return replace(job, first=finding.item, seeds=(seed,), name=f"{job.name}/item{finding.item}")
    if "network" in job.options and finding.layer and not fixed_network(find_config(job.variant, job.config)):
        options = {**job.options, "layers": finding.layer}
        return replace(job, options=options, name=f"{job.name}/{finding.layer}")
    return job


def with_waves(job: Job, finding: Finding) -> Job:
    """The job with waves around what was found in it."""
    window = [] if finding.cycle is None else [max(finding.cycle - BEFORE, 0), finding.cycle + AFTER]
    return replace(job, name=f"{job.name}/waves", trace=True, options={**job.options, "window": window})


def saved(result: Result, finding: Finding | None) -> tuple[str, str]:
    """The wave file of a result and the save file that is written for it; ('', '') if there is no wave."""
    wave = str(result.details.get("trace", ""))
    if result.verdict is Verdict.STOPPED or not wave or not Path(wave).exists():
        return "", ""
    at = finding.cycle if finding else None
    try:
        save = write_save_file(
            Wave(Path(wave)), result.job["variant"], labels(Path(wave).parent, finding), at
        )
    except OSError:  # a full disk: there are waves all the same
        return os.path.relpath(wave, ROOT), ""
    return os.path.relpath(wave, ROOT), os.path.relpath(save, ROOT)


def labels(folder: Path, finding: Finding | None) -> Labels:
    """Words for the program that was running; none where it cannot be told which."""
    program = folder / f"{file_stem(finding.request if finding else '')}.program"
    try:
        return read_labels(program, finding.layer if finding else None) if program.exists() else Labels()
    except AssayError:
        return Labels()
