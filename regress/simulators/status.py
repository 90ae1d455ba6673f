"""How a process ended, in words."""

from __future__ import annotations

import signal

CRASHES = {
    signal.SIGSEGV,
    signal.SIGABRT,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGTRAP,
    signal.SIGSYS,
}


def told_status(status: int) -> str:
    """An exit status, negative for a signal, as the end of a sentence."""
    if status >= 0:
        return f"ended with status {status}"
    if -status not in set(signal.Signals):
        return f"was killed (signal {-status})"
    number = signal.Signals(-status)
    told = f"(signal {-status}, {number.name})"
    if number in CRASHES:
        return f"crashed {told}"
    return f"was killed {told}{', maybe out of memory,' if number is signal.SIGKILL else ''}"
