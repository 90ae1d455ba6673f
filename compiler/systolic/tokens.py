"""Tokens: the fewest that keep every instruction behind those it depends on.

Units finish their instructions in order, so one token from a unit says that all its earlier instructions are
done, and all that those had waited for. Each instruction's knowledge is kept as a vector clock; it waits for
a token only where its own does not cover what it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from compiler.systolic.steps import Resources, Span, Step
from rtl.systolic.isa import Opcode, Unit

MOST_TOKENS = 7
QUEUE_DEPTH = 4
# A queue's head may be decoded while four more wait behind it.
SURELY_STARTED = QUEUE_DEPTH + 2
UNITS = len(Unit)


@dataclass
class Tokens:
    """Bit masks of units for one step; settle: it reads what a POST wrote since the last one that settled."""

    wait: int = 0
    signal: int = 0
    settle: bool = False


@dataclass
class _Pair:
    """Tokens from one unit to another: program positions of giver and taker."""

    given: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)


class _Tracker:
    """Who touched each page last: ordinal + 1 within its unit, 0 for nobody."""

    def __init__(self, resources: Resources) -> None:
        self._written = np.zeros((UNITS, resources.pages), np.int64)
        self._read = np.zeros((UNITS, resources.pages), np.int64)

    def needs(self, step: Step) -> npt.NDArray[np.int64]:
        """For each unit, how many of its steps must be done before this one."""
        needed = np.zeros(UNITS, np.int64)
        for span in step.reads:
            np.maximum(needed, _latest(self._written, span), out=needed)
        for span in step.writes:
            np.maximum(needed, _latest(self._written, span), out=needed)
            np.maximum(needed, _latest(self._read, span), out=needed)
        return needed

    def written_by(self, unit: Unit, spans: Sequence[Span]) -> int:
        """How many of a unit's steps must be done before its writes to the spans are."""
        return max((int(self._written[unit, start:end].max()) for start, end in spans), default=0)

    def touch(self, step: Step, ordinal: int) -> None:
        for start, end in step.reads:
            self._read[step.unit, start:end] = ordinal + 1
        for start, end in step.writes:
            self._written[step.unit, start:end] = ordinal + 1


def _latest(table: npt.NDArray[np.int64], span: Span) -> npt.NDArray[np.int64]:
    latest: npt.NDArray[np.int64] = table[:, span[0] : span[1]].max(axis=1)
    return latest


def assign(steps: Sequence[Step], resources: Resources) -> list[Tokens]:
    """Tokens for each step. Raises RuntimeError should a counter be able to overflow."""
    assignment = _Assignment(steps, resources)
    for position in range(len(steps)):
        assignment.place(position)
    assignment.check_counters()
    return assignment.tokens


class _Assignment:
    def __init__(self, steps: Sequence[Step], resources: Resources) -> None:
        self._steps = steps
        self._tracker = _Tracker(resources)
        self.tokens = [Tokens() for _ in steps]
        self._positions: list[list[int]] = [[] for _ in range(UNITS)]
        self._counts: list[tuple[int, ...]] = []
        self._clocks: list[list[int]] = []
        self._knowledge = [[0] * UNITS for _ in range(UNITS)]
        self._settled = 0
        self._pairs = {(giver, taker): _Pair() for giver in range(UNITS) for taker in range(UNITS)}

    def place(self, position: int) -> None:
        step = self._steps[position]
        unit = int(step.unit)
        clock = self._knowledge[unit]
        self._counts.append(tuple(len(positions) for positions in self._positions))
        if step.reads or step.writes:
            self._wait_for(position, self._tracker.needs(step).tolist(), clock)
        if step.opcode is Opcode.POST:
            self._settle(position)
        self._tracker.touch(step, len(self._positions[unit]))
        self._positions[unit].append(position)
        self._clocks.append([*clock])
        clock[unit] = len(self._positions[unit])

    def _settle(self, position: int) -> None:
        """A POST that reads what one wrote since the last that settled must settle itself."""
        if self._tracker.written_by(Unit.POST, self._steps[position].reads) > self._settled:
            self.tokens[position].settle = True
            self._settled = len(self._positions[Unit.POST])

    def _wait_for(self, position: int, needed: list[int], clock: list[int]) -> None:
        """The latest first: what it waited for may cover the others."""
        unit = int(self._steps[position].unit)
        givers = [
            (self._positions[other][needed[other] - 1], other) for other in range(UNITS) if needed[other]
        ]
        for giver, other in sorted(givers, reverse=True):
            if other != unit and clock[other] < needed[other]:
                self.tokens[position].wait |= 1 << other
                self.tokens[giver].signal |= 1 << unit
                self._pairs[other, unit].given.append(giver)
                self._pairs[other, unit].taken.append(position)
                known = [*self._clocks[giver]]
                known[other] = needed[other]
                clock[:] = map(max, clock, known)

    def check_counters(self) -> None:
        """A counter holds MOST_TOKENS: before a giver gives one more, the taker of the one that many earlier
        must have started, because the giver waited for it or because fetch could not have come this far
        otherwise."""
        for (_, taker), pair in self._pairs.items():
            for taken, giver in zip(pair.taken, pair.given[MOST_TOKENS:], strict=False):
                done = self._clocks[giver][taker] > self._counts[taken][taker]
                fetched = self._counts[giver][taker] - self._counts[taken][taker] - 1
                if not done and fetched < SURELY_STARTED:
                    raise RuntimeError(f"tokens: more than {MOST_TOKENS} may be on their way at step {giver}")
