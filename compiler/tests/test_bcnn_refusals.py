"""Graphs that are not the layers of a configuration: each difference is told, with both values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from compiler.bcnn import compile_graph
from compiler.errors import AssayError, DoesNotFit
from compiler.tests.binary_graphs import binary_graph
from compiler.tests.random_graphs import random_network
from golden.ir import Add, Graph, Node, Pool2D
from rtl.bcnn.config import CONFIGS, Config, Layer

CONFIG = Config(
    "two",
    16,
    (
        Layer("conv1", 8, 8, 3, 40, (3, 3), 9, 8, padding=(1, 1, 1, 1), pool=(2, 2), input_bits=8),
        Layer("conv2", 4, 4, 40, 12, (3, 3), 120, 4, padding=(1, 1, 1, 1), padding_value=-1),
        Layer("fc1", 4, 4, 12, 10, (4, 4), 48, 1, scores=True),
    ),
)
GRAPH = binary_graph(CONFIG, 1)
CONV1, POOL, CONV2, RESHAPE, LAST = GRAPH.nodes


def changed(number: int, **changes: Any) -> Config:
    """The configuration with one layer otherwise, and its neighbours as they then must be."""
    layers = list(CONFIG.layers)
    layers[number] = replace(layers[number], **changes)
    return replace(CONFIG, layers=tuple(layers))


def resized(size: int) -> Config:
    """Maps of another size."""
    first, second, last = CONFIG.layers
    half = size // 2
    return replace(
        CONFIG,
        layers=(
            replace(first, height=size, width=size, p=size),
            replace(second, height=half, width=half, p=half),
            replace(last, height=half, width=half, kernel=(half, half), uf=12 * half),
        ),
    )


def wider(filters: int) -> Config:
    """More filters in the middle."""
    _, second, last = CONFIG.layers
    changed_last = replace(last, channels=filters, uf=4 * filters)
    return replace(CONFIG, layers=(CONFIG.layers[0], replace(second, filters=filters), changed_last))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            changed(0, input_bits=6),
            "node 'conv1.0' (Conv2D): bits of the map read is 8, layer conv1 of two has 6",
        ),
        (resized(16), "map is (8, 8, 3), layer conv1 of two has (16, 16, 3)"),
        (wider(14), "node 'conv2.2' (Conv2D): filters is 12, layer conv2 of two has 14"),
        (changed(1, padding_value=0), "value of padding is -1, layer conv2 of two has 0"),
        (
            changed(0, padding=(0, 1, 2, 1)),
            "padding is (1, 1, 1, 1), layer conv1 of two has (0, 1, 2, 1)",
        ),
        (
            changed(0, pool=(1, 1), stride=(2, 2), p=4),
            "pool is (2, 2), layer conv1 of two has (1, 1)",
        ),
        (
            changed(1, kernel=(1, 3), uf=120, padding=(0, 1, 0, 1)),
            "kernel is (3, 3), layer conv2 of two has (1, 3)",
        ),
        (CONFIGS["tiny"], "the network has 3 layers, tiny has 6"),
    ],
)
def test_each_difference_is_told_with_both_values(config: Config, message: str) -> None:
    with pytest.raises(DoesNotFit, match=re.escape(message)):
        compile_graph(GRAPH, config)


def test_a_stride_is_told() -> None:
    """Two of the same results by different strides."""
    first = replace(CONFIG.layers[0], pool=(1, 1), height=5, width=8, kernel=(5, 3), stride=(1, 2), p=4, uf=9,
                    padding=(0, 1, 0, 1))  # fmt: skip
    last = Layer("last", 1, 4, 40, 10, (1, 4), 160, 1, scores=True)
    made = binary_graph(Config("made", 16, (replace(first, stride=(2, 2)), last)), 1)
    with pytest.raises(DoesNotFit, match=re.escape("stride is (2, 2), layer conv1 of two has (1, 2)")):
        compile_graph(made, Config("two", 16, (first, last)))


def test_the_number_of_layers_must_agree() -> None:
    scores = replace(CONFIG.layers[1], scores=True, p=1)
    short = Config("short", 16, (CONFIG.layers[0], scores))
    with pytest.raises(DoesNotFit, match="the network has 3 layers, short has 2"):
        compile_graph(GRAPH, short)
    with pytest.raises(DoesNotFit, match="the network has 2 layers, two has 3"):
        compile_graph(binary_graph(short, 1), CONFIG)


def node_changed(number: int, **changes: Any) -> Graph:
    """The graph with one node otherwise."""
    nodes = list(GRAPH.nodes)
    nodes[number] = replace(nodes[number], **changes)
    return GRAPH.with_nodes(tuple(nodes))


def bits_changed(name: str, **changes: Any) -> Graph:
    """The graph with another quantisation of a tensor."""
    tensor = GRAPH.tensor(name)
    assert tensor.quantisation is not None
    other = replace(tensor, quantisation=replace(tensor.quantisation, **changes))
    return replace(GRAPH, tensors=GRAPH.tensors | {name: other})


def floating(name: str) -> Graph:
    """The graph with a tensor of floating point."""
    return replace(GRAPH, tensors=GRAPH.tensors | {name: replace(GRAPH.tensor(name), quantisation=None)})


BESIDE = Node("beside", Pool2D("max", (2, 2), (2, 2)), (CONV1.output,), "beside")
SECOND = Node("second", Add(), (POOL.output, POOL.output), CONV2.output)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (lambda: node_changed(1, operator=Pool2D("average", (2, 2), (2, 2))), "kind is average of (2, 2)"),
        (
            lambda: node_changed(1, operator=Pool2D("max", (2, 2), (1, 1))),
            "windows of a pipeline stand side by side",
        ),
        (lambda: replace(GRAPH, inputs=("image", "other")), "2 inputs and 1 outputs"),
        (lambda: replace(GRAPH, nodes=(*GRAPH.nodes, BESIDE)), "beside reads it too"),
        (lambda: replace(GRAPH, outputs=(CONV1.output,)), "leaves the graph"),
        (lambda: replace(GRAPH, outputs=("nothing",)), "0 nodes stand beside the way"),
        (
            lambda: replace(GRAPH, nodes=(CONV1, POOL, SECOND, RESHAPE, LAST)),
            "node 'second' (Add): a layer of a",
        ),
        (lambda: bits_changed(CONV2.inputs[1], bits=8), "bits of weights is 8, layer conv2 of two has 1"),
        (lambda: bits_changed("image", zero_point=3), "image has zero point 3"),
        (lambda: floating("image"), "image has floating point"),
    ],
)
def test_what_is_no_pipeline_is_refused(graph: Callable[[], Graph], message: str) -> None:
    with pytest.raises(DoesNotFit, match=re.escape(message)):
        compile_graph(graph(), CONFIG)


def test_networks_of_other_accelerators_are_refused() -> None:
    for seed in range(6):
        with pytest.raises(AssayError):
            compile_graph(random_network(seed), CONFIGS["tiny"])
