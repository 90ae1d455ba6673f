"""What the disturbance of a request is after, whatever the accelerator."""

from __future__ import annotations

from collections.abc import Iterator

from tb.coverage import Bin
from tb.disturbance import ERRORS
from tb.job import Action, Phase


def disturbance_aims(action: Action, phase: Phase) -> Iterator[Bin]:
    """Bins of `reset` and `error`. The error of a write is told when a layer's results are stored, later than it is
    asked for."""
    if action is Action.SOFT_RESET:
        yield "reset", (str(phase),)
    elif action in ERRORS:
        told = Phase.LATER if action is Action.WRITE_ERROR else phase
        yield "error", (ERRORS[action].name, str(told))
