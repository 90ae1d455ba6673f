"""Where waves show the sums of the array, before bias and scale: as post-processing drains them from the
accumulators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from compiler.program import Program
from rtl.systolic.config import Config
from tb.records import Records
from tb.stages import Place, Reader, Seen, Signal, bits_of, signed
from tb.tracks import Shown, shown

TOP = "tb_top"
DRAINED = f"{TOP}.dut.middle.drained"
SUM_BITS = 32
# Fields of the taps, with the bits that each tap has of them.
FIELDS = {"layer": 12, "tag": 24, "address": 32, "lanes": 8}
# Cycles from sums to the tap that shows what became of them: of results, and of values before add and pool.
BEHIND = {0: 28, 1: 9}
TAP = np.dtype([("tap", "u1"), *((name, "<u4") for name in FIELDS)])


def sums(wave: Reader, config: Config, program: Program, layer: int, made: str) -> Iterator[Seen]:
    """The sums of tensor `made` of a layer in the order in which they are drained, as far as waves have them; taps say
    whose they are. Raises UnknownName where waves are of something else."""
    times = {cycle: time for time, cycle in wave.cycles}
    table, taps, drained = program.layers[layer], Taps(wave), wave.changes(DRAINED)
    holder = table.aliases.get(made, made)
    for time, cycle in wave.cycles:
        records = taps.at(time)
        for record, element in shown(table, records[records["layer"] == layer]):
            at = times.get(cycle - BEHIND[int(record["tap"])])
            if element.tensor != holder or at is None:
                continue
            for lane, place in enumerate(places(table.tensors[holder], element, config.columns)):
                value = signed(bits_of(drained.at(at), SUM_BITS * lane, SUM_BITS), SUM_BITS)
                yield Seen(cycle - BEHIND[int(record["tap"])], place, value)


def window(config: Config, layer: int, operator: str) -> tuple[int, int] | None:
    """Height and width of the sums that a value is made of: one, but of a pooled one nobody says."""
    del config, layer
    return None if operator == "pool" else (1, 1)


@dataclass(frozen=True)
class Taps:
    """What the observation taps show."""

    wave: Reader

    @cached_property
    def _valid(self) -> Signal:
        return self.wave.changes(f"{TOP}.tap_valid")

    @cached_property
    def _fields(self) -> dict[str, Signal]:
        return {name: self.wave.changes(f"{TOP}.tap_{name}") for name in FIELDS}

    def at(self, time: int) -> Records:
        """A record for each tap that is valid, and of which every bit is known."""
        valid = self._valid.at(time)
        rows = [self._row(tap, time) for tap in BEHIND if bits_of(valid, tap, 1)]
        return np.array([tuple(row) for row in rows if None not in row], TAP)

    def _row(self, tap: int, time: int) -> list[int | None]:
        found = (bits_of(self._fields[name].at(time), tap * bits, bits) for name, bits in FIELDS.items())
        return [tap, *found]


def places(shape: tuple[int, ...], element: Shown, columns: int) -> Iterator[Place]:
    """(y, x, c) of each lane; shape: (n, y, x, c) or (n, features)."""
    inner = shape[1:] if len(shape) == 4 else (1, 1, shape[-1])
    for flat in range(element.begin, min(element.begin + min(element.count, columns), int(np.prod(inner)))):
        y, x, c = (int(value) for value in np.unravel_index(flat, inner))
        yield y, x, c
