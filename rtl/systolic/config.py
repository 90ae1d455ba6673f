"""Sizes of the systolic array. Plain data: standard library only."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from zlib import crc32


class ConfigError(ValueError):
    """A configuration that breaks a rule; the message names the value and the rule."""


@dataclass(frozen=True)
class Config:
    """One size of the accelerator.

    rows: elements along the reduction; columns: outputs in parallel; cluster: elements a side between two registers;
    memory_bytes: width of the memory port, of a scratchpad word and of a weight FIFO word; scratchpad_bytes: feature
    maps on chip, one byte an activation; accumulators: 32-bit partial sums a column, in two banks; parameter_sets:
    groups of `columns` biases, multipliers and shifts on chip; weight_beats: depth of the weight FIFO in memory words.
    """

    name: str
    rows: int
    columns: int
    cluster: int
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
            ("cluster", self.cluster),
            ("memory_bytes", self.memory_bytes),
            ("scratchpad_bytes", self.scratchpad_bytes),
            ("accumulators", self.accumulators),
            ("parameter_sets", self.parameter_sets),
            ("weight_beats", self.weight_beats),
        ):
            if value < 2 or value & (value - 1):
                raise ConfigError(f"{self.name}: {field} is {value}, must be a power of two of at least 2")
        self._check_array()
        self._check_memory()

    def _check_array(self) -> None:
        if self.cluster > min(4, self.rows, self.columns):
            raise ConfigError(f"{self.name}: cluster is {self.cluster}, must be at most 4, rows and columns")
        if self.rows > 32 or self.columns > 128:
            raise ConfigError(f"{self.name}: {self.rows} x {self.columns} elements, at most 32 x 128")

    def _check_memory(self) -> None:
        if not max(8, self.columns) <= self.memory_bytes <= min(64, self.window_bytes // 2):
            raise ConfigError(
                f"{self.name}: memory_bytes is {self.memory_bytes}, must be at least 8 and columns ({self.columns}),"
                f" at most 64 and half a window of the scratchpad ({self.window_bytes // 2})"
            )
        if self.memory_bytes > min(self.tile_bytes, 4 * self.columns, self.indexed_rows * self.row_bytes):
            raise ConfigError(
                f"{self.name}: memory_bytes is {self.memory_bytes}, must be at most a weight tile"
                f" ({self.tile_bytes} bytes), one parameter of every column ({4 * self.columns} bytes) and the"
                f" weights that share a word of positions ({self.indexed_rows * self.row_bytes} bytes)"
            )

    @property
    def hash(self) -> int:
        """32 bits that hardware and program must agree on."""
        return crc32(repr(("systolic", 2, *astuple(self))).encode())

    @property
    def elements(self) -> int:
        """Multipliers of the array."""
        return self.rows * self.columns

    @property
    def tile_bytes(self) -> int:
        """Bytes of a dense weight tile: rows x columns nibbles."""
        return self.rows * self.row_bytes

    @property
    def row_bytes(self) -> int:
        """Bytes of the weights of one array row."""
        return self.columns // 2

    @property
    def indexed_rows(self) -> int:
        """Array rows whose positions (2 bits a weight) stand in one memory word, before their weights."""
        return min(self.rows, 4 * self.memory_bytes // self.columns)

    @property
    def indexed_tile_bytes(self) -> int:
        """Bytes of a sparse weight tile: for every `indexed_rows` rows a word of positions, then the weights."""
        return self.tile_bytes + self.rows // self.indexed_rows * self.memory_bytes

    @property
    def window_bytes(self) -> int:
        """Bytes that the array can read from the scratchpad in a cycle: four for each row."""
        return 4 * self.rows

    @property
    def event_lanes(self) -> int:
        """Layers that may end in one cycle."""
        return 1

    @property
    def taps(self) -> int:
        """Observation taps: 0 results written, 1 values before a residual add or a pool."""
        return 2

    @property
    def tap_lane_bits(self) -> int:
        """Bits of a lane of a tap: one activation."""
        return 8

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
    "tiny": Config("tiny", 4, 4, 2, 8, 1 << 16, 128, 4, 64),
    "small": Config("small", 16, 16, 4, 16, 1 << 17, 1024, 8, 256),
    "paper": Config("paper", 32, 64, 4, 64, 1 << 21, 4096, 8, 256),
}
BANK_BYTES = 8  # of the scratchpad: bytes side by side that share an address
ERRORS = (
    "ILLEGAL_INSTRUCTION",
    "OPERAND_RANGE",
    "CONFIG_MISMATCH",
    "BUS_READ",
    "BUS_WRITE",
    "WATCHDOG",
    "BAD_REQUEST",
)
DEVICE = "Alveo U250"
DEVICE_OPTIONS = "-family xcup -uram"  # of Yosys' synth_xilinx
# Xilinx DS962, table 1. A LUT of a distributed RAM or shift register is one of the LUTs.
DEVICE_RESOURCES = {"LUT": 1_728_000, "FF": 3_456_000, "DSP": 12_288, "BRAM36": 2_688, "URAM": 1_280}
PUBLISHED_RESOURCES: dict[str, dict[str, int]] = {}
