"""Weights and parameters in the layout that the array reads: nibble tiles, and sets of biases, multipliers,
shifts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from compiler.systolic.operations import Product
from compiler.systolic.pieces import Piece
from compiler.systolic.sparsity import selected
from rtl.systolic.config import Config
from rtl.systolic.isa import Sparsity

T = TypeVar("T", bound=np.generic)


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


def tile_bytes(sparsity: Sparsity, config: Config) -> int:
    """Bytes of one weight tile."""
    return config.tile_bytes if sparsity == Sparsity.DENSE else config.indexed_tile_bytes


def weight_tiles(product: Product, order: Sequence[Piece], config: Config) -> bytes:
    """Every tile: by output-channel tile, then by piece in the order given, then high nibbles before low
    ones."""
    lanes = _lanes(product, order, config)
    if product.sparsity == Sparsity.DENSE:
        return _nibbles(_by_group(lanes, config), product).tobytes()
    weights, positions = selected(lanes, product.sparsity)
    nibbles = _nibbles(_by_group(weights, config), product)
    words = _words(_by_group(positions, config), config)
    groups = config.rows // config.indexed_rows
    nibbles = nibbles.reshape(*nibbles.shape[:3], groups, -1)
    words = np.broadcast_to(words[:, :, None], (*nibbles.shape[:4], config.memory_bytes))
    return np.concatenate([words, nibbles], axis=-1).tobytes()


def _lanes(product: Product, order: Sequence[Piece], config: Config) -> npt.NDArray[np.int8]:
    """(channels, pieces, lanes): the weight of every lane that the array can take, zero where there is none."""
    channels, kernel_rows, kernel_columns, depth = product.weights.shape
    row = kernel_columns * depth
    elements = np.full((len(order), config.rows << product.sparsity), kernel_rows * row)
    for index, piece in enumerate(order):
        lane = 0
        for part in piece.parts:
            first = part.kernel_row * row + part.start
            elements[index, lane : lane + part.elements] = np.arange(first, first + part.elements)
            lane = piece.split
    flat = np.pad(product.weights.reshape(channels, -1), ((0, 0), (0, 1)))
    return flat[:, elements]


def _by_group(rows: npt.NDArray[T], config: Config) -> npt.NDArray[T]:
    """(channels, pieces, rows) to (groups, pieces, rows, columns), channels filled up with zeros."""
    channels, pieces, count = rows.shape
    groups = -(-channels // config.columns)
    filled = np.zeros((groups * config.columns, pieces, count), rows.dtype)
    filled[:channels] = rows
    return filled.reshape(groups, config.columns, pieces, count).transpose(0, 2, 3, 1)


def _nibbles(tiles: npt.NDArray[np.int8], product: Product) -> npt.NDArray[np.uint8]:
    """(groups, pieces, nibbles, bytes): two nibbles a byte, the first in the low half."""
    parts = [tiles >> 4, tiles] if product.nibbles == 2 else [tiles]
    values = np.stack(parts, axis=2) & 15
    packed = (values[..., 0::2] | values[..., 1::2] << 4).astype(np.int8).view(np.uint8)
    return packed.reshape(*packed.shape[:3], -1)


def _words(positions: npt.NDArray[np.uint8], config: Config) -> npt.NDArray[np.uint8]:
    """(groups, pieces, words of a tile, bytes): four positions a byte, the first in the lowest bits."""
    by_word = positions.reshape(*positions.shape[:2], config.rows // config.indexed_rows, -1, 4)
    shifted = by_word << np.arange(0, 8, 2, dtype=np.uint8)
    packed: npt.NDArray[np.uint8] = np.bitwise_or.reduce(shifted, axis=-1)
    words = np.zeros((*packed.shape[:3], config.memory_bytes), np.uint8)
    words[..., : packed.shape[3]] = packed
    return words


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
