"""Whether tap records show exactly golden, the quick way: images of a layer are shown by records that differ in their
data only, so which element stands where is worked out once. Whatever does not match is judged by compiler.observation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from compiler.observation import Canvas, Indices, Records, aside, lookup
from compiler.program import Grain, Layer, Program

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
        """Whether the records' data are golden's, one image's as `prepared` has it."""
        data, grain = taps["data"][self.chosen], self.canvas.grain
        if fills_lanes(grain, lane_bits):
            return np.array_equal(data.reshape(-1).view(golden.dtype)[self.source], golden)
        blocks = self.canvas.decoded(data, lane_bits).reshape(-1, grain.block)
        return np.array_equal(blocks[self.source], golden.reshape(-1, grain.block))


def fills_lanes(grain: Grain, lane_bits: int) -> bool:
    """Whether every lane that shows the tensor is full of its bits, so that lanes can be compared as numbers."""
    return grain.bits == 1 and grain.block == lane_bits


def prepared(program: Program, golden: Tensors) -> dict[str, npt.NDArray[Any]]:
    """Golden tensors of all images by name, those that fill lanes packed to (images, lanes)."""
    lane_bits, made = program.tap_lane_bits, dict(golden)
    for table in program.layers:
        for name, holder in table.aliases.items():
            if name in golden and fills_lanes(table.grains[table.holders.index(holder)], lane_bits):
                values = golden[name]
                bits = np.packbits(values.reshape(len(values), -1) > 0, axis=1, bitorder="little")
                made[name] = bits.view(f"u{lane_bits // 8}")
    return made


class Matcher:
    """Compares the layers of one program with golden, the tensors of all images by name."""

    def __init__(self, program: Program, golden: Tensors) -> None:
        self.program, self._golden = program, prepared(program, golden)
        self._plans: dict[tuple[int, bytes], dict[str, Plan] | None] = {}

    def matches(self, layer: int, image: int, taps: Records) -> bool:
        """Whether the `taps` of one image, all of layer number `layer`, show every element of all tensors of the layer
        once, and each is golden's. False also where only a closer look can tell."""
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
            plans[holder].shows(taps, self.program.tap_lane_bits, self._golden[name][image])
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
