"""An FST by signal name and bench cycle."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pywellen

from compiler.errors import MalformedFile, UnknownName

TOP = "tb_top"
CYCLE, CLOCK = f"{TOP}.cycle", f"{TOP}.clk"
Value = int | str  # a string where bits are unknown


@dataclass(frozen=True)
class Changes:
    """A signal's values, each from its time on."""

    times: tuple[int, ...]
    values: tuple[Value, ...]

    def at(self, time: int) -> Value | None:
        """The value at a time; None before the first."""
        place = bisect_right(self.times, time)
        return self.values[place - 1] if place else None


@dataclass(frozen=True)
class Wave:
    """A wave file of a bench."""

    path: Path

    @cached_property
    def _variables(self) -> Mapping[str, Any]:
        try:
            return {variable.full_name: variable for variable in pywellen.Waveform(str(self.path)).all_vars()}
        except RuntimeError as error:
            raise MalformedFile(f"is no FST: {error}", file=str(self.path)) from None

    @property
    def widths(self) -> dict[str, int]:
        """Bits of every signal, by full name."""
        return {name: int(variable.bitwidth or 1) for name, variable in self._variables.items()}

    def changes(self, name: str) -> Changes:
        """All values of a signal. Raises UnknownName."""
        if name not in self._variables:
            raise UnknownName(f"{self.path}: no signal {name}")
        if name not in self._read:
            listed = list(self._variables[name].signal)
            self._read[name] = Changes(tuple(time for time, _ in listed), tuple(value for _, value in listed))
        return self._read[name]

    @cached_property
    def _read(self) -> dict[str, Changes]:
        return {}

    @cached_property
    def _cycles(self) -> Changes:
        return self.changes(CYCLE)

    @property
    def window(self) -> tuple[int, int]:
        """The first and the last cycle that are in it."""
        numbers = [value for value in self._cycles.values if isinstance(value, int)]
        return (numbers[0], numbers[-1]) if numbers else (0, 0)

    @property
    def cycles(self) -> list[tuple[int, int]]:
        """Time and number of every cycle."""
        pairs = zip(self._cycles.times, self._cycles.values, strict=True)
        return [(time, number) for time, number in pairs if isinstance(number, int)]

    def time(self, cycle: int) -> int | None:
        """When a cycle begins, the last time if there was a reset; None if the file does not have it."""
        found = [
            time
            for time, value in zip(self._cycles.times, self._cycles.values, strict=True)
            if value == cycle
        ]
        return found[-1] if found else None
