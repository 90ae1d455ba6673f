"""Words for the numbers of tb/hdl/tracks.sv: layers, tiles, and which elements of which tensor a tap shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from compiler.api import disassemble
from compiler.observation import lookup
from compiler.program import Layer, Program
from tb.compare import coordinate
from tb.records import Records

LAYER_SHIFT, TILE_SHIFT = 56, 32


@dataclass(frozen=True)
class Shown:
    """`count` neighbours of a tensor's image from flat element `begin` on."""

    tensor: str
    begin: int
    count: int


def layer_words(program: Program) -> dict[int, str]:
    """The name of each layer."""
    return {number: layer.name for number, layer in enumerate(program.layers)}


def tile_words(program: Program) -> dict[int, str]:
    """The text of each instruction; none for a program that has no instructions."""
    words = {}
    for line in disassemble(program).splitlines():
        text, mark, number = line.rpartition("  # ")
        if mark and number.isdigit():
            words[int(number)] = text
    return words


def element_words(program: Program, taps: Records) -> dict[int, str]:
    """For each key that a tap showed, (layer, tile, address) as one number, the tensor and its elements: `conv1 (y 3, x
    0, c 16 to 31)`."""
    words: dict[int, str] = {}
    for number, layer in enumerate(program.layers):
        for record, found in shown(layer, taps[taps["layer"] == number]):
            key = number << LAYER_SHIFT | int(record["tag"]) << TILE_SHIFT | int(record["address"])
            words[key] = f"{found.tensor} {elements(layer.tensors[found.tensor], found.begin, found.count)}"
    return words


def shown(layer: Layer, taps: Records) -> Iterator[tuple[np.void, Shown]]:
    """Each record of a layer that its table knows, with the elements that it shows. taps: fields tap, tag, address and
    lanes."""
    rows, known = lookup(layer, taps)
    for record, row in zip(taps[known], rows[known], strict=True):
        _, tensor, base, width, first, row_pitch, pitch, _, run, lane_pitch = map(int, row)
        down, across = divmod(int(record["address"]) - base, width)
        begin = first + down * row_pitch + across * pitch
        # Lanes that do not follow each other in memory are neighbours in x.
        count = run * int(record["lanes"]) if lane_pitch == run else run
        yield record, Shown(layer.holders[tensor], begin, count)


def elements(shape: tuple[int, ...], begin: int, count: int) -> str:
    """`count` neighbours from flat element `begin` on, of those that the tensor has."""
    size = prod(shape)
    if not 0 <= begin < size:
        return f"(outside, element {begin})"
    _, y, x, c = coordinate(0, shape[1:], begin)
    last = min(c + count, shape[-1] if len(shape) == 4 else size) - 1
    return f"(y {y}, x {x}, c {c}{f' to {last}' if last > c else ''})"
