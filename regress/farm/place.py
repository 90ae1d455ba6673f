"""What the runner wants of a place where jobs run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from regress.job import Job


class FarmError(Exception):
    """The cluster cannot be used: says nothing about the design."""


@dataclass(frozen=True)
class Ended:
    """How a job's process ended. status: negative: a signal; None: ended when its time was over, or by `stop`.
    seconds: that it ran. lost: why nothing can be told of it, '' if something can. details: for the job's result."""

    status: int | None
    seconds: float
    lost: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


class Place(Protocol):
    """Runs processes of jobs; used by many threads at once."""

    def slot(self, stop: Event) -> AbstractContextManager[None]:
        """Held while a job runs: waits until there is room for one more, or until `stop`."""

    def run(self, job: Job, folder: Path, stop: Event) -> Ended:
        """Make `folder` and run the job's process, which leaves its files there. `stop` ends it."""
