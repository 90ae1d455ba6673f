"""Pieces of the reduction: every element once, few pieces, and only such as the banks of the scratchpad serve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compiler.systolic import compile_graph
from compiler.systolic.image import instructions
from compiler.systolic.lowering import lower
from compiler.systolic.operations import Operation
from compiler.systolic.pieces import Piece, packings
from compiler.systolic.sparsity import selected, sparsity_of
from compiler.tests.random_graphs import Builder, random_layer
from compiler.tests.test_systolic import check_graph
from golden.ir import Graph
from rtl.systolic.config import CONFIGS, Config
from rtl.systolic.isa import Opcode, Sparsity

PAPER = CONFIGS["paper"]
SIZES = tuple(CONFIGS.values())


def layer(size: int, depth: int, kernel: int, stride: int, kept: int) -> Graph:
    """A convolution with so many weights left in each block of four."""
    b = Builder(0)
    source = b.source(size, size, depth)
    padding = (kernel // 2,) * 4
    made = b.convolution(source, 64, (kernel, kernel), (stride, stride), padding)
    weights = np.zeros((64, kernel, kernel * depth), np.int8)
    for first in range(kept):
        weights[..., first::4] = 1
    (name,) = (name for name in b.constants if name.startswith("weights"))
    b.constants[name] = weights.reshape(b.constants[name].shape)
    return b.graph(made)


def lanes(graph: Graph, config: Config = PAPER) -> list[tuple[int, int]]:
    """(split, lanes) of the best packed pieces."""
    (operation,) = lower(graph, config).operations
    return [(piece.split, piece.lanes) for piece in packings(operation, config)[0]]


def test_the_first_convolution_is_packed_over_kernel_rows() -> None:
    assert lanes(layer(224, 3, 7, 2, kept=4)) == [(21, 32), (10, 31), (21, 32), (10, 31), (21, 21)]


@pytest.mark.parametrize(("kept", "most", "count"), [(4, 32, 18), (2, 64, 9), (1, 128, 6)])
def test_deep_layers_fill_the_array(kept: int, most: int, count: int) -> None:
    """64 channels of an even width: the ends of two kernel rows lie in the same banks."""
    found = lanes(layer(56, 64, 3, 1, kept))
    assert len(found) == count
    assert max(found) == (most, most)


def test_kernel_rows_share_a_sparse_tile_where_their_banks_differ() -> None:
    assert lanes(layer(55, 64, 3, 1, kept=1)) == [(128, 128), (64, 128), (128, 128), (128, 128), (64, 64)]


def two_layers(size: int) -> Graph:
    """64 channels from a convolution, in even rows, to a 3x3 convolution with a weight left in each block."""
    b = Builder(0)
    middle = b.convolution(b.source(size, size, 3), 64, (1, 1), (1, 1), (0, 0, 0, 0))
    made = b.convolution(middle, 8, (3, 3), (1, 1), (1, 1, 1, 1))
    weights = np.zeros((8, 3, 3, 64), np.int8)
    weights[..., ::4] = np.random.default_rng(0).integers(-8, 8, (8, 3, 3, 16))
    b.constants["weights1"] = weights
    return b.graph(made)


def tiles_and_pitch(graph: Graph, config: Config) -> tuple[int, int]:
    """Of the last layer: weight tiles for a pixel, nibbles counted once, and bytes from row to row of its source."""
    code = [item for item in instructions(compile_graph(graph, config).image) if item["layer"] == 1]
    (setup,) = (item for item in code if item.opcode is Opcode.MATMUL_SETUP)
    matmuls = [item for item in code if item.opcode is Opcode.MATMUL]
    blocks = sum(item["first"] for item in matmuls)
    return sum(item["count"] for item in matmuls) // blocks, setup["row_pitch"]


def test_rows_lie_apart_where_that_saves_tiles() -> None:
    graph = two_layers(8)
    assert tiles_and_pitch(graph, PAPER) == (5, 8 * 64 + 64)
    check_graph(graph, PAPER, seed=1)


def test_rows_lie_close_where_the_maps_would_not_fit_otherwise() -> None:
    graph = two_layers(30)
    cramped = replace(PAPER, scratchpad_bytes=1 << 16)
    assert tiles_and_pitch(graph, PAPER) == (5, 31 * 64)
    assert tiles_and_pitch(graph, cramped) == (6, 30 * 64)
    check_graph(graph, cramped, seed=1)


def elements(pieces: list[Piece]) -> list[tuple[int, int]]:
    return [
        (part.kernel_row, at)
        for piece in pieces
        for part in piece.parts
        for at in range(part.start, part.start + part.elements)
    ]


def products(random_seed: int, config: Config) -> list[Operation]:
    plan = lower(random_layer(random_seed, channels=80), config)
    return [operation for operation in plan.operations if operation.product]


@pytest.mark.parametrize("config", SIZES, ids=lambda config: config.name)
def test_every_element_lies_in_one_piece_within_the_rules(config: Config) -> None:
    for seed in range(60):
        for operation in products(seed, config):
            assert operation.product is not None
            _, kernel_rows, *rest = operation.product.weights.shape
            whole = [(row, at) for row in range(kernel_rows) for at in range(int(np.prod(rest)))]
            for pieces in packings(operation, config):
                assert elements(pieces) == whole
                assert all(0 < piece.products <= config.rows for piece in pieces)
                assert all(0 < piece.split <= piece.lanes for piece in pieces)


@pytest.mark.parametrize(
    ("kept", "mode"), [(1, Sparsity.ONE_OF_FOUR), (2, Sparsity.TWO_OF_FOUR), (3, Sparsity.DENSE)]
)
def test_the_fullest_block_says_the_mode(kept: int, mode: Sparsity) -> None:
    """Blocks begin anew with each kernel row, so the last one of a row may be short."""
    weights = np.zeros((5, 3, 1, 11), np.int8)
    weights[..., ::4] = 1
    assert sparsity_of(weights) == Sparsity.ONE_OF_FOUR
    weights[3, 1, 0, 8 : 8 + kept] = -8
    assert sparsity_of(weights) == mode


@pytest.mark.parametrize("row", [1, 2, 3])
def test_short_rows_full_of_weights_are_dense(row: int) -> None:
    assert sparsity_of(np.ones((4, 2, 1, row), np.int8)) == Sparsity.DENSE


@pytest.mark.parametrize("kept", [1, 2])
def test_selected_weights_and_positions_make_up_the_lanes(kept: int) -> None:
    random = np.random.default_rng(kept)
    lanes = random.integers(-128, 128, (6, 5, 32)).astype(np.int8)
    blocks = lanes.reshape(6, 5, 8, 4)
    blocks[random.random(blocks.shape).argsort(axis=-1).argsort(axis=-1) >= kept] = 0
    mode = {1: Sparsity.ONE_OF_FOUR, 2: Sparsity.TWO_OF_FOUR}[kept]
    weights, positions = selected(lanes, mode)
    assert weights.shape == positions.shape == (6, 5, 8 * kept)
    again = np.zeros_like(blocks)
    for row in range(8 * kept):
        at = positions[..., row, None].astype(np.intp)
        taken = np.take_along_axis(again[:, :, row // kept], at, axis=-1)
        np.put_along_axis(again[:, :, row // kept], at, taken + weights[..., row, None], axis=-1)
    np.testing.assert_array_equal(again, blocks)
