"""What became of each mutant, and the score."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from compiler.errors import BadData
from regress.mutants.sites import Mutant
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
    SAME = "same Verilog"  # in every design of the suite: no change of the hardware
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
    """One mutant. name, place: as the Mutant's; job: the one that saw it; text: what it said."""

    name: str
    fate: Fate
    place: str = ""
    job: str = ""
    text: str = ""
    seconds: float = 0.0


def judge(answer: Mapping[str, Any] | None, new_models: bool) -> tuple[Fate, str, str]:
    """Fate, job and text from an attempt's answer: {} if every job passed, None if there is none, since its time was
    over. new_models: whether any simulator had to be built that the unchanged tree has not."""
    if answer is None:
        return Fate.TIME, "", "the suite did not end"
    if not answer:
        return (Fate.SURVIVED if new_models else Fate.SAME), "", ""
    if answer["verdict"] != "fail":
        return Fate.BROKEN, answer["job"], answer["finding"]["text"]
    finding = from_plain(answer["finding"])
    return FATES[finding.kind.checker], answer["job"], finding.text


@dataclass(frozen=True)
class Score:
    """Of mutants that build to other hardware and are not argued equivalent, the share that a checker killed."""

    fates: Mapping[Fate, int]

    @property
    def judged(self) -> int:
        """How many count."""
        left_out = (Fate.BUILD, Fate.SAME, Fate.EQUIVALENT, Fate.BROKEN)
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
        if each.name in arguments and each.fate not in (Fate.SURVIVED, Fate.SAME, Fate.EQUIVALENT):
            raise BadData(f"{each.name} is argued equivalent, but was killed: {each.fate}: {each.text}")
    return [
        replace(each, fate=Fate.EQUIVALENT, text=arguments[each.name])
        if each.name in arguments and each.fate is Fate.SURVIVED
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


def check_arguments(arguments: Mapping[str, str], every: Iterable[Mutant]) -> None:
    """Raises BadData for an argument that stands for no mutant, since its line was changed."""
    names = {mutant.name for mutant in every}
    for name in arguments:
        if name not in names:
            raise BadData(f"{name}: there is no such mutant", file="equivalent.toml")


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
