"""From the options of the command line to the place where jobs run. Dask is only imported when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from compiler.errors import BadData
from regress.farm.local import Local
from regress.farm.place import FarmError, Place

BATCH_SYSTEMS = ("slurm", "lsf")
MOST_JOBS = 512  # in flight on a cluster: each has a thread here that waits


@dataclass(frozen=True)
class Choice:
    """jobs: at a time, 0 for as many as there is room for; scheduler: address of a Dask scheduler; cluster: a batch
    system. Neither of them: this machine."""

    jobs: int = 0
    scheduler: str = ""
    cluster: str = ""

    def __post_init__(self) -> None:
        if self.scheduler and self.cluster:
            raise BadData("--scheduler and --cluster: one of them, not both")
        if self.cluster not in ("", *BATCH_SYSTEMS):
            raise BadData(f"--cluster is {self.cluster!r}, must be {' or '.join(BATCH_SYSTEMS)}")

    @property
    def local(self) -> bool:
        """Whether all runs on this machine."""
        return not (self.scheduler or self.cluster)

    @property
    def threads(self) -> int:
        """That wait for jobs."""
        return (self.jobs or os.cpu_count() or 1) if self.local else MOST_JOBS


@contextmanager
def opened(choice: Choice, folder: Path, console: Console) -> Iterator[Place]:
    """The place, as long as the context lasts. folder: where runs are written. Raises FarmError when the cluster cannot
    be used."""
    if choice.local:
        yield Local()
        return
    try:
        from regress.farm.connection import connected
    except ImportError as error:
        raise FarmError(f"a cluster needs Dask: pip install -e '.[cluster]' ({error})") from error
    with ExitStack() as stack:
        yield connected(choice, folder, console, stack)
