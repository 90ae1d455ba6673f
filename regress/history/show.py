"""What `assay history` prints, and what `assay regress --against` says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from rich.console import Group
from rich.table import Table

from regress.history.compare import Regressed, regressed
from regress.history.flakes import flakes, slowest
from regress.history.store import entries, find_run, opened, runs
from regress.simulators.cache import ROOT

RUNS = 15


def history(file: Path | None = None) -> Group:
    """The last runs, what is not steady, what takes longest."""
    with opened(file) as base:
        trend = Table("run", "suite", "seed", "source", "exit", title="runs")
        trend.add_column("seconds", justify="right")
        for run in runs(base, RUNS):
            suite = run.suite if run.whole else f"{run.suite} (part)"
            code, seconds = str(run.exit_code), f"{run.wall_seconds:,.0f}"
            trend.add_row(run.name, suite, str(run.seed), run.source[:10], code, seconds)
        unsteady = Table("job", "flake score", "groups", title="not steady")
        for flake in flakes(base):
            unsteady.add_row(flake.name, f"{flake.score:.0%}", str(flake.groups))
        slow = Table("job", "seconds", "runs", title="slowest")
        for job in slowest(base):
            slow.add_row(job.name, f"{job.seconds:,.1f}", str(job.runs))
    return Group(*(table for table in (trend, unsteady, slow) if table.row_count))


def against(run: str, now: str, file: Path | None = None) -> list[Regressed]:
    """What is worse in run `now` than in another. Raises BadData."""
    with opened(file) as base:
        return regressed(entries(base, find_run(base, run).name), entries(base, now))


def run_named(run: str, file: Path | None = None) -> str:
    """The whole name of a run. Raises BadData if there is none, or several."""
    with opened(file) as base:
        return find_run(base, run).name


def told(run: str, found: list[Regressed]) -> Iterator[str]:
    """The gate's lines."""
    yield f"against {run}: {len(found) or 'nothing'} worse"
    yield from (f"    {each}" for each in found)


def source() -> str:
    """The commit of the tree, with + where it was changed since; '' without git."""
    try:
        commit = _git("rev-parse", "HEAD").strip()
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no").strip() else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout
