"""Weights and parameters in the layout that the array reads: nibble tiles, and sets of biases, multipliers,
shifts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from compiler.systolic.operations import Product
from compiler.systolic.tiling import Piece
from rtl.systolic.config import Config


class ConstantPool:
    """The constants of a program, each at an offset that is a multiple of the port width."""

    def __init__(self, alignment: int) -> None:
        self._alignment = alignment
        self._blocks: list[bytes] = []
        self.size = 0

    def add(self, data: bytes) -> int:
        """Offset of `data` from the first constant."""
        offset = self.size
        padded = data + bytes(-len(data) % self._alignment)
        self._blocks.append(padded)
        self.size += len(padded)
        return offset

    def to_bytes(self) -> bytes:
        return b"".join(self._blocks)


def weight_tiles(product: Product, order: Sequence[Piece], config: Config) -> bytes:
    """Every tile: by output-channel tile, then by piece in the order given, then high nibbles before low
    ones."""
    channels, kernel_rows, kernel_columns, depth = product.weights.shape
    by_row = product.weights.reshape(channels, kernel_rows, kernel_columns * depth)
    groups = -(-channels // config.columns)
    tiles = np.zeros((groups, len(order), config.rows, config.columns), np.int8)
    for index, piece in enumerate(order):
        part = by_row[:, piece.kernel_row, piece.start : piece.start + piece.length]
        tiles[:, index, : piece.length] = _by_group(part, groups, config.columns)
    nibbles = [tiles >> 4, tiles] if product.nibbles == 2 else [tiles]
    return _pack(np.stack(nibbles, axis=2))


def _by_group(part: npt.NDArray[np.int8], groups: int, columns: int) -> npt.NDArray[np.int8]:
    """(channels, lanes) to (groups, lanes, columns), channels filled up with zeros."""
    filled = np.zeros((groups * columns, part.shape[1]), np.int8)
    filled[: part.shape[0]] = part
    return filled.reshape(groups, columns, -1).transpose(0, 2, 1)


def _pack(nibbles: npt.NDArray[np.int8]) -> bytes:
    """Two nibbles a byte, the first in the low half."""
    low, high = nibbles[..., 0::2] & 15, nibbles[..., 1::2] & 15
    return (low | high << 4).astype(np.int8).tobytes()


def parameter_sets(product: Product, config: Config) -> list[bytes]:
    """For each output-channel tile: biases, multipliers and shifts, int32, unused columns zero."""
    requantisation = product.requantisation
    channels = product.weights.shape[0]
    groups = -(-channels // config.columns)
    table = np.zeros((3, groups * config.columns), np.int32)
    for row, values in enumerate((product.bias, requantisation.multipliers, requantisation.shifts)):
        table[row, :channels] = values
    by_group = table.reshape(3, groups, config.columns).transpose(1, 0, 2)
    return [group.astype("<i4").tobytes() for group in by_group]
