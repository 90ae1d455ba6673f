"""Where waves show the sums of an engine, before they meet their thresholds: the stage between lanes and bits."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.program import Program
from rtl.bcnn.config import Config
from tb.stages import Reader, Seen, signed

SCOPE = "tb_top.dut.middle.working_stages_{layer}"
SPOT = "collecting_spot_"  # the place of what is complete: rtl/bcnn/walk.py


def sums(wave: Reader, config: Config, program: Program, layer: int, made: str) -> Iterator[Seen]:
    """The sums of a layer in the order in which they are complete; none of the last layer, which has no thresholds.
    Raises UnknownName where waves do not have it."""
    del program, made
    if config.layers[layer].scores:
        return
    scope, lanes = SCOPE.format(layer=layer), config.layers[layer].p
    finish = wave.changes(f"{scope}.finish")
    place = [wave.changes(f"{scope}.{SPOT}{name}") for name in ("row", "group", "filter")]
    totals = [wave.changes(f"{scope}.totals_{lane}") for lane in range(lanes)]
    widths = [wave.widths[f"{scope}.totals_{lane}"] for lane in range(lanes)]
    for time, cycle in wave.cycles:
        if finish.at(time) != 1:
            continue
        row, group, number = (each.at(time) for each in place)
        if not (isinstance(row, int) and isinstance(group, int) and isinstance(number, int)):
            continue
        for lane, (total, width) in enumerate(zip(totals, widths, strict=True)):
            yield Seen(cycle, (row, group * lanes + lane, number), signed(total.at(time), width))


def window(config: Config, layer: int, operator: str) -> tuple[int, int]:
    """Height and width of the sums that a pooled value is made of."""
    del operator
    return config.layers[layer].pool
