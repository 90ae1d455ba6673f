"""Sizes of the max-pooling engine, which is given as Verilog. Plain data: standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from zlib import crc32

VERILOG = ("registers.v", "reader.v", "writer.v", "engine.v", "counters.v", "control.v", "maxpool.v")


@dataclass(frozen=True)
class Config:
    """memory_bytes: of the memory port, so many channels at a time; line_words: most memory words of a row of
    results."""

    name: str
    memory_bytes: int
    line_words: int
    clock_mhz: int = 100
    event_lanes: int = 1
    taps: int = 1
    tap_lane_bits: int = 8

    def __post_init__(self) -> None:
        if self.memory_bytes not in (8, 16, 32):
            raise ValueError(f"{self.name}: memory_bytes is {self.memory_bytes}, must be 8, 16 or 32")
        if self.line_words not in (16, 64, 256, 1024):
            raise ValueError(f"{self.name}: line_words is {self.line_words}, must be 16, 64, 256 or 1024")

    @property
    def tap_bytes(self) -> int:
        """A tap shows a memory word of results."""
        return self.memory_bytes

    @property
    def hash(self) -> int:
        """32 bits that hardware and program must agree on."""
        return crc32(repr(("maxpool", 1, *astuple(self))).encode())

    @property
    def parameters(self) -> Mapping[str, int]:
        """Of the Verilog's top module."""
        return {"MEMORY_BYTES": self.memory_bytes, "CONFIG_HASH": self.hash, "LINE_WORDS": self.line_words}


CONFIGS = {"tiny": Config("tiny", 8, 64), "small": Config("small", 16, 256)}
ERRORS = (
    "ILLEGAL_INSTRUCTION",
    "OPERAND_RANGE",
    "CONFIG_MISMATCH",
    "BUS_READ",
    "BUS_WRITE",
    "WATCHDOG",
    "BAD_REQUEST",
)
