"""How a program cuts its layers into tiles, read from its instructions."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.program import Program
from rtl.systolic.config import Config
from rtl.systolic.isa import INSTRUCTION_BYTES, Instruction, Opcode, Sparsity, decode
from tb.disturbance import instruction_place
from tb.systolic.layer_item import Tiles


@dataclass(frozen=True)
class Cut:
    """Tiles of one layer along the reduction, the output channels and the pixels (None: of no class)."""

    reduction: Tiles
    outputs: Tiles
    pixels: Tiles | None


def classify(sizes: list[int]) -> Tiles | None:
    """The class of a dimension cut into tiles of these sizes; None for more than two that are all equal."""
    if len(sizes) < 3:
        return Tiles(len(sizes) - 1)
    return Tiles.MORE if len(set(sizes)) > 1 else None


def cut_of_layer(
    program: Program, layer: int, in_channels: int, out_channels: int, config: Config
) -> Cut | None:
    """The cut of a 1x1 convolution; None where its channels belong to no class."""
    products = [
        item for item in instructions(program) if item.opcode is Opcode.MATMUL and item["layer"] == layer
    ]
    firsts = [item for item in products if item["first"]]
    pixels = sorted(
        {(item["accumulator"], item["rows"] * item["columns"], n) for n, item in enumerate(firsts)}
    )
    outputs = pieces(out_channels, config.columns)
    tiles = [size for _, size, _ in pixels][:: max(1, len(outputs))]
    lanes = config.rows << sparsity_of_layer(program, layer)
    kinds = [classify(sizes) for sizes in (pieces(in_channels, lanes), outputs)]
    if kinds[0] is None or kinds[1] is None:
        return None
    return Cut(kinds[0], kinds[1], classify(tiles) if tiles else None)


def sparsity_of_layer(program: Program, layer: int) -> Sparsity:
    """The mode in which the array runs a layer: that of the set-up before the layer's first product."""
    mode = Sparsity.DENSE
    for item in instructions(program):
        if item.opcode is Opcode.MATMUL_SETUP:
            mode = Sparsity(item["sparsity"])
        elif item.opcode is Opcode.MATMUL and item["layer"] == layer:
            break
    return mode


def pieces(size: int, lanes: int) -> list[int]:
    """`size` in pieces of `lanes`, the rest in the last."""
    return [min(lanes, size - start) for start in range(0, size, lanes)]


def instructions(program: Program) -> list[Instruction]:
    """All instructions of a program."""
    start = instruction_place(program, 0)
    end = start + program.instructions * INSTRUCTION_BYTES
    return [
        decode(program.image[place : place + INSTRUCTION_BYTES])
        for place in range(start, end, INSTRUCTION_BYTES)
    ]
