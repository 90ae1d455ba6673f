"""Each rule of binary products and of one-bit maps: a graph that breaks it is refused, naming the node."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from golden.check import check
from golden.ir import (
    Add,
    Array,
    Conv2D,
    FullyConnected,
    Graph,
    GraphError,
    Node,
    Operator,
    Pad,
    Pool2D,
    Quantisation,
    Sign,
    Tensor,
)
from golden.run import run
from golden.tests.binary_layers import (
    FLAGS,
    LAYERS,
    PLAIN,
    Layer,
    binary_graph,
    float_graph,
    images,
    parameters,
)
from golden.tests.test_binary import with_scores

LAYER = LAYERS["pool before"]
GIVEN = parameters(LAYER)
BIT = Quantisation((1.0,), 0, 1)


def layer_graph(layer: Layer = LAYER) -> Graph:
    return binary_graph(layer, parameters(layer))


def typed(name: str, quantisation: Quantisation | None, graph: Graph | None = None) -> Graph:
    graph = graph or layer_graph()
    changed = replace(graph.tensor(name), quantisation=quantisation)
    return replace(graph, tensors=graph.tensors | {name: changed})


def valued(name: str, values: Array, graph: Graph | None = None) -> Graph:
    graph = graph or layer_graph()
    tensors = graph.tensors | {name: replace(graph.tensor(name), shape=values.shape)}
    return replace(graph, tensors=tensors, constants=graph.constants | {name: values})


def with_node(index: int, **changes: object) -> Graph:
    graph = layer_graph()
    nodes = list(graph.nodes)
    nodes[index] = replace(nodes[index], **changes)  # type: ignore[arg-type]  # a test may give a wrong type
    return graph.with_nodes(tuple(nodes))


def padded_with(value: int, layer: Layer) -> Graph:
    graph = layer_graph(layer)
    node = graph.nodes[0]
    assert isinstance(node.operator, Conv2D)
    return graph.with_nodes(
        (replace(node, operator=replace(node.operator, padding_value=value)), *graph.nodes[1:])
    )


def scores(factor: int, offset: int) -> Graph:
    layer, ones = LAYERS["fully connected"], np.ones(LAYERS["fully connected"].filters, np.int32)
    return with_scores(layer, ones * factor, ones * offset)


def alone(operator: Operator, shape: tuple[int, ...], made: tuple[int, ...], kind: Quantisation) -> Graph:
    tensors = {"x": Tensor("x", shape, kind), "y": Tensor("y", made, kind)}
    inputs = ("x", "x") if isinstance(operator, Add) else ("x",)
    return Graph("g", ("x",), ("y",), tensors, (Node("node", operator, inputs, "y"),))


def integer_padding() -> Graph:
    tensors = {
        "x": Tensor("x", (1, 4, 4, 2), Quantisation((1.0,))),
        "w": Tensor("w", (3, 3, 3, 2), Quantisation((1.0,))),
        "y": Tensor("y", (1, 4, 4, 3), Quantisation((1.0,))),
    }
    node = Node("conv", Conv2D(padding=(1, 1, 1, 1), padding_value=1), ("x", "w"), "y")
    return Graph("g", ("x",), ("y",), tensors, (node,), {"w": np.ones((3, 3, 3, 2), np.int8)})


THREE_INPUTS = layer_graph().nodes[0].inputs[:3]
BROKEN = {
    "zero among bits": (valued("product.0", GIVEN.weights * 0), "'product.0' must be -1 or +1"),
    "beyond a bit": (valued("product.0", GIVEN.weights * 2), "'product.0' leave int1"),
    "threshold missing": (with_node(0, inputs=THREE_INPUTS), "Conv2D has 3 inputs, needed 4 to 4"),
    "thresholds missing": (with_node(0, inputs=THREE_INPUTS[:2]), "Conv2D has 2 inputs, needed 4 to 4"),
    "four bits read": (typed("image", Quantisation((1.0,), 0, 4)), "a map of 1, 6 or 8 bits"),
    "zero point": (typed("image", Quantisation((1.0,), 1, 6)), "with zero point 0"),
    "bits made": (typed("product", Quantisation((1.0,), 0, 8)), "makes one bit or 32"),
    "scale per channel made": (
        typed("product", Quantisation((1.0,) * 16, 0, 1, 3)),
        "makes one bit or 32, with zero point 0 and one scale",
    ),
    "scales of weights": (typed("product.0", Quantisation((1.0,) * 5, 0, 1, 3)), "scales on axis 0"),
    "activation": (
        with_node(0, operator=Conv2D(padding=(1, 1, 1, 1), activation="relu")),
        "has no activation",
    ),
    "padding of two": (padded_with(2, LAYER), "padding value is 2, must be 0"),
    "padded numbers": (padded_with(1, LAYERS["six bits"]), "must be 0, or 1 or -1 for maps of one bit"),
    "padded integers": (integer_padding(), "padding value is 1, must be 0"),
    "threshold bits": (typed("product.1", Quantisation((0.5,), 0, 32)), "thresholds must have 32 bits"),
    "flip bits": (typed("product.2", Quantisation((1.0,), 1, 8)), "flips must have 8 bits"),
    "flip of two": (valued("product.2", np.full(16, 2, np.int8)), "flips must be 0 or 1"),
    "too few thresholds": (valued("product.1", np.zeros(15, np.int32)), "input 2 has shape (15,)"),
    "too few flips": (valued("product.2", np.zeros(15, np.int8)), "input 3 has shape (15,)"),
    "minimum of two": (valued("pool.0", np.full(16, 2, np.int8)), "minimum must be 0 or 1"),
    "too short a minimum": (valued("pool.0", np.ones(15, np.int8)), "minimum has shape (15,)"),
    "bits of minimum": (typed("pool.0", PLAIN, valued("pool.0", np.ones(16, np.int32))), "must have 8 bits"),
    "average": (with_node(1, operator=Pool2D("average", (2, 2), (2, 2))), "minimum is for the maximum"),
    "pooled alike": (typed("pool", Quantisation((2.0,), 0, 1)), "inputs and output must be quantised alike"),
    "factor": (scores(1 << 15, 0), "factors are 32768..32768, must fit 16 bits"),
    "negative factor": (scores(-(1 << 15) - 1, 0), "must fit 16 bits"),
    "score": (scores((1 << 15) - 1, (1 << 31) - 1), "scores can reach"),
    "low score": (scores(1, -(1 << 31)), "which leaves int32"),
    "offset bits": (typed("product.2", Quantisation((2.0,), 0, 32), scores(1, 0)), "offsets must have 32"),
    "average of bits": (
        alone(Pool2D("average", (2, 2), (2, 2)), (1, 4, 4, 2), (1, 2, 2, 2), BIT),
        "of feature maps of one bit only the maximum",
    ),
    "sum of bits": (alone(Add(), (1, 4), (1, 4), BIT), "of feature maps of one bit only the maximum"),
    "zeros beside bits": (alone(Pad(1, 1), (1, 4, 4, 2), (1, 4, 4, 4), BIT), "of feature maps of one bit"),
    "sum of scores": (alone(Add(), (1, 4), (1, 4), PLAIN), "maps of 32 bits can be reshaped only"),
    "sign of integers": (alone(Sign(), (1, 4), (1, 4), FLAGS), "Sign is for float graphs"),
}  # fmt: skip


@pytest.mark.parametrize(("graph", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_graph_is_refused(graph: Graph, message: str) -> None:
    with pytest.raises(GraphError) as error:
        check(graph)
    assert message in str(error.value)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())
def test_legal_graphs_pass(layer: Layer) -> None:
    check(binary_graph(layer, parameters(layer)))
    check(float_graph(layer, parameters(layer)))


def test_scores_up_to_the_end_of_int32_pass() -> None:
    fan_in = 6 * 7 * LAYERS["fully connected"].channels
    largest = (1 << 31) - 1
    check(scores(100, largest - 100 * fan_in))
    with pytest.raises(GraphError, match="scores can reach"):
        check(scores(100, largest - 100 * fan_in + 1))


@pytest.mark.parametrize("bits", [2, 5, 16])
def test_other_bits_are_refused(bits: int) -> None:
    with pytest.raises(GraphError, match=f"bits is {bits}, must be 1, 4, 6, 8 or 32"):
        Quantisation((1.0,), 0, bits)


def test_a_bit_has_no_zero_point() -> None:
    with pytest.raises(GraphError, match="one bit has zero point 0"):
        Quantisation((1.0,), 1, 1)


def test_an_input_of_zeros_is_no_bit() -> None:
    with pytest.raises(GraphError, match="'image' must be -1 or \\+1, one is 0"):
        run(layer_graph(), {"image": images(LAYER) * 0})


def test_an_input_beyond_six_bits_is_refused() -> None:
    layer = LAYERS["six bits"]
    with pytest.raises(GraphError, match="'image' leave int6"):
        run(layer_graph(layer), {"image": np.full((1, *layer.map[1:]), 32, np.int8)})


def test_a_fully_connected_layer_is_a_binary_product() -> None:
    graph = layer_graph(LAYERS["fully connected"])
    assert isinstance(graph.nodes[0].operator, FullyConnected)
    check(graph)
