"""The file: build/history.sqlite, or ASSAY_HISTORY."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from compiler.errors import BadData
from regress.job import Result
from regress.simulators.cache import ROOT

VERSION = 1
DISK = ("SQLITE_FULL", "SQLITE_IOERR")
TABLES = """
create table if not exists runs (
    id integer primary key, name text not null unique, started real not null, suite text not null,
    seed integer not null, whole integer not null, source text not null, wall_seconds real not null,
    exit_code integer not null
);
create table if not exists results (
    run integer not null references runs(id), name text not null, test text not null, variant text not null,
    config text not null, simulator text not null, seeds text not null, verdict text not null, message text not null,
    seconds real not null, cycles integer, simulated_seconds real, remembered integer not null,
    primary key (run, name)
);
"""


@dataclass(frozen=True)
class Run:
    """One regression. started: seconds since 1970; whole: all of its suite ran; source: commit, '+' if changed."""

    name: str
    started: float
    suite: str
    seed: int
    whole: bool
    source: str
    wall_seconds: float
    exit_code: int


@dataclass(frozen=True)
class Entry:
    """One job of a run. seeds: equal for equal seeds; cycles and simulated_seconds: None where nothing was simulated;
    remembered: it was not run again."""

    name: str
    test: str
    variant: str
    config: str
    simulator: str
    seeds: str
    verdict: str
    message: str
    seconds: float
    cycles: int | None
    simulated_seconds: float | None
    remembered: bool

    @property
    def speed(self) -> float | None:
        """Simulated cycles a second."""
        return self.cycles / self.simulated_seconds if self.cycles and self.simulated_seconds else None


def history_file() -> Path:
    """Where it is."""
    return Path(os.environ.get("ASSAY_HISTORY") or ROOT / "build" / "history.sqlite").resolve()


@contextmanager
def opened(file: Path | None = None) -> Iterator[sqlite3.Connection]:
    """The file, made if it is not there; what is written is there whole or not at all. Raises BadData, and OSError
    where the disk is full."""
    path = file or history_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(sqlite3.connect(path, timeout=60.0)) as base, base:
            _check_version(base, path)
            base.executescript(TABLES)
            yield base
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "").startswith(DISK):
            raise OSError(
                errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} or broken disk: {error}", str(path)
            ) from None
        raise BadData(f"cannot be used: {error}", file=str(path)) from None


def _check_version(base: sqlite3.Connection, path: Path) -> None:
    (version,) = base.execute("pragma user_version").fetchone()
    if version > VERSION:
        raise BadData(f"is of version {version}, this assay knows {VERSION}", file=str(path))
    base.execute(f"pragma user_version = {VERSION}")


def record(run: Run, results: Sequence[Result], file: Path | None = None) -> None:
    """Add a run with its results. Raises BadData."""
    with opened(file) as base:
        number = base.execute(
            "insert into runs values (null, ?, ?, ?, ?, ?, ?, ?, ?)", tuple(vars(run).values())
        ).lastrowid
        rows = [(number, *vars(entry_of(result)).values()) for result in results]
        base.executemany(f"insert into results values ({', '.join('?' * 13)})", rows)


def entry_of(result: Result) -> Entry:
    """A result as it is kept."""
    job, details = result.job, result.details
    return Entry(
        name=result.name,
        test=str(job.get("test", "")),
        variant=str(job.get("variant", "")),
        config=str(job.get("config", "")),
        simulator=str(job.get("simulator", "")),
        seeds=",".join(map(str, job.get("seeds", ()))),
        verdict=str(result.verdict),
        message=result.message,
        seconds=result.seconds,
        cycles=number_of(details, "cycles"),
        simulated_seconds=number_of(details, "simulated_seconds") or number_of(details, "wall_seconds"),
        remembered="remembered" in details,
    )


def number_of(details: Mapping[str, Any], name: str) -> Any:
    """A number of a result's details; None if it has none."""
    value = details.get(name)
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**63
    return value if known else None


def runs(base: sqlite3.Connection, last: int = 0) -> list[Run]:
    """All runs, or the last ones, the oldest first."""
    limit = f" limit {int(last)}" if last else ""
    rows = base.execute(f"select * from runs order by id desc{limit}").fetchall()
    return [_run(row) for row in reversed(rows)]


def _run(row: Sequence[Any]) -> Run:
    _, name, started, suite, seed, whole, source, seconds, code = row
    return Run(name, started, suite, seed, bool(whole), source, seconds, code)


def find_run(base: sqlite3.Connection, name: str) -> Run:
    """A run by its name or by a part of it that no other run has; 'last' for the last one. Raises BadData."""
    listed = runs(base)
    found = listed[-1:] if name == "last" else [run for run in listed if run.name == name or name in run.name]
    exact = [run for run in found if run.name == name] or found
    if len(exact) != 1:
        known = ", ".join(run.name for run in listed[-5:]) or "none"
        raise BadData(
            f"{len(exact)} runs are named {name!r}; the last ones: {known}", file=str(history_file())
        )
    return exact[0]


def entries(base: sqlite3.Connection, run: str) -> list[Entry]:
    """The results of a run."""
    rows = base.execute(
        "select results.* from results join runs on runs.id = results.run where runs.name = ?", (run,)
    ).fetchall()
    names = [field.name for field in fields(Entry)]
    found = [Entry(**dict(zip(names, row[1:], strict=True))) for row in rows]
    return [replace(entry, remembered=bool(entry.remembered)) for entry in found]
