"""Instructions before they have tokens: what each reads and writes says which must wait for which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compiler.program import Geometry
from rtl.systolic.config import Config
from rtl.systolic.isa import UNIT, Opcode, Unit

Span = tuple[int, int]


@dataclass(frozen=True)
class Resources:
    """Everything on chip that two units share, in pages of one numbering: scratchpad words, the two banks of
    accumulators, parameter sets."""

    config: Config

    @property
    def pages(self) -> int:
        return self._first_bank + 2 + self.config.parameter_sets

    @property
    def _first_bank(self) -> int:
        return self.config.scratchpad_bytes // self.config.memory_bytes

    def bytes(self, start: int, end: int) -> Span:
        """Scratchpad bytes [start, end)."""
        word = self.config.memory_bytes
        return start // word, -(-end // word)

    def bank(self, index: int) -> Span:
        return self._first_bank + index, self._first_bank + index + 1

    def parameter_set(self, index: int) -> Span:
        first = self._first_bank + 2 + index
        return first, first + 1


@dataclass(frozen=True)
class WeightTile:
    """A weight tile among the constants: bytes [offset, end); indexed: with positions, for a sparse layer."""

    offset: int
    end: int
    indexed: bool

    @property
    def size(self) -> int:
        return self.end - self.offset


@dataclass(frozen=True)
class Step:
    """One instruction to be. tile: the weight tile that a MATMUL takes (None: it takes none); scalars: what
    POST_SETUP must have given before a POST."""

    opcode: Opcode
    fields: Mapping[str, int]
    reads: tuple[Span, ...] = ()
    writes: tuple[Span, ...] = ()
    tile: WeightTile | None = None
    observed: tuple[Geometry, ...] = field(default=())
    scalars: Mapping[str, int] = field(default_factory=dict)

    @property
    def unit(self) -> Unit:
        return UNIT[self.opcode]

    @property
    def layer(self) -> int:
        return self.fields["layer"]
