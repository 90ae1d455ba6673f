"""Whether tap records show exactly golden, the quick way: images of a layer are shown by records that differ in their
data only, so which element stands where is worked out once. Whatever does not match is judged by compiler.observation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from compiler.observation import Canvas, Indices, Records, aside, lookup
from compiler.program import Layer, Program

MOST_PLANS = 256
Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Plan:
    """How records show one tensor, each block of it once. chosen: the records; source: for each block of the tensor,
    which it is of all blocks of all lanes of these records."""

    canvas: Canvas
    chosen: Indices
    source: Indices

    def shows(self, taps: Records, lane_bits: int, golden: npt.NDArray[Any]) -> bool:
        """Whether the records' data are golden's."""
        data, grain = taps["data"][self.chosen], self.canvas.grain
        if grain.bits == 1 and grain.block == lane_bits:
            lanes = data.reshape(-1).view(f"u{lane_bits // 8}")
            packed = np.packbits(golden.reshape(-1) > 0, bitorder="little").view(lanes.dtype)
            return np.array_equal(lanes[self.source], packed)
        blocks = self.canvas.decoded(data, lane_bits).reshape(-1, grain.block)
        return np.array_equal(blocks[self.source], golden.reshape(-1, grain.block))


@dataclass
class Matcher:
    """Compares the layers of one program."""

    program: Program
    _plans: dict[tuple[int, bytes], dict[str, Plan] | None] = field(default_factory=dict)

    def matches(self, layer: int, taps: Records, golden: Tensors) -> bool:
        """Whether one image's `taps`, all of layer number `layer`, show every element of all tensors of the layer once,
        and each is golden's. golden: one image's tensors by name. False also where only a closer look can tell."""
        table = self.program.layers[layer]
        key = layer, b"".join(taps[name].tobytes() for name in ("layer", "tap", "lanes", "tag", "address"))
        if key not in self._plans:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            self._plans[key] = self._plan(layer, taps)
        plans = self._plans[key]
        if plans is None:
            return False
        return all(
            plans[holder].shows(taps, self.program.tap_lane_bits, golden[name])
            for name, holder in table.aliases.items()
        )

    def _plan(self, layer: int, taps: Records) -> dict[str, Plan] | None:
        """None where a record shows what is not the layer's, or an element is not shown just once."""
        table = self.program.layers[layer]
        if table.parts or not (taps["layer"] == layer).all():
            return None
        rows, known = lookup(table, taps)
        if not (known | aside(table, taps)).all():
            return None
        plans = {}
        for number, name in enumerate(table.holders):
            chosen = np.flatnonzero(known & (rows[:, 1] == number))
            plan = self._tensor(table, number, taps, rows, chosen)
            if plan is None:
                return None
            plans[name] = plan
        return plans

    def _tensor(
        self, table: Layer, number: int, taps: Records, rows: Indices, chosen: Indices
    ) -> Plan | None:
        canvas = Canvas.blank(table.tensors[table.holders[number]], table.grains[number])
        place, used = canvas.places(taps, chosen, rows[chosen], self.program.tap_lane_bits)
        target = place[used]
        if not np.array_equal(np.sort(target), np.arange(len(canvas.record))):
            return None
        return Plan(canvas, chosen, np.flatnonzero(used)[np.argsort(target)])
