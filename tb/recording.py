"""What of a simulation is recorded as waves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recording:
    """window: the first and the last cycle, () for all. scopes: (full name, levels below it) each, () for all; only
    Verilator leaves others out. deep: also what tb/<variant>/waves.py says is too much. on: False simulates the same
    model without a file."""

    window: tuple[int, int] | tuple[()] = ()
    scopes: tuple[tuple[str, int], ...] = ()
    deep: bool = True
    on: bool = True

    @property
    def arguments(self) -> tuple[str, ...]:
        """Of tb/hdl/trace_window.sv."""
        names = ("trace_first", "trace_last")
        return tuple(f"+{name}={cycle}" for name, cycle in zip(names, self.window, strict=False))


def asked_for(trace: bool, window: object = ()) -> Recording | None:
    """As a job asks for it: two cycles, or nothing."""
    if not trace:
        return None
    match window:
        case [int(first), int(last)]:
            return Recording((first, last))
    return Recording()
