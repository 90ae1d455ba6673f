"""What a network known by name is, and which options it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from compiler.calibration import Recipe
from compiler.errors import BadData
from compiler.network import Network
from compiler.passes.calibrate import DEFAULT_CALIBRATOR, check_calibrator
from compiler.passes.prune import BLOCK

BIT_WIDTHS = (8, 4)
BINARY_INPUT = 6
DEFAULT_BITS = 8
DEFAULT_END_WEIGHTS = 8
SPARSITIES = {f"{n}:{BLOCK}": n for n in (4, 2, 1)}
DENSE = f"{BLOCK}:{BLOCK}"


@dataclass(frozen=True)
class Options:
    """What the user asks of a network. None: whatever is the network's default.

    bits: of weights and maps, 8 or 4; of the input alone, 8 or 6, of a binary .onnx file. end_weights: of the
    weights of the first and last layer of a 4-bit network. sparsity: weights that stay in a block, '4:4', '2:4' or
    '1:4'. calibration: data to measure ranges on, for a user's .onnx file; calibrator: the method. Raises BadData
    for other values."""

    bits: int | None = None
    calibration: str | Path | None = None
    sparsity: str = DENSE
    end_weights: int | None = None
    calibrator: str = DEFAULT_CALIBRATOR

    def __post_init__(self) -> None:
        if self.bits not in (None, *BIT_WIDTHS, BINARY_INPUT):
            raise BadData(f"--bits is {self.bits}, must be 8 or 4, or 6 for the input of a binary network")
        if self.end_weights not in (None, *BIT_WIDTHS):
            raise BadData(f"--end-weights is {self.end_weights}, must be 8 or 4")
        if self.sparsity not in SPARSITIES:
            raise BadData(f"--sparsity is '{self.sparsity}', must be {', '.join(SPARSITIES)}")
        check_calibrator(self.calibrator)


@dataclass(frozen=True)
class Settings:
    """The same with every default filled in. kept: weights that stay of a block of 4."""

    bits: int
    end_weights: int
    sparsity: str = DENSE
    calibration: str | Path | None = None
    calibrator: str = DEFAULT_CALIBRATOR

    @property
    def kept(self) -> int:
        return SPARSITIES[self.sparsity]

    @property
    def recipe(self) -> Recipe:
        return Recipe(self.bits, self.calibration, self.kept, self.end_weights, self.calibrator)


@dataclass(frozen=True)
class NetworkSpec:
    """A network known by name. missing: why it cannot be had on this machine, '' if it can.

    bits: the widths that it comes in, its default first; () if it is binary. end_weights: its
    default. sparsities: those it can be pruned to."""

    name: str
    read: Callable[[Settings], Network]
    missing: Callable[[], str]
    bits: tuple[int, ...] = (DEFAULT_BITS,)
    end_weights: int = DEFAULT_END_WEIGHTS
    sparsities: tuple[str, ...] = tuple(SPARSITIES)

    def settled(self, options: Options) -> Settings:
        """Raises BadData for what this network does not come in."""
        if options.calibration:
            raise BadData("--calibration is for float .onnx files", file=self.name)
        if options.calibrator != DEFAULT_CALIBRATOR:
            raise BadData("--calibrator is for float .onnx files", file=self.name)
        if options.bits and not self.bits:
            raise BadData(f"is binary, and does not come in {options.bits} bits", file=self.name)
        bits = self.bits[0] if self.bits and options.bits is None else options.bits
        if options.bits not in (None, *self.bits):
            raise BadData(f"comes in {self.bits[0]} bits, not in {options.bits}", file=self.name)
        if options.sparsity not in self.sparsities:
            raise BadData(f"cannot be pruned to {options.sparsity}: it comes quantised", file=self.name)
        return settled(replace(options, bits=bits), self.end_weights, self.name)


def settled(options: Options, end_weights: int, file: str) -> Settings:
    """Options of a float network with the defaults filled in. Raises BadData."""
    bits = options.bits or DEFAULT_BITS
    if bits == DEFAULT_BITS and options.end_weights not in (None, DEFAULT_END_WEIGHTS):
        raise BadData("--end-weights 4 is for networks of 4 bits", file=file)
    chosen = options.end_weights or (end_weights if bits != DEFAULT_BITS else DEFAULT_END_WEIGHTS)
    return Settings(bits, chosen, options.sparsity, options.calibration, options.calibrator)
