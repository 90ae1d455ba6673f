"""Lines that no test can reach: [[code_exclusion]] entries of testplan/*.toml, each with a reason and a day."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from regress.report.code.records import Point
from regress.simulators.cache import ROOT

KINDS = ("line", "branch")  # toggles are told, not judged
TESTPLAN = ROOT / "testplan"


@dataclass(frozen=True)
class Exclusion:
    """line: the text of the source line, without its indent: it stays when others are added above."""

    file: str
    line: str
    reason: str
    expires: date

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.file}: {self.line!r}"

    def numbers(self, root: Path = ROOT) -> frozenset[int]:
        """The lines with that text; none if the file is not there."""
        path = root / self.file
        text = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return frozenset(number for number, line in enumerate(text, 1) if line.strip() == self.line)


def read_exclusions(folder: Path = TESTPLAN) -> list[Exclusion]:
    """Those of all files. Raises TypeError for an entry with other fields."""
    entries = [
        tomllib.loads(file.read_text()).get("code_exclusion", []) for file in sorted(folder.glob("*.toml"))
    ]
    return [Exclusion(**entry) for listed in entries for entry in listed]


def without(
    counts: Mapping[Point, int], exclusions: Iterable[Exclusion], root: Path = ROOT
) -> dict[Point, int]:
    """The points but for the lines and branches that are excluded and were indeed never reached."""
    places = {(each.file, number) for each in exclusions for number in each.numbers(root)}
    return {
        point: count
        for point, count in counts.items()
        if count or point.kind not in KINDS or (point.file, point.line) not in places
    }


def wrong(
    counts: Mapping[Point, int], exclusions: Iterable[Exclusion], root: Path = ROOT, today: date | None = None
) -> Iterator[str]:
    """Exclusions that have expired, that name no line, or of whose line nothing was missed."""
    missed = {
        (point.file, point.line) for point, count in counts.items() if point.kind in KINDS and not count
    }
    for each in exclusions:
        numbers = each.numbers(root)
        if each.expires < (today or date.today()):
            yield f"{each.name}: the exclusion expired on {each.expires}"
        if not numbers:
            yield f"{each.name}: is excluded, but there is no such line"
        elif not any((each.file, number) in missed for number in numbers):
            yield f"{each.name}: is excluded, but was reached"
