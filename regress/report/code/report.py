"""The report of code coverage: totals, annotated lines, signals that do not toggle, and an LCOV file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from regress.report.code.exclusions import Exclusion, read_exclusions, without, wrong
from regress.report.code.lcov import lcov
from regress.report.code.records import Point, coverage_files, merged
from regress.report.code.toggles import Signal, signals
from regress.simulators.cache import ROOT, cache_root, content_key, get_or_build

FILE, LINES, TOGGLES, LCOV = "code_coverage.json", "lines.json", "toggles.json", "coverage.info"
DETAILS = "details.json"
HERE = Path(__file__).parent
KINDS = ("line", "branch", "toggle")


def report(*, regression: str, folder: Path, least: Mapping[str, float], **_: object) -> dict[str, Any]:
    """Merge every run's records and write what others read; skipped when nothing recorded any. least: the share of
    lines or branches below which it fails."""
    files, exclusions = list(coverage_files(Path(regression))), read_exclusions()
    if not files:
        return {"verdict": "skip", "message": "no run recorded coverage"}
    # Of jobs that were not run again the records are the same, and there are millions of them.
    facts = [dict(least), [asdict(each) for each in exclusions], str(date.today())]
    sources = [*sorted(HERE.glob("*.py")), *(ROOT / each.file for each in exclusions)]
    key = content_key(facts, [*files, *(file for file in sources if file.exists())], ())
    made = get_or_build(
        cache_root() / f"coverage-{key}", lambda scratch: write(scratch, files, exclusions, least)
    )
    for name in (FILE, LINES, LCOV, TOGGLES):
        shutil.copy(made / name, folder / name)
    details: dict[str, Any] = json.loads((made / DETAILS).read_text())
    return details


def write(
    folder: Path, files: Sequence[Path], exclusions: Sequence[Exclusion], least: Mapping[str, float]
) -> None:
    """Leave the files, and the report's details."""
    found = merged(files)
    counts = without(found, exclusions)
    by_file = summary(counts)
    (folder / FILE).write_text(json.dumps(by_file, indent=1))
    (folder / LINES).write_text(json.dumps(by_line(counts)))
    (folder / LCOV).write_text(lcov(counts))
    (folder / TOGGLES).write_text(json.dumps(by_signal(signals(counts)), indent=1))
    details = described(len(files), by_file, list(wrong(found, exclusions)), least)
    (folder / DETAILS).write_text(json.dumps({**details, "excluded": len(found) - len(counts)}))


def described(
    files: int, by_file: Mapping[str, Any], failures: Sequence[str], least: Mapping[str, float]
) -> dict[str, Any]:
    """What the report says."""
    totals = {kind: total(by_file.values(), kind) for kind in KINDS}
    return {
        "verdict": "pass",
        "checked": files,
        "message": ", ".join(f"{kind} {part['hit']}/{part['all']}" for kind, part in totals.items()),
        "failures": [*failures, *below(totals, least)],
        **totals,
        "files": by_file,
    }


def below(totals: Mapping[str, Mapping[str, int]], least: Mapping[str, float]) -> Iterator[str]:
    """What is less than it must be."""
    for kind, share in least.items():
        part = totals[kind]
        if part["hit"] < share * part["all"]:
            yield f"{kind}: {part['hit']} of {part['all']} are reached, must be {share:.1%}"


def by_line(counts: Mapping[Point, int]) -> dict[str, dict[str, dict[str, Any]]]:
    """For each file and line, how often it was reached, and what of it never was."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for point, count in counts.items():
        if point.kind == "toggle":
            continue
        line = found.setdefault(point.file, {}).setdefault(str(point.line), {"line": None, "missed": []})
        if point.kind == "line":
            line["line"] = max(count, line["line"] or 0)
        elif not count:
            line["missed"].append(point.what)
    return found


def by_signal(found: Iterable[Signal]) -> dict[str, list[dict[str, Any]]]:
    """For each file its signals of which a bit has not toggled."""
    listed: dict[str, list[dict[str, Any]]] = {}
    for signal in found:
        if signal.toggled < signal.bits:
            listed.setdefault(signal.file, []).append(
                {
                    "name": signal.name,
                    "line": signal.line,
                    "bits": signal.bits,
                    "toggled": signal.toggled,
                    "missed": signal.missed,
                }
            )
    return listed


def summary(counts: Mapping[Point, int]) -> dict[str, dict[str, Any]]:
    """For each file, points hit and all points of each kind, and the lines of those missed."""
    files: dict[str, dict[Point, int]] = {}
    for point, count in counts.items():
        files.setdefault(point.file, {})[point] = count
    return {file: file_summary(files[file]) for file in sorted(files)}


def file_summary(mine: Mapping[Point, int]) -> dict[str, Any]:
    """One file's numbers."""
    kinds = {kind: ratio([count for point, count in mine.items() if point.kind == kind]) for kind in KINDS}
    missed = sorted(
        f"{point.line} {point.kind} {point.what}"
        for point, count in mine.items()
        if not count and point.kind != "toggle"
    )
    return {**kinds, "missed": missed}


def ratio(counts: list[int]) -> dict[str, int]:
    """How many were reached, of how many."""
    return {"hit": sum(count > 0 for count in counts), "all": len(counts)}


def total(files: Iterable[Mapping[str, Any]], kind: str) -> dict[str, int]:
    """The sum over all files."""
    parts = [file[kind] for file in files]
    return {key: sum(part[key] for part in parts) for key in ("hit", "all")}
