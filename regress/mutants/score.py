"""What became of each mutant, and the score."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from compiler.errors import BadData
from tb.finding import Checker, from_plain

WANTED = 0.95


class Fate(StrEnum):
    """What ended a mutant."""

    DATA = "data checker"
    PROTOCOL = "protocol checker"
    REGISTER = "register checker"
    MODEL = "cycle model"
    TIME = "time-out"
    BUILD = "lint or build"
    SURVIVED = "survived"
    EQUIVALENT = "argued equivalent"
    BROKEN = "not judged"  # the machine failed

    @property
    def by_checker(self) -> bool:
        """Whether a checker of data, protocol or registers saw it."""
        return self in (Fate.DATA, Fate.PROTOCOL, Fate.REGISTER)


FATES = {
    Checker.DATA: Fate.DATA,
    Checker.PROTOCOL: Fate.PROTOCOL,
    Checker.REGISTER: Fate.REGISTER,
    Checker.MODEL: Fate.MODEL,
    Checker.TIME: Fate.TIME,
    Checker.BUILD: Fate.BUILD,
}


@dataclass(frozen=True)
class Judged:
    """One mutant. name: as Mutant.name; job: the one that saw it; text: what it said."""

    name: str
    fate: Fate
    job: str = ""
    text: str = ""
    seconds: float = 0.0


def judge(name: str, answer: Mapping[str, Any] | None, seconds: float) -> Judged:
    """From an attempt's answer: {} if every job passed, None if there is none, since its time was over."""
    if answer is None:
        return Judged(name, Fate.TIME, text="the suite did not end", seconds=seconds)
    if not answer:
        return Judged(name, Fate.SURVIVED, seconds=seconds)
    if answer["verdict"] != "fail":
        return Judged(name, Fate.BROKEN, answer["job"], answer["finding"]["text"], seconds)
    finding = from_plain(answer["finding"])
    return Judged(name, FATES[finding.kind.checker], answer["job"], finding.text, seconds)


@dataclass(frozen=True)
class Score:
    """Of mutants that build and are not argued equivalent, the share that a checker killed."""

    fates: Mapping[Fate, int]

    @property
    def judged(self) -> int:
        """How many count."""
        left_out = (Fate.BUILD, Fate.EQUIVALENT, Fate.BROKEN)
        return sum(count for fate, count in self.fates.items() if fate not in left_out)

    @property
    def killed(self) -> int:
        """How many of them a checker saw."""
        return sum(count for fate, count in self.fates.items() if fate.by_checker)

    @property
    def share(self) -> float:
        """The score; 0 if nothing counts."""
        return self.killed / self.judged if self.judged else 0.0


def score(found: Iterable[Judged]) -> Score:
    """Of all."""
    return Score(Counter(each.fate for each in found))


def with_arguments(found: Sequence[Judged], arguments: Mapping[str, str]) -> list[Judged]:
    """Survivors that are argued equivalent are told so. Raises BadData for an argument for one that was killed."""
    for each in found:
        if each.name in arguments and each.fate not in (Fate.SURVIVED, Fate.EQUIVALENT):
            raise BadData(f"{each.name} is argued equivalent, but was killed: {each.fate}: {each.text}")
    return [
        Judged(each.name, Fate.EQUIVALENT, text=arguments[each.name], seconds=each.seconds)
        if each.name in arguments
        else each
        for each in found
    ]


def read_arguments(file: Path) -> dict[str, str]:
    """[[equivalent]] entries: a mutant's name, and why no test can tell it from the design. Raises BadData."""
    if not file.exists():
        return {}
    try:
        entries = tomllib.loads(file.read_text()).get("equivalent", [])
        return {entry["mutant"]: entry["reason"] for entry in entries}
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise BadData(f"an [[equivalent]] needs mutant and reason: {error}", file=str(file)) from None


def keep(file: Path, judged: Judged) -> None:
    """Add one to the file of those that are finished."""
    with file.open("a") as lines:
        lines.write(json.dumps(asdict(judged)) + "\n")


def kept(file: Path) -> dict[str, Judged]:
    """Those that are finished; a line that was not written to its end is not there."""
    found = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            raw = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[raw["name"]] = Judged(**{**raw, "fate": Fate(raw["fate"])})
    return found
