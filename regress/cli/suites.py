"""Commands of the regression: regress, merge, close, mutants, history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regress.cli.options import console
from regress.plan import MASTER_SEED


def regress(
    suite: Annotated[str, typer.Option(help="smoke, ci or nightly.")] = "ci",
    test: Annotated[str, typer.Option(help="Only jobs whose name fits this glob, or holds it.")] = "",
    seed: Annotated[int, typer.Option(help="The master seed.")] = MASTER_SEED,
    jobs: Annotated[
        int, typer.Option(min=0, help="Processes at a time; default: one a core, of a cluster one a thread.")
    ] = 0,
    waves: Annotated[bool, typer.Option(help="Record waves (FST).")] = False,
    item: Annotated[int | None, typer.Option(min=0, help="Only this item of the jobs that have it.")] = None,
    shard: Annotated[str, typer.Option(help="i/n: only every n-th job, from the i-th on.")] = "",
    against: Annotated[
        str,
        typer.Option(help="A run that this one must not be worse than (`last`, or its name or part of it)."),
    ] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Run also what has passed before with the same inputs.")
    ] = False,
    failed: Annotated[
        bool,
        typer.Option("--failed", help="Only what did not pass in the last run, with its suite and seed."),
    ] = False,
    scheduler: Annotated[
        str, typer.Option(help="Run on the Dask cluster of this scheduler: tcp://host:port.")
    ] = "",
    cluster: Annotated[
        str, typer.Option(help="Run on a Dask cluster of batch jobs, made for it: slurm or lsf.")
    ] = "",
    list_only: Annotated[bool, typer.Option("--list", help="Only name the tests.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only show every job with its seed.")] = False,
) -> None:
    """Run a suite of the regression."""
    from regress.farm.choice import Choice
    from regress.plan import Selection, parse_shard
    from regress.regression import failed_selection, regress_suite

    choice = Choice(jobs, scheduler, cluster)
    part = parse_shard(shard) if shard else (1, 1)
    asked = Selection(suite, test, seed, waves, item, fresh=fresh, shard=part)
    selection = failed_selection(waves) if failed else asked
    raise typer.Exit(regress_suite(selection, choice, console, list_only, dry_run, against))


def merge(
    folders: Annotated[list[str], typer.Argument(help="Folders of the shards of one regression.")],
) -> None:
    """Put the shards of a regression together: the same results and reports as of one run."""
    from regress.merge import merge as merged

    raise typer.Exit(merged([Path(folder) for folder in folders], console))


def close(
    run: Annotated[str, typer.Argument(help="A run of a whole suite: its name or folder.")] = "latest",
    jobs: Annotated[int, typer.Option(min=0, help="Processes at a time; default: one a core.")] = 0,
    dry_run: Annotated[bool, typer.Option(help="Only name the items and what they are after.")] = False,
) -> None:
    """Run further items for every bin of coverage that a run has missed, and report on all of it."""
    from regress.closure.close import close as closed

    raise typer.Exit(closed(run, jobs, dry_run, console))


def mutants(
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many.")] = 100,
    seed: Annotated[int, typer.Option(help="What draws them.")] = MASTER_SEED,
    jobs: Annotated[int, typer.Option(min=0, help="At a time; default: one a core.")] = 0,
) -> None:
    """Change one thing at a time in the RTL and see whether the smoke suite notices."""
    from regress.mutants.campaign import Campaign, workers

    raise typer.Exit(Campaign(number, seed, workers(jobs), console).run())


def history() -> None:
    """Show the last runs, what is not steady, and what takes longest."""
    from regress.history.show import history as shown

    console.print(shown())
