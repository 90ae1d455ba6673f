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
    """How records show one tensor, each block of it once. chosen: the records; used: (records, lanes, blocks of
    a lane), which of their blocks mean something; target: the blocks of the tensor that these are, in order."""

    canvas: Canvas
    chosen: Indices
    used: npt.NDArray[np.bool_]
    target: Indices

    def shows(self, taps: Records, lane_bits: int, golden: npt.NDArray[Any]) -> bool:
        """Whether the records' data are golden's."""
        data, grain = taps["data"][self.chosen], self.canvas.grain
        blocks = golden.reshape(-1, grain.block)
        if grain.bits == 1 and grain.block == lane_bits:
            lanes = data.view(np.uint8).reshape(*self.used.shape[:2], lane_bits // 8)
            bits = np.packbits(blocks > 0, axis=1, bitorder="little")
            return np.array_equal(lanes[self.used[:, :, 0]], bits[self.target])
        return np.array_equal(self.canvas.decoded(data, lane_bits)[self.used], blocks[self.target])


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
        return Plan(canvas, chosen, used, target)
