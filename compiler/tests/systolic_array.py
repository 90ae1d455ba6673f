"""The array of the functional machine: which bytes a MATMUL's lanes read, which banks serve them, and what a weight
tile multiplies them with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtl.systolic.config import BANK_BYTES, Config
from rtl.systolic.isa import Instruction, Sparsity

ADDRESS_MASK = (1 << 24) - 1
BLOCK = 4
Indices = npt.NDArray[np.int64]


class MachineError(AssertionError):
    """The program did what it must not do; the message names the instruction."""


def require(condition: object, message: str) -> None:
    """Raises MachineError unless the condition holds."""
    if not condition:
        raise MachineError(message)


@dataclass(frozen=True)
class Tile:
    """weights: (rows, columns) nibbles, unsigned; positions: (rows, columns) of 0..3, None in a dense tile."""

    weights: Indices
    positions: Indices | None
    beats: int


@dataclass(frozen=True)
class Part:
    """Lanes of one kernel row: `first` is the lane they begin with; x and y of lane `first`, and its scratchpad
    byte, at the first pixel."""

    first: int
    lanes: int
    x: int
    y: int
    address: int


def parts(item: Instruction, setup: Instruction) -> Iterator[Part]:
    """One or two."""
    split = item["split"]
    require(0 < split <= item["k_lanes"], "split")
    yield Part(0, split, item["x_start"], item["y_start"], item["map_address"])
    if split < item["k_lanes"]:
        beyond = split - setup["kernel_row"]
        address = item["map_address"] + beyond + setup["row_pitch"]
        yield Part(split, item["k_lanes"] - split, item["x_start"] + beyond, item["y_start"] + 1, address)


def capacity(sparsity: int, rows: int) -> int:
    """Lanes that an array of so many rows takes at once."""
    return rows << Sparsity(sparsity)


def grid(start: int, item: Instruction, row_step: int, step: int) -> Indices:
    """One number for each row and column of an instruction."""
    require(item["rows"] and item["columns"] and item["c_lanes"], "empty")
    rows = np.arange(item["rows"])[:, None] * row_step
    numbers: Indices = (start + rows + np.arange(item["columns"]) * step).reshape(-1)
    return numbers


def stream(
    item: Instruction, setup: Instruction, scratchpad: npt.NDArray[np.int8], written: npt.NDArray[np.bool_]
) -> Indices:
    """(pixels, k_lanes) activations minus zero point; zero outside the map."""
    found = [_stream_part(part, item, setup, scratchpad, written) for part in parts(item, setup)]
    return np.concatenate(found, axis=1)


def _stream_part(
    part: Part,
    item: Instruction,
    setup: Instruction,
    scratchpad: npt.NDArray[np.int8],
    written: npt.NDArray[np.bool_],
) -> Indices:
    lanes = np.arange(part.lanes)
    x = part.x + np.arange(item["columns"])[:, None] * setup["x_step"] + lanes
    y = part.y + np.arange(item["rows"]) * setup["y_step"]
    inside = ((y >= 0) & (y < setup["y_size"]))[:, None, None] & ((x >= 0) & (x < setup["row_elements"]))
    first = grid(part.address, item, setup["row_step"], setup["x_step"])
    address = np.where(inside, (first.reshape(item["rows"], -1, 1) + lanes) & ADDRESS_MASK, 0)
    require(address.max() < len(scratchpad), "reads beyond the scratchpad")
    require((written[address] | ~inside).all(), "reads what was never written")
    centred = scratchpad[address].astype(np.int64) - setup["zero_point"]
    values: Indices = np.where(inside, centred, 0).reshape(-1, part.lanes)
    low, high = (-256, 255) if setup["wide"] else (-16, 15)
    require(values.min() >= low and values.max() <= high, "an activation does not fit its nibbles")
    return values


def check_banks(item: Instruction, setup: Instruction, config: Config) -> None:
    """Each part of every pixel fits a window of the scratchpad, and the parts lie in different banks."""
    count = config.window_bytes // BANK_BYTES
    ranges = []
    for part in parts(item, setup):
        first = grid(part.address, item, setup["row_step"], setup["x_step"])
        banks = -(-(first % BANK_BYTES + part.lanes) // BANK_BYTES)
        require(banks.max() <= count, "lanes do not fit a window of the scratchpad")
        ranges.append((first // BANK_BYTES, banks))
    if len(ranges) == 2:
        (one, wide), (other, wide_other) = ranges
        distance = (other - one) % count
        require((distance >= wide).all() and (distance + wide_other <= count).all(), "parts share a bank")


def rows_read(item: Instruction, setup: Instruction) -> Indices:
    """Bytes of the map that lanes inside it may read: whole spans from row to row."""
    return np.concatenate([_rows_of_part(part, item, setup) for part in parts(item, setup)])


def _rows_of_part(part: Part, item: Instruction, setup: Instruction) -> Indices:
    start = max(0, part.x)
    end = part.x + (item["columns"] - 1) * setup["x_step"] + part.lanes
    span = np.arange(start, min(end, setup["row_elements"])) + part.address - part.x
    rows = np.arange(item["rows"])
    y = part.y + rows * setup["y_step"]
    rows = rows[(y >= 0) & (y < setup["y_size"])]
    read: Indices = ((rows[:, None] * setup["row_step"] + span) & ADDRESS_MASK).reshape(-1)
    return read


def tile_bytes(indexed: int, config: Config) -> int:
    """Bytes of a weight tile in memory."""
    return config.indexed_tile_bytes if indexed else config.tile_bytes


def unpack(data: bytes, indexed: int, config: Config) -> Tile:
    """A weight tile from memory."""
    beats = len(data) // config.memory_bytes
    if not indexed:
        return Tile(_nibbles(data, config), None, beats)
    groups = config.rows // config.indexed_rows
    by_group = np.frombuffer(data, np.uint8).reshape(groups, -1)
    word, weights = by_group[:, : config.memory_bytes], by_group[:, config.memory_bytes :]
    used = config.indexed_rows * config.columns
    pairs = (word[:, :, None] >> np.arange(0, 8, 2) & 3).reshape(groups, -1).astype(np.int64)
    require(not pairs[:, used:].any(), "a word of positions is not zero behind them")
    positions = pairs[:, :used].reshape(config.rows, config.columns)
    return Tile(_nibbles(weights.tobytes(), config), positions, beats)


def _nibbles(data: bytes, config: Config) -> Indices:
    packed = np.frombuffer(data, np.uint8).astype(np.int64)
    return np.stack([packed & 15, packed >> 4], axis=1).reshape(config.rows, config.columns)


def expanded(tile: Tile, sparsity: int, signed: int) -> Indices:
    """(lanes, columns): the weight with which each lane is multiplied, zero where none is."""
    weights = np.where((tile.weights > 7) & bool(signed), tile.weights - 16, tile.weights)
    require((tile.positions is not None) == (sparsity != Sparsity.DENSE), "tile and sparsity do not agree")
    if tile.positions is None:
        return weights
    rows, columns = weights.shape
    blocks = np.arange(rows) >> (1 if sparsity == Sparsity.TWO_OF_FOUR else 0)
    lanes = BLOCK * blocks[:, None] + tile.positions
    wide = np.zeros((capacity(sparsity, rows), columns), np.int64)
    np.add.at(wide, (lanes, np.arange(columns)), weights)
    return wide
