"""From tap records back to tensors: what a layer was seen to compute, and which record showed each
element."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from compiler.program import Grain, Layer, Part, Program, element_type

Indices = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]


@dataclass(frozen=True)
class Observed:
    """One tensor as it was seen, all arrays of its shape; values are int8, or int32 where elements have 32 bits.

    written: the element was shown; record: index in the records of the one that showed it last (-1: none);
    conflicts: two records showed different values; expected: the element is this layer's to show."""

    values: npt.NDArray[Any]
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

    taps: the testbench's records, with fields layer, tap, tag, address, lanes and data (bytes)."""
    table = program.layers[layer]
    chosen = np.flatnonzero(taps["layer"] == layer)
    rows, known = lookup(table, taps[chosen])
    unknown = chosen[~known & ~aside(table, taps[chosen])]
    seen: dict[str, Observed] = {}
    outside = [unknown]
    for number, name in enumerate(table.holders):
        mine = known & (rows[:, 1] == number)
        grain = table.grains[number]
        blank = Canvas.blank(table.tensors[name], grain)
        outside.append(blank.show(taps, chosen[mine], rows[mine], program.tap_lane_bits))
        seen[name] = blank.observed()
    tensors = {name: _reshaped(seen[holder], table.tensors[name]) for name, holder in table.aliases.items()}
    for part in table.parts:
        whole = tensors.get(part.tensor) or _nothing(
            table.tensors[part.tensor], seen[part.holder].values.dtype
        )
        tensors[part.tensor] = _with_part(whole, seen[part.holder], part)
    return Gathered(tensors, np.concatenate(outside))


def _nothing(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Observed:
    nowhere = np.zeros(shape, np.bool_)
    return Observed(np.zeros(shape, dtype), nowhere, np.full(shape, -1, np.int64), nowhere, nowhere)


def _with_part(whole: Observed, seen: Observed, part: Part) -> Observed:
    """The whole with what was seen of a part of it in its place."""
    row, column = np.divmod(np.arange(seen.values.size), part.run)
    place = part.first + row * part.pitch + column
    arrays = {name: values.copy() for name, values in vars(whole).items()}
    for name, values in arrays.items():
        values.reshape(-1)[place] = getattr(seen, name).reshape(-1)
    return Observed(**arrays)


def aside(layer: Layer, records: Records) -> npt.NDArray[np.bool_]:
    """Values that an instruction of the layer shows beside its results, on a tap that the layer has no use for."""
    instructions, taps = np.divmod(layer.table[:, 0], 256)
    return np.isin(records["tag"], instructions) & ~np.isin(records["tap"], taps)


def lookup(layer: Layer, records: Records) -> tuple[Indices, npt.NDArray[np.bool_]]:
    """The row of the layer's table for each record, and whether there is one."""
    table = layer.table
    keys = records["tag"].astype(np.int64) << 8 | records["tap"]
    place = np.minimum(np.searchsorted(table[:, 0], keys), len(table) - 1)
    rows = table[place]
    return rows, rows[:, 0] == keys


@dataclass(frozen=True)
class Canvas:
    """A tensor being put together from blocks of `block` elements that no record ever shows in part. values and
    conflicts: (blocks, block); record: (blocks,), -1 where nothing was shown."""

    shape: tuple[int, ...]
    grain: Grain
    values: npt.NDArray[Any]
    record: Indices
    conflicts: npt.NDArray[np.bool_]

    @staticmethod
    def blank(shape: tuple[int, ...], grain: Grain) -> Canvas:
        """Nothing was shown yet."""
        blocks = prod(shape) // grain.block
        values = np.zeros((blocks, grain.block), element_type(grain.bits))
        return Canvas(shape, grain, values, np.full(blocks, -1, np.int64), np.zeros(values.shape, np.bool_))

    def show(self, taps: Records, chosen: Indices, rows: Indices, lane_bits: int) -> Indices:
        """Put what the chosen records show in its place; the indices of records with elements outside."""
        place, lane_used = self.places(taps, chosen, rows, lane_bits)
        inside = (place >= 0) & (place < len(self.record))
        used = lane_used & inside
        target, shown = place[used], self.decoded(taps["data"][chosen], lane_bits)[used]
        self.values[target] = shown
        self.record[target] = np.broadcast_to(chosen[:, None, None], used.shape)[used]
        different = self.values[target] != shown
        if different.any():
            np.logical_or.at(self.conflicts, target, different)
        return chosen[(lane_used & ~inside).any(axis=(1, 2))]

    def observed(self) -> Observed:
        """What was shown, element by element."""
        record = self.record if self.grain.block == 1 else np.repeat(self.record, self.grain.block)
        everywhere = np.ones(record.shape, np.bool_)
        return _reshaped(Observed(self.values, record >= 0, record, self.conflicts, everywhere), self.shape)

    def places(
        self, taps: Records, chosen: Indices, rows: Indices, lane_bits: int
    ) -> tuple[Indices, npt.NDArray[np.bool_]]:
        """(records, lanes, blocks of a lane) block indices, and which of them mean something."""
        block, longest = self.grain.block, self.grain.run
        _, _, base, row, first, row_pitch, pitch, _, run, lane_pitch = rows.T
        down, across = np.divmod(taps["address"][chosen].astype(np.int64) - base, row)
        lanes = np.arange(8 * taps.dtype["data"].shape[0] // lane_bits)
        start = (first + down * row_pitch + across * pitch)[:, None] + lanes * lane_pitch[:, None]
        blocks = np.arange(longest // block)
        within = blocks < (run // block)[:, None, None]
        return start[:, :, None] // block + blocks, (lanes < taps["lanes"][chosen][:, None])[
            :, :, None
        ] & within

    def decoded(self, data: npt.NDArray[Any], lane_bits: int) -> npt.NDArray[Any]:
        """(records, lanes, blocks of a lane, block) elements."""
        grain, records = self.grain, len(data)
        if grain.bits == 1:
            bits = np.unpackbits(data.view(np.uint8), axis=1, bitorder="little").view(np.int8)
            elements = np.subtract(bits * np.int8(2), np.int8(1))
        else:
            elements = np.ascontiguousarray(data).view(element_type(grain.bits))
        count = 8 * data.shape[1] // lane_bits  # told, as there may be no record at all
        lanes = elements.reshape(records, count, lane_bits // grain.bits)[:, :, : grain.run]
        blocks: npt.NDArray[Any] = lanes.reshape(records, count, grain.run // grain.block, grain.block)
        return blocks


def _reshaped(seen: Observed, shape: tuple[int, ...]) -> Observed:
    return Observed(**{name: values.reshape(shape) for name, values in vars(seen).items()})
