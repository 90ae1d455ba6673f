"""Prune: which layers, which weights, and what is left of the blocks after quantisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compiler.errors import BadData
from compiler.frontends.onnx_file import load_onnx
from compiler.passes import FLOAT_PASSES, quantised, run_passes
from compiler.passes.calibrate import calibrate
from compiler.passes.prune import is_pruned, largest_of_blocks, prunable, prune
from compiler.tests.onnx_models import OnnxModel, images, output, residual
from golden.ir import Array, Conv2D, FullyConnected, Graph

SHAPES = [(5, 3, 3, 8), (4, 1, 1, 64), (3, 2, 3, 3), (2, 1, 5, 1), (3, 1, 1, 2), (2, 3, 3, 7)]


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    return run_passes(load_onnx(residual().save(tmp_path)).graph, FLOAT_PASSES)


def weights_of(graph: Graph, name: str) -> Array:
    node = next(node for node in graph.nodes if node.name == name)
    return graph.constants[node.inputs[1]]


def most_in_a_block(weights: Array) -> int:
    """The most non-zero weights of any block, counted row by row and block by block."""
    most = 0
    for kernel_row in weights.reshape(-1, weights.shape[2] * weights.shape[3]):
        for first in range(0, len(kernel_row), 4):
            most = max(most, int(np.count_nonzero(kernel_row[first : first + 4])))
    return most


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_largest_of_every_block_stay(shape: tuple[int, ...], n: int) -> None:
    weights = np.random.default_rng(n).normal(size=shape).astype(np.float32)
    found = largest_of_blocks(weights, n).reshape(shape[0] * shape[1], -1)
    for before, after in zip(weights.reshape(found.shape), found, strict=True):
        for first in range(0, len(before), 4):
            block, left = before[first : first + 4], after[first : first + 4]
            limit = sorted(np.abs(block), reverse=True)[: min(n, len(block))][-1]
            assert np.array_equal(left, np.where(np.abs(block) >= limit, block, 0))


def test_of_equal_magnitudes_the_first_stay() -> None:
    weights = np.array([1, -1, 1, 1, 0, 2, -2, 2, 3, 3], np.float32).reshape(1, 1, 1, 10)
    assert largest_of_blocks(weights, 1).ravel().tolist() == [1, 0, 0, 0, 0, 2, 0, 0, 3, 0]
    assert largest_of_blocks(weights, 2).ravel().tolist() == [1, -1, 0, 0, 0, 2, -2, 0, 3, 3]


def test_a_block_never_reaches_into_the_next_kernel_row() -> None:
    """Rows of 6 end in a block of 2, so 3 and 4 of 12 weights would stay if blocks ran on."""
    weights = np.ones((1, 2, 3, 2), np.float32)
    assert largest_of_blocks(weights, 1).reshape(2, 6).tolist() == [[1, 0, 0, 0, 1, 0]] * 2
    assert most_in_a_block(largest_of_blocks(weights, 2)) == 2


def test_the_first_convolution_and_the_classifier_stay_dense(graph: Graph) -> None:
    pruned = prune(graph, 2)
    names = [node.name for node in graph.nodes if isinstance(node.operator, Conv2D)]
    assert [node.name for node in prunable(graph)] == names[1:] and len(names) == 3
    classifier = next(node.name for node in graph.nodes if isinstance(node.operator, FullyConnected))
    for name in (names[0], classifier):
        assert np.array_equal(weights_of(pruned, name), weights_of(graph, name))
    for name in names[1:]:
        assert most_in_a_block(weights_of(graph, name)) == 4
        assert most_in_a_block(weights_of(pruned, name)) == 2


def test_the_first_convolutions_are_those_that_see_the_input(tmp_path: Path) -> None:
    """Also behind a pool or a concatenation; not a convolution of a map that is only quantised like it."""
    model = OnnxModel(image=("N", 3, 8, 8))
    model.node("MaxPool", kernel_shape=[2, 2])
    first = model.conv(3, 4)
    image = model.node("AveragePool", inputs=["image"], kernel_shape=[4, 4])
    model.node("Concat", inputs=[image, first], axis=1)
    model.conv(7, 4, kernel=1)
    model.node("Conv", model.constant("w", 4, 4, 1, 1), inputs=[first, "w"])
    model.node("Add", inputs=["t4", "t5"])
    graph = load_onnx(model.save(tmp_path)).graph
    assert [node.name for node in prunable(graph)] == ["n5"]


def test_kept_layers_and_four_of_four_are_unchanged(graph: Graph) -> None:
    kept = prunable(graph)[0].name
    pruned = prune(graph, 1, keep=(kept,))
    assert np.array_equal(weights_of(pruned, kept), weights_of(graph, kept))
    assert most_in_a_block(weights_of(pruned, prunable(graph)[1].name)) == 1
    assert prune(graph, 4) is graph


def test_what_is_pruned_is_known(graph: Graph) -> None:
    pruned = prune(graph, 2)
    assert is_pruned(graph, 4) and not is_pruned(graph, 2)
    assert is_pruned(pruned, 2) and not is_pruned(pruned, 1) and is_pruned(prune(pruned, 1), 1)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("n", [1, 2])
def test_quantised_blocks_are_as_sparse(n: int, bits: int, graph: Graph) -> None:
    pruned = prune(graph, n)
    batch = images(pruned, 8)
    integers = quantised(pruned, calibrate(pruned, batch), bits)
    for node in prunable(integers):
        assert 1 <= most_in_a_block(weights_of(integers, node.name)) <= n
    assert output(pruned, batch).std() > 0.01


def test_other_patterns_are_refused(graph: Graph) -> None:
    with pytest.raises(BadData, match=r"cannot prune to 3:4, must be 1:4, 2:4 or 4:4"):
        prune(graph, 3)
