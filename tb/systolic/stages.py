"""Where waves show the sums of the array, before bias and scale: as post-processing drains them from the
accumulators."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from compiler.program import Program
from rtl.systolic.config import Config
from tb.compare import coordinate
from tb.records import Records
from tb.stages import Place, Reader, Seen, bits_of, signed
from tb.tracks import Shown, shown

TOP = "tb_top"
DRAINED = f"{TOP}.dut.middle.drained"
SUM_BITS = 32
# Fields of the taps, with the bits that each tap has of them.
FIELDS = {"layer": 12, "tag": 24, "address": 32, "lanes": 8}
# Cycles from sums to the tap that shows what became of them: of results, and of values before add and pool.
BEHIND = {0: 28, 1: 9}
TAP = np.dtype([("cycle", "<u4"), ("tap", "u1"), *((name, "<u4") for name in FIELDS)])


def sums(wave: Reader, config: Config, program: Program, layer: int, made: str) -> Iterator[Seen]:
    """The sums of tensor `made` of a layer in the order in which they are drained, as far as waves have them; taps say
    whose they are. Raises UnknownName where waves are of something else."""
    times = {cycle: time for time, cycle in wave.cycles}
    table, records, drained = program.layers[layer], taps(wave), wave.changes(DRAINED)
    holder = table.aliases.get(made, made)
    for record, element in shown(table, records[records["layer"] == layer]):
        cycle = int(record["cycle"]) - BEHIND[int(record["tap"])]
        if element.tensor != holder or cycle not in times:
            continue
        value = drained.at(times[cycle])
        for lane, place in enumerate(places(table.tensors[holder], element, config.columns)):
            yield Seen(cycle, place, signed(bits_of(value, SUM_BITS * lane, SUM_BITS), SUM_BITS))


def window(config: Config, layer: int, operator: str) -> tuple[int, int] | None:
    """Height and width of the sums that a value is made of: one, but of a pooled one nobody says."""
    del config, layer
    return None if operator == "pool" else (1, 1)


def taps(wave: Reader) -> Records:
    """A record for each time that a tap is valid, and of which every bit is known."""
    valid = wave.changes(f"{TOP}.tap_valid")
    fields = [(wave.changes(f"{TOP}.tap_{name}"), bits) for name, bits in FIELDS.items()]
    rows = [
        (cycle, tap, *(bits_of(field.at(time), tap * bits, bits) for field, bits in fields))
        for time, cycle in wave.cycles
        for tap in BEHIND
        if bits_of(valid.at(time), tap, 1)
    ]
    return np.array([row for row in rows if None not in row], TAP)


def places(shape: tuple[int, ...], element: Shown, columns: int) -> Iterator[Place]:
    """(y, x, c) of each lane; shape: (n, y, x, c) or (n, features)."""
    for flat in range(element.begin, min(element.begin + min(element.count, columns), prod(shape[1:]))):
        _, y, x, c = coordinate(0, shape[1:], flat)
        yield y, x, c
