"""A deliberate exception from "driven but never read", with its reason, where the Signal is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from myhdl._Signal import _Signal

_open_modules: list[list[_Signal]] = []


def unused(signal: _Signal, reason: str) -> None:
    """Call in a block body: this Signal, or slice of one, is read by nobody, and that is right.

    In simulation it does nothing; the converted module gets a wire whose name tells every lint so.
    """
    if not reason.strip():
        raise ValueError("unused(signal, reason) needs a reason")
    if _open_modules:
        _open_modules[-1].append(signal)


@contextmanager
def collected(signals: list[_Signal]) -> Iterator[None]:
    """Calls of `unused` inside belong to the module under elaboration."""
    _open_modules.append(signals)
    try:
        yield
    finally:
        _open_modules.pop()
