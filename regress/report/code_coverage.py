"""Line and branch coverage of the RTL, on its Python files: Verilator's records of all runs, merged.

A record of coverage.dat is `C '<key>' <count>`; its key has fields: a byte 1, a name, a byte 2, a value.
`f` the file, `l` the line, `t` line or branch, `o` what of it, `h` the instance. Instances are added.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from regress.job import COVERAGE, job_folder
from regress.report.results import read_results
from rtl.variants import homes

FILE, LINES = "code_coverage.json", "lines.json"


class Point(NamedTuple):
    """A line's block or one side of a branch."""

    file: str
    line: int
    kind: str
    what: str


def report(*, regression: str, folder: Path, **_: object) -> dict[str, Any]:
    """Merge every run's records and write code_coverage.json; skipped when nothing recorded any."""
    files = list(coverage_files(Path(regression)))
    if not files:
        return {"verdict": "skip", "message": "no run recorded coverage"}
    counts = merged(files)
    by_file = summary(counts)
    (folder / FILE).write_text(json.dumps(by_file, indent=1))
    (folder / LINES).write_text(json.dumps(by_line(counts)))
    totals = {kind: total(by_file.values(), kind) for kind in ("line", "branch")}
    message = ", ".join(f"{kind} {part['hit']}/{part['all']}" for kind, part in totals.items())
    return {"verdict": "pass", "checked": len(files), "message": message, **totals, "files": by_file}


def coverage_files(regression: Path) -> Iterator[Path]:
    """The coverage.dat of every simulation that has one."""
    for result in read_results(regression):
        for name in result.details.get(COVERAGE, ()):
            yield job_folder(regression, result.name) / name


def merged(files: Iterable[Path]) -> Counter[Point]:
    """How often each point was reached in all files together; points never reached are in it with 0."""
    counts: Counter[Point] = Counter()
    for file in files:
        for point, count in points(file.read_text()):
            counts[point] += count
    return counts


def points(text: str) -> Iterator[tuple[Point, int]]:
    """The records of the RTL's own files: inside the tree, and of variants outside, which convert from
    `<variant>/` or are given where they stand."""
    outside = [home for home in homes().values() if home.outside]
    shown = ("rtl/", *(f"{home.name}/" for home in outside), *(f"{home.folder}/" for home in outside))
    for record in text.splitlines():
        if record.startswith("C '"):
            key, _, count = record[3:].rpartition("' ")
            fields = dict(field.split("\x02", 1) for field in key.split("\x01")[1:])
            if fields["f"].startswith(shown):
                yield Point(fields["f"], int(fields["l"]), fields["t"], fields["o"]), int(count)


def by_line(counts: Mapping[Point, int]) -> dict[str, dict[str, dict[str, Any]]]:
    """For each file and line, how often it was reached, and what of it never was."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for point, count in counts.items():
        line = found.setdefault(point.file, {}).setdefault(str(point.line), {"line": None, "missed": []})
        if point.kind == "line":
            line["line"] = max(count, line["line"] or 0)
        elif not count:
            line["missed"].append(point.what)
    return found


def summary(counts: Mapping[Point, int]) -> dict[str, dict[str, Any]]:
    """For each file, points hit and all points of each kind, and the lines of those missed."""
    return {file: file_summary(counts, file) for file in sorted({point.file for point in counts})}


def file_summary(counts: Mapping[Point, int], file: str) -> dict[str, Any]:
    """One file's numbers."""
    mine = {point: count for point, count in counts.items() if point.file == file}
    kinds = {
        kind: ratio([count for point, count in mine.items() if point.kind == kind])
        for kind in ("line", "branch")
    }
    missed = sorted(f"{point.line} {point.kind} {point.what}" for point, count in mine.items() if not count)
    return {**kinds, "missed": missed}


def ratio(counts: list[int]) -> dict[str, int]:
    """How many were reached, of how many."""
    return {"hit": sum(count > 0 for count in counts), "all": len(counts)}


def total(files: Iterable[Mapping[str, Any]], kind: str) -> dict[str, int]:
    """The sum over all files."""
    parts = [file[kind] for file in files]
    return {key: sum(part[key] for part in parts) for key in ("hit", "all")}
