"""Many mutants, side by side, each in a copy of the tree: `make mutants N= SEED=`. What is finished is kept."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from threading import Event, Lock
from typing import Any

from rich.console import Console
from rich.table import Table

from regress.console import print_lines
from regress.memory import hash_sources
from regress.mutants.score import (
    WANTED,
    Fate,
    Judged,
    check_arguments,
    judge,
    keep,
    kept,
    read_arguments,
    score,
    with_arguments,
)
from regress.mutants.sites import Mutant, mutants
from regress.simulators import SimulatorError
from regress.simulators.cache import ROOT, locked
from regress.simulators.process import clean_environment, execute
from rtl.variants import homes

FOLDER = ROOT / "build" / "mutants"
ARGUMENTS = ROOT / "testplan" / "mutants" / "equivalent.toml"
LEFT_OUT = (".git", ".venv", "build", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache")
LIMIT = 1800.0  # seconds for the suite on one mutant
FIRST_LIMIT = 3600.0  # and on the tree as it is, which builds everything
SUITE, SUITE_SEED = "smoke", 1
MODELS = ("verilator-", "icarus-")  # how entries of built simulators begin


@dataclass
class Place:
    """A copy of the tree with a cache of its own, for one mutant at a time."""

    tree: Path
    cache: Path

    def attempt(self, mutant: Mutant, limit: float, stop: Event, first: str) -> tuple[Fate, str, str]:
        """Fate, job and text. first: the job to begin with. What was built for the mutant is removed."""
        before, source = self._entries(), self._change(mutant)
        try:
            answer = self.answer(limit, stop, first)
            built = {entry.name for entry in self._entries() - before}
            return judge(answer, any(name.startswith(MODELS) for name in built))
        finally:
            (self.tree / "rtl" / mutant.file).write_text(source)
            for entry in self._entries() - before:
                shutil.rmtree(entry, ignore_errors=True)

    def _change(self, mutant: Mutant) -> str:
        file = self.tree / "rtl" / mutant.file
        source = file.read_text()
        file.write_text(mutant.apply(source))
        return source

    def answer(self, limit: float, stop: Event, first: str = "") -> dict[str, Any] | None:
        """The suite's, on the tree as it is; None if it does not end in time."""
        shutil.rmtree(self.tree / "build", ignore_errors=True)
        answer = self.tree.with_suffix(".json")
        answer.unlink(missing_ok=True)
        command = [sys.executable, "-m", "regress.mutants.attempt", SUITE, str(SUITE_SEED), str(answer)]
        command += [first] if first else []
        environment = {
            **clean_environment(), "PYTHONPATH": str(self.tree), "PYTHONDONTWRITEBYTECODE": "1",
            "ASSAY_CACHE": str(self.cache), "ASSAY_GIVE_UP": "1",
        }  # fmt: skip
        log = self.tree.with_suffix(".log")
        log.unlink(missing_ok=True)
        status = execute(command, self.tree, environment, log, limit, stop)
        if status is None:
            return None
        if not answer.exists():
            raise SimulatorError(f"the suite ended with status {status} and no answer; see {log}")
        found: dict[str, Any] = json.loads(answer.read_text())
        return found

    def _entries(self) -> set[Path]:
        groups = [self.cache, self.cache / "passed"]
        return {
            entry
            for group in groups
            if group.is_dir()
            for entry in group.iterdir()
            if entry.name != "passed" and not entry.name.startswith(("golden-", "program-"))
        }


@dataclass
class Campaign:
    """number of mutants drawn with a seed, so many at a time."""

    number: int
    seed: int
    workers: int
    console: Console
    stop: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def run(self) -> int:
        """The exit code: 0 if the score is high enough, 1 if not, 3 if mutants could not be judged."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        check_arguments(read_arguments(ARGUMENTS), mutants(ROOT / "rtl"))
        with locked(FOLDER / "lock"):
            drawn = draw(self.number, self.seed)
            file = FOLDER / f"finished-{tree_key()}.jsonl"
            left = [mutant for mutant in drawn if mutant.name not in kept(file)]
            self.console.print(
                f"{len(drawn)} mutants, {len(drawn) - len(left)} finished before", highlight=False
            )
            if left:
                self._judge_all(left, file)
            found = kept(file)
            return self.report([found[mutant.name] for mutant in drawn if mutant.name in found])

    def _judge_all(self, left: Sequence[Mutant], file: Path) -> None:
        places: Queue[Place] = Queue()
        seen = seen_by()
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                for place in pool.map(self._prepare, range(self.workers)):
                    places.put(place)
                list(pool.map(lambda mutant: self._judge(mutant, places, file, seen), left))
            except BaseException:
                self.stop.set()
                raise

    def _prepare(self, number: int) -> Place:
        """A copy on which the whole suite passes, as it must."""
        place = Place(FOLDER / f"tree{number}", FOLDER / f"cache{number}")
        shutil.rmtree(place.tree, ignore_errors=True)
        shutil.copytree(ROOT, place.tree, ignore=shutil.ignore_patterns(*LEFT_OUT))
        answer = place.answer(FIRST_LIMIT, self.stop)
        if answer != {}:
            raise SimulatorError(f"suite {SUITE} does not pass without any change: {answer}")
        return place

    def _judge(self, mutant: Mutant, places: Queue[Place], file: Path, seen: Mapping[str, str]) -> None:
        if self.stop.is_set():
            return
        place, begin = places.get(), time.monotonic()
        try:
            fate, job, text = place.attempt(mutant, LIMIT, self.stop, seen.get(mutant.name, ""))
        finally:
            places.put(place)
        if self.stop.is_set():
            return
        judged = Judged(mutant.name, fate, mutant.place, job, text, time.monotonic() - begin)
        with self.lock:
            keep(file, judged)
            print_lines(self.console, [line(judged)])

    def report(self, found: Sequence[Judged]) -> int:
        """The table, the survivors and the score."""
        judged = with_arguments(found, read_arguments(ARGUMENTS))
        self.console.print(table(judged))
        shown = (Fate.SURVIVED, Fate.TIME, Fate.MODEL, Fate.BROKEN)
        print_lines(self.console, [line(each) for each in judged if each.fate in shown])
        total = score(judged)
        told = f"{total.killed} of {total.judged} killed by a checker of data, protocol or registers: {total.share:.1%}"
        self.console.print(told, highlight=False)
        if any(each.fate is Fate.BROKEN for each in judged):
            return 3
        return 0 if total.share >= WANTED else 1


def draw(number: int, seed: int) -> list[Mutant]:
    """Mutants drawn by chance; of a larger number with the same seed they are the first."""
    every = mutants(ROOT / "rtl")
    random.Random(seed).shuffle(every)
    return every[:number]


def seen_by() -> dict[str, str]:
    """The job that saw a mutant in a campaign before, on whatever tree: it is likely to see it again."""
    files = sorted(FOLDER.glob("finished-*.jsonl"), key=lambda file: file.stat().st_mtime)
    return {name: judged.job for file in files for name, judged in kept(file).items() if judged.job}


def tree_key() -> str:
    """Of everything that decides a mutant's fate."""
    parts = [hash_sources(variant) for variant in sorted(homes())]
    plan = [file.read_text() for file in sorted((ROOT / "testplan").glob("*.toml"))]
    return hashlib.sha256("".join([*parts, *plan]).encode()).hexdigest()[:16]


def table(judged: Sequence[Judged]) -> Table:
    """How many of each fate, by folder of rtl/."""
    folders = sorted({each.name.partition("/")[0] for each in judged})
    made = Table("fate", *folders, "all", title="mutants")
    for fate in Fate:
        mine = [each for each in judged if each.fate is fate]
        if mine:
            counts = [sum(each.name.startswith(f"{folder}/") for each in mine) for folder in folders]
            made.add_row(fate, *map(str, counts), str(len(mine)))
    return made


def line(judged: Judged) -> str:
    """One mutant."""
    by = f" by {judged.job}" if judged.job else ""
    text = f": {judged.text}" if judged.text else ""
    return f"{judged.fate}{by} ({judged.seconds:.0f} s) {judged.place}: {judged.name}{text}"


def workers(asked: int) -> int:
    """As many as asked for, or one a core."""
    return asked or os.cpu_count() or 1
