"""Sizes of the fully connected engine. Plain data: standard library only."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from zlib import crc32


@dataclass(frozen=True)
class Config:
    """memory_bytes: of the memory port, and multipliers, one for each byte of it; features: most inputs of a layer."""

    name: str
    memory_bytes: int
    features: int
    clock_mhz: int = 100
    event_lanes: int = 1
    taps: int = 1
    tap_bytes: int = 4  # a tap shows one result, in its first lane; taps are whole 32-bit words
    tap_lane_bits: int = 8

    def __post_init__(self) -> None:
        if self.memory_bytes not in (16, 32, 64):
            raise ValueError(f"{self.name}: memory_bytes is {self.memory_bytes}, must be 16, 32 or 64")
        if self.words not in (16, 32, 64, 128, 256, 512) or self.features % self.memory_bytes:
            raise ValueError(
                f"{self.name}: features is {self.features}, must be 16 to 512 (a power of 2) memory words"
            )

    @property
    def hash(self) -> int:
        """32 bits that hardware and program must agree on."""
        return crc32(repr(("fc", 1, *astuple(self))).encode())

    @property
    def elements(self) -> int:
        """Multipliers."""
        return self.memory_bytes

    @property
    def words(self) -> int:
        """Memory words of the largest input."""
        return self.features // self.memory_bytes


CONFIGS = {"tiny": Config("tiny", 16, 256), "small": Config("small", 32, 2048)}
ERRORS = (
    "ILLEGAL_INSTRUCTION",
    "OPERAND_RANGE",
    "CONFIG_MISMATCH",
    "BUS_READ",
    "BUS_WRITE",
    "WATCHDOG",
    "BAD_REQUEST",
)
