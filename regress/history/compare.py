"""One run against another: what fails now, what takes more cycles, what simulates more slowly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from regress.history.store import Entry
from regress.job import Verdict

CYCLES = 0.01  # a network may take so much more
SPEED = 0.4  # simulation may be so much slower: machines are shared
SHORT = 5.0  # seconds: the speed of what is simulated in less says nothing


@dataclass(frozen=True)
class Regressed:
    """One job that is worse than it was."""

    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"


def regressed(before: Sequence[Entry], now: Sequence[Entry]) -> list[Regressed]:
    """Every job of both that is worse now."""
    known = {entry.name: entry for entry in before}
    return [
        Regressed(entry.name, what)
        for entry in now
        if entry.name in known
        for what in worse(known[entry.name], entry)
    ]


def worse(before: Entry, now: Entry) -> Iterator[str]:
    """In what one job is worse than it was: its verdict; cycles, if it ran the same seeds; speed, if it ran."""
    if before.verdict == Verdict.PASS and now.verdict not in (Verdict.PASS, Verdict.SKIP):
        yield f"passed, now {now.verdict}: {now.message}"
        return
    if before.seeds == now.seeds and before.cycles and now.cycles:
        more = now.cycles / before.cycles - 1
        if more > CYCLES:
            yield f"{before.cycles:,} cycles, now {now.cycles:,} ({more:+.1%}, allowed {CYCLES:.0%})"
    if now.remembered or not before.speed or not now.speed or (now.simulated_seconds or 0) < SHORT:
        return
    less = now.speed / before.speed - 1
    if less < -SPEED:
        yield f"{before.speed:,.0f} cycles a second, now {now.speed:,.0f} ({less:+.0%}, allowed -{SPEED:.0%})"
