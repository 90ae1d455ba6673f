"""Sizes of the systolic array. Plain data: standard library only."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from zlib import crc32


class ConfigError(ValueError):
    """A configuration that breaks a rule; the message names the value and the rule."""


@dataclass(frozen=True)
class Config:
    """One size of the accelerator.

    rows: elements along the reduction; columns: outputs in parallel; memory_bytes: width of the memory port, of a
    scratchpad word and of a weight FIFO word; scratchpad_bytes: feature maps on chip, one byte an activation;
    accumulators: 32-bit partial sums a column, in two banks; parameter_sets: groups of `columns` biases, multipliers
    and shifts on chip; weight_beats: depth of the weight FIFO in memory words.
    """

    name: str
    rows: int
    columns: int
    memory_bytes: int
    scratchpad_bytes: int
    accumulators: int
    parameter_sets: int
    weight_beats: int
    clock_mhz: int = 108

    def __post_init__(self) -> None:
        for field, value in (
            ("rows", self.rows),
            ("columns", self.columns),
            ("memory_bytes", self.memory_bytes),
            ("scratchpad_bytes", self.scratchpad_bytes),
            ("accumulators", self.accumulators),
            ("parameter_sets", self.parameter_sets),
            ("weight_beats", self.weight_beats),
        ):
            if value < 2 or value & (value - 1):
                raise ConfigError(f"{self.name}: {field} is {value}, must be a power of two of at least 2")
        if self.memory_bytes < max(8, self.rows, self.columns):
            raise ConfigError(
                f"{self.name}: memory_bytes is {self.memory_bytes}, must be >= 8, rows and columns"
            )
        if self.memory_bytes > min(self.tile_bytes, 4 * self.columns):
            raise ConfigError(
                f"{self.name}: memory_bytes is {self.memory_bytes}, must be at most a weight tile"
                f" ({self.tile_bytes} bytes) and one parameter of every column ({4 * self.columns} bytes)"
            )
        if self.memory_bytes > 64:
            raise ConfigError(f"{self.name}: memory_bytes is {self.memory_bytes}, must be at most 64")

    @property
    def hash(self) -> int:
        """32 bits that hardware and program must agree on."""
        return crc32(repr(("systolic", 1, *astuple(self))).encode())

    @property
    def tile_bytes(self) -> int:
        """Bytes of one weight tile: rows x columns nibbles."""
        return self.rows * self.columns // 2

    @property
    def event_lanes(self) -> int:
        """Layers that may end in one cycle."""
        return 1

    @property
    def taps(self) -> int:
        """Observation taps: 0 results written, 1 values before a residual add or a pool."""
        return 2

    @property
    def tap_bytes(self) -> int:
        """Bytes that one tap shows in a cycle."""
        return self.columns

    @property
    def bank_accumulators(self) -> int:
        return self.accumulators // 2

    @property
    def parameter_bytes(self) -> int:
        """Bytes of one parameter set: bias, multiplier, shift (32 bits each) for every column."""
        return 12 * self.columns


CONFIGS = {
    "tiny": Config("tiny", 4, 4, 8, 1 << 16, 128, 4, 64),
    "small": Config("small", 16, 16, 16, 1 << 17, 1024, 8, 256),
}
