"""Verilator's records of all runs, merged.

A record of coverage.dat is `C '<key>' <count>`; its key has fields: a byte 1, a name, a byte 2, a value.
`f` the file, `l` the line, `t` line, branch or toggle, `o` what of it, `h` the instance, `page` v_<kind>/<module>.
Instances are added.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from regress.job import COVERAGE, job_folder
from regress.report.results import read_results
from rtl.variants import homes

PACKED = ".gz"


class Point(NamedTuple):
    """A line's block, one side of a branch, or one edge of one bit of a signal. module: of a toggle."""

    file: str
    line: int
    kind: str
    what: str
    module: str = ""


def coverage_files(regression: Path) -> Iterator[Path]:
    """The coverage.dat of every simulation that has one."""
    for result in read_results(regression):
        for name in result.details.get(COVERAGE, ()):
            yield job_folder(regression, result.name) / name


def merged(files: Iterable[Path]) -> Counter[Point]:
    """How often each point was reached in all files together; points never reached are in it with 0."""
    counts: Counter[Point] = Counter()
    for file in files:
        for point, count in points(read(file)):
            counts[point] += count
    return counts


def read(file: Path) -> str:
    """Its text, packed or not."""
    return gzip.decompress(file.read_bytes()).decode() if file.suffix == PACKED else file.read_text()


def own_files() -> tuple[str, ...]:
    """How names of the RTL's own files begin: inside the tree, and of variants outside, which convert from
    `<variant>/` or are given where they stand."""
    outside = [home for home in homes().values() if home.outside]
    return ("rtl/", *(f"{home.name}/" for home in outside), *(f"{home.folder}/" for home in outside))


def points(text: str, shown: tuple[str, ...] = ()) -> Iterator[tuple[Point, int]]:
    """The records of files whose names begin so, of none given: the RTL's own."""
    shown = shown or own_files()
    for record in text.splitlines():
        if record.startswith("C '"):
            key, _, count = record[3:].rpartition("' ")
            fields = dict(field.split("\x02", 1) for field in key.split("\x01")[1:])
            if fields["f"].startswith(shown):
                module = fields["page"].partition("/")[2] if fields["t"] == "toggle" else ""
                yield Point(fields["f"], int(fields["l"]), fields["t"], fields["o"], module), int(count)
