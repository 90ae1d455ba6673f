"""What an accelerator's counters say of the requests that ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compiler.program import Program
from host.transport import LayerEnd


@dataclass(frozen=True)
class LayerProfile:
    """One layer: its counters, names as in rtl/lib/registers.py, summed over all images."""

    name: str
    counters: Mapping[str, int]

    @property
    def cycles(self) -> int:
        """Of an accelerator that does one layer after the other: from the end of the layer before to its own, of the
        last one to the interrupt. Of a pipeline: those in which the layer's engine was busy."""
        return self.counters.get("CYCLES", 0)


@dataclass(frozen=True)
class Profile:
    """`images` that ran without a pause; counters by name; macs: nominal multiply-accumulates, padding
    included; layers: empty where the transport cannot tell. A transport without time has zero cycles."""

    network: str
    images: int
    clock_mhz: float
    macs: int
    counters: Mapping[str, int]
    layers: tuple[LayerProfile, ...]

    @property
    def cycles(self) -> int:
        """From the first RUN to the last completion."""
        return self.counters["CYCLES"]

    @property
    def seconds(self) -> float:
        """The cycles at the accelerator's clock."""
        return self.cycles / (self.clock_mhz * 1e6)

    @property
    def fps(self) -> float:
        """Images a second; 0 without time."""
        return self.images / self.seconds if self.cycles else 0.0

    @property
    def gops(self) -> float:
        """Billions of operations a second, two for each of `macs`; 0 without time."""
        return 2 * self.macs / self.seconds / 1e9 if self.cycles else 0.0

    @property
    def macs_executed(self) -> int:
        """Multiply-accumulates that were not skipped."""
        return self.counters["MACS"]

    @property
    def bytes_read(self) -> int:
        """From memory, the program included."""
        return self.counters["BYTES_READ"]

    @property
    def bytes_written(self) -> int:
        """To memory."""
        return self.counters["BYTES_WRITTEN"]

    def __str__(self) -> str:
        lines = [f"{layer.name:24} {layer.cycles:14,} cycles" for layer in self.layers]
        total = f"{self.images} images: {self.cycles:,} cycles, {self.seconds * 1e3:.3f} ms"
        rate = f"{self.fps:.1f} images/s, {self.gops:.2f} GOPS at {self.clock_mhz:g} MHz"
        traffic = f"{self.bytes_read:,} bytes read, {self.bytes_written:,} written"
        work = f"{self.macs_executed:,} MACs executed of {self.macs:,}"
        return "\n".join([*lines, f"{total}, {rate}", f"{work}, {traffic}"])


def profile(
    program: Program, images: int, clock_mhz: float, counters: Mapping[str, int], ends: Sequence[LayerEnd]
) -> Profile:
    """The profile of `images` images; ends: layer ends, of which the last are those of these images, or none."""
    macs = images * sum(layer.macs for layer in program.layers)
    return Profile(
        program.network, images, clock_mhz, macs, counters, _layers(program, images, counters, ends)
    )


def _layers(
    program: Program, images: int, counters: Mapping[str, int], ends: Sequence[LayerEnd]
) -> tuple[LayerProfile, ...]:
    """What was counted between two ends of a lane belongs to the later one; what was after the last end of the only
    lane to that one. Counters began from zero before the first end of these images."""
    wanted = images * len(program.layers)
    if not 0 < wanted <= len(ends):
        return ()
    mine = ends[-wanted:]
    totals: list[Counter[str]] = [Counter() for _ in program.layers]
    before: dict[int, Mapping[str, int]] = {end.lane: dict.fromkeys(counters, 0) for end in mine}
    tail = [LayerEnd(mine[-1].layer, counters)] if set(before) == {0} else []
    for end in (*mine, *tail):
        for name, value in end.counters.items():
            totals[end.layer][name] += value - before[end.lane][name]
        before[end.lane] = end.counters
    return tuple(
        LayerProfile(layer.name, dict(total)) for layer, total in zip(program.layers, totals, strict=True)
    )
