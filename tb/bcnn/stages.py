"""Where waves show the sums of an engine, before they meet their thresholds: the stage between lanes and bits."""

from __future__ import annotations

from collections.abc import Iterator

from rtl.bcnn.config import Config
from tb.stages import Reader, Seen

SCOPE = "tb_top.dut.middle.working_stages_{layer}"
SPOT = "collecting_spot_"  # the place of what is complete: rtl/bcnn/walk.py


def sums(wave: Reader, config: Config, layer: int) -> Iterator[Seen]:
    """The sums of a layer in the order in which they are complete; none of the last layer, which has no thresholds.
    Raises UnknownName where waves do not have it."""
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


def window(config: Config, layer: int) -> tuple[int, int]:
    """Height and width of the sums that a pooled value is made of."""
    return config.layers[layer].pool


def signed(value: int | str | None, width: int) -> int | None:
    """Two's complement; None where bits are unknown."""
    if not isinstance(value, int):
        return None
    return value - (1 << width) if value >> (width - 1) else value
