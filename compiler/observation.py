"""From tap records back to tensors: what a layer was seen to compute, and which record showed each
element."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compiler.program import Layer, Part, Program

Indices = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]


@dataclass(frozen=True)
class Observed:
    """One tensor as it was seen, all arrays of its shape.

    written: the element was shown; record: index in the records of the one that showed it last (-1: none);
    conflicts: two records showed different values; expected: the element is this layer's to show."""

    values: npt.NDArray[np.int8]
    written: npt.NDArray[np.bool_]
    record: Indices
    conflicts: npt.NDArray[np.bool_]
    expected: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Gathered:
    """tensors: by name, reshaped ones under each of their names. unexplained: indices of records that the
    layer's table does not account for, results written where none belongs."""

    tensors: dict[str, Observed]
    unexplained: Indices


def gather(program: Program, layer: int, taps: Records) -> Gathered:
    """What layer number `layer` showed in one image's `taps`; records of other layers are passed over.

    taps: the testbench's records, with fields layer, tap, tag, address, lanes and data (signed)."""
    table = program.layers[layer]
    chosen = np.flatnonzero(taps["layer"] == layer)
    rows, known = _lookup(table, taps[chosen])
    unknown = chosen[~known & (taps["tap"][chosen] == 0)]
    seen: dict[str, Observed] = {}
    outside = [unknown]
    for number, name in enumerate(table.holders):
        mine = known & (rows[:, 1] == number)
        seen[name], beyond = _scatter(table.tensors[name], taps, chosen[mine], rows[mine])
        outside.append(beyond)
    tensors = {name: _reshaped(seen[holder], table.tensors[name]) for name, holder in table.aliases.items()}
    for part in table.parts:
        whole = tensors.get(part.tensor) or _nothing(table.tensors[part.tensor])
        tensors[part.tensor] = _with_part(whole, seen[part.holder], part)
    return Gathered(tensors, np.concatenate(outside))


def _nothing(shape: tuple[int, ...]) -> Observed:
    nowhere = np.zeros(shape, np.bool_)
    return Observed(np.zeros(shape, np.int8), nowhere, np.full(shape, -1, np.int64), nowhere, nowhere)


def _with_part(whole: Observed, seen: Observed, part: Part) -> Observed:
    """The whole with what was seen of a part of it in its place."""
    row, column = np.divmod(np.arange(seen.values.size), part.run)
    place = part.first + row * part.pitch + column
    arrays = {name: values.copy() for name, values in vars(whole).items()}
    for name, values in arrays.items():
        values.reshape(-1)[place] = getattr(seen, name).reshape(-1)
    return Observed(**arrays)


def _lookup(layer: Layer, records: Records) -> tuple[Indices, npt.NDArray[np.bool_]]:
    """The row of the layer's table for each record, and whether there is one."""
    table = layer.table
    keys = records["tag"].astype(np.int64) << 8 | records["tap"]
    place = np.minimum(np.searchsorted(table[:, 0], keys), len(table) - 1)
    rows = table[place]
    return rows, rows[:, 0] == keys


def _scatter(
    shape: tuple[int, ...], taps: Records, chosen: Indices, rows: Indices
) -> tuple[Observed, Indices]:
    """The tensor, and the indices of records with elements outside it."""
    size = int(np.prod(shape))
    values, record = np.zeros(size, np.int8), np.full(size, -1, np.int64)
    conflicts = np.zeros(size, np.bool_)
    element, lane_used = _elements(taps, chosen, rows)
    inside = (element >= 0) & (element < size)
    beyond = chosen[(lane_used & ~inside).any(axis=1)]
    used = lane_used & inside
    target, shown = element[used], taps["data"][chosen][used]
    values[target] = shown
    record[target] = np.broadcast_to(chosen[:, None], used.shape)[used]
    conflicts[target[values[target] != shown]] = True
    everywhere = np.ones(size, np.bool_)
    return _reshaped(Observed(values, record >= 0, record, conflicts, everywhere), shape), beyond


def _elements(taps: Records, chosen: Indices, rows: Indices) -> tuple[Indices, npt.NDArray[np.bool_]]:
    """(records, lanes) flat element indices, and which lanes mean something."""
    _, _, base, row, first, row_pitch, pitch = rows.T
    down, across = np.divmod(taps["address"][chosen].astype(np.int64) - base, row)
    lanes = np.arange(taps.dtype["data"].shape[0])
    element = (first + down * row_pitch + across * pitch)[:, None] + lanes
    return element, lanes < taps["lanes"][chosen][:, None]


def _reshaped(seen: Observed, shape: tuple[int, ...]) -> Observed:
    return Observed(**{name: values.reshape(shape) for name, values in vars(seen).items()})
