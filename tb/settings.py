"""Knobs of the testbench as plain data: memory timing and faults, control timing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Reorder(IntEnum):
    """How answers of different IDs may overtake each other."""

    IN_ORDER = 0
    BURSTS = 1
    BEATS = 3


@dataclass(frozen=True)
class Stalls:
    """Chance in 1/256, for each channel, of not being ready or valid in a cycle."""

    ar: int = 0
    r: int = 0
    aw: int = 0
    w: int = 0
    b: int = 0

    def encode(self) -> int:
        """The five bytes as memory.sv takes them."""
        return int.from_bytes([self.ar, self.r, self.aw, self.w, self.b], "little")


@dataclass(frozen=True)
class MemorySettings:
    """latency in cycles; rate in 1/256 beats a cycle, both directions together; read_error, write_error:
    the burst, from 1, that is answered with `error_response` (2 SLVERR, 3 DECERR), 0 for none."""

    latency: int = 20
    rate: int = 256
    stalls: Stalls = Stalls()
    reorder: Reorder = Reorder.IN_ORDER
    read_error: int = 0
    write_error: int = 0
    error_response: int = 2


@dataclass(frozen=True)
class ControlTiming:
    """Variation of the host's timing: up to `skew` cycles between address and data of a write, and the
    chance in 1/256 that an answer is held back for a cycle."""

    skew: int = 0
    stall: int = 0


CALM = MemorySettings()
AT_ONCE = ControlTiming()
