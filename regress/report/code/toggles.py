"""Toggles by signal: which bits of which signal never rose or never fell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from regress.report.code.records import Point

RISE, FALL = "0->1", "1->0"
SIGNAL = re.compile(r"(?P<name>[^\[:]+)(?:\[\d+\])*?(?:\[(?P<bit>\d+)\])?:(?P<edge>0->1|1->0)")


@dataclass
class Signal:
    """edges: for each bit the edges that it has, with their counts."""

    file: str
    line: int
    name: str  # module.signal
    edges: dict[int, dict[str, int]] = field(default_factory=dict)

    @property
    def bits(self) -> int:
        """How many there are."""
        return len(self.edges)

    @property
    def toggled(self) -> int:
        """How many rose and fell."""
        return sum(all(counts.values()) for counts in self.edges.values())

    @property
    def missed(self) -> str:
        """The bits that never rose, and those that never fell: "7:4, 0 never rise; 7 never fall"."""
        told = []
        for edge, word in ((RISE, "rise"), (FALL, "fall")):
            never = [bit for bit, counts in self.edges.items() if not counts.get(edge, 1)]
            if never:
                told.append(f"{ranges(never)} never {word}")
        return "; ".join(told)


def signals(counts: Mapping[Point, int]) -> list[Signal]:
    """Every signal with toggles, by file, line and name. Equal bits of an array's elements are one bit."""
    found: dict[tuple[str, str], Signal] = {}
    for point, count in counts.items():
        parts = SIGNAL.fullmatch(point.what) if point.kind == "toggle" else None
        if parts is None:
            continue
        name = f"{point.module}.{parts['name']}"
        signal = found.setdefault((point.file, name), Signal(point.file, point.line, name))
        edges = signal.edges.setdefault(int(parts["bit"] or 0), {})
        edges[parts["edge"]] = edges.get(parts["edge"], 0) + count
    return sorted(found.values(), key=lambda signal: (signal.file, signal.line, signal.name))


def ranges(bits: list[int]) -> str:
    """Bits in few words, the highest first: "7:4, 0"."""
    return ", ".join(
        f"{high}:{low}" if high != low else str(high) for high, low in _runs(sorted(bits, reverse=True))
    )


def _runs(bits: list[int]) -> Iterator[tuple[int, int]]:
    start = bits[0]
    for bit, following in zip(bits, [*bits[1:], None], strict=True):
        if following != bit - 1:
            yield start, bit
            start = following if following is not None else bit
