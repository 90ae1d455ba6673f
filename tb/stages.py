"""An inner stage of an accelerator in waves, held against golden's accumulators. A variant that offers one has
tb/<variant>/stages.py with `sums(wave, config, program, layer, made)`, which tells what waves show of the sums of a
layer that makes a tensor, and `window(config, layer, operator)`: how many of them a value that the operator makes is
made of, None if that is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

Place = tuple[int, int, int]


class Signal(Protocol):
    """A signal's values over time."""

    def at(self, time: int) -> int | str | None:
        """The value at a time; a string where bits are unknown."""


class Reader(Protocol):
    """A wave file."""

    @property
    def widths(self) -> Mapping[str, int]:
        """Bits of every signal, by full name."""

    @property
    def cycles(self) -> Sequence[tuple[int, int]]:
        """Time and number of every cycle."""

    def changes(self, name: str) -> Signal:
        """A signal by its full name."""


@dataclass(frozen=True)
class Seen:
    """A sum that waves show: in which cycle, of which (y, x, c); value: None where bits are unknown."""

    cycle: int
    place: Place
    value: int | None


def signed(value: int | str | None, width: int) -> int | None:
    """Two's complement; None where bits are unknown."""
    if not isinstance(value, int):
        return None
    return value - (1 << width) if value >> (width - 1) else value


def bits_of(value: int | str | None, low: int, width: int) -> int | None:
    """Some bits of a value; None where one of them is unknown. A string has every bit, the highest first."""
    if isinstance(value, str):
        text = value[len(value) - low - width : len(value) - low]
        return int(text, 2) if len(text) == width and set(text) <= {"0", "1"} else None
    return None if value is None else value >> low & (1 << width) - 1


def of_image(seen: Sequence[Seen], places: Sequence[Place], cycle: int) -> list[Seen]:
    """What belongs to the image of a value that was written in a cycle and is made of the sums at these places: from
    the image's first sum, as far as waves have it, to the last of those places."""
    wanted = set(places)
    ends = [number for number, each in enumerate(seen) if each.cycle <= cycle and each.place in wanted]
    if not ends:
        return []
    begins = [number for number in range(ends[-1] + 1) if seen[number].place == (0, 0, 0)]
    return list(seen[begins[-1] if begins else 0 : ends[-1] + 1])


def first_wrong(seen: Sequence[Seen], expected: npt.NDArray[Any]) -> Seen | None:
    """The first one that differs from golden's sums (y, x, c) of the image; places outside of it are none of it."""
    for each in seen:
        inside = all(0 <= at < size for at, size in zip(each.place, expected.shape, strict=True))
        if inside and each.value != int(expected[each.place]):
            return each
    return None
