"""Which jobs pass and fail on the same sources with the same seeds, and which take longest."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from regress.job import Verdict

RUNS = 50  # the last ones are looked at


@dataclass(frozen=True)
class Flake:
    """score: share of the groups of runs with equal sources and seeds in which a job both passed and failed."""

    name: str
    score: float
    groups: int


@dataclass(frozen=True)
class Slow:
    """The mean of the times that a job took when it ran."""

    name: str
    seconds: float
    runs: int


def flakes(base: sqlite3.Connection) -> list[Flake]:
    """The jobs that are not steady, the worst first. Changed sources are equal to nothing, not to themselves."""
    rows = base.execute(
        f"""
        select name, avg(passed > 0 and passed < all_of) as score, count(*) from (
            select results.name as name, sum(verdict = '{Verdict.PASS}') as passed, count(*) as all_of
            from results join runs on runs.id = results.run
            where not remembered and source not like '%+' and source != ''
                and verdict in ('{Verdict.PASS}', '{Verdict.FAIL}', '{Verdict.BROKEN}')
                and runs.id > (select max(id) from runs) - ?
            group by results.name, source, seeds having all_of > 1
        ) group by name having score > 0 order by score desc, name
        """,
        (RUNS,),
    ).fetchall()
    return [Flake(*row) for row in rows]


def slowest(base: sqlite3.Connection, count: int = 10) -> list[Slow]:
    """The jobs that take longest."""
    rows = base.execute(
        """
        select results.name, avg(seconds), count(*) from results join runs on runs.id = results.run
        where not remembered and runs.id > (select max(id) from runs) - ?
        group by results.name order by avg(seconds) desc limit ?
        """,
        (RUNS, count),
    ).fetchall()
    return [Slow(*row) for row in rows]
