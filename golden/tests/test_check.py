"""Each rule of a legal graph: a graph that breaks it is refused with a message that names node or tensor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from golden.check import check
from golden.ir import (
    Add,
    Array,
    BatchNorm,
    Concat,
    Conv2D,
    Graph,
    GraphError,
    Node,
    Operator,
    Pad,
    Pool2D,
    Quantisation,
    Relu,
    Slice,
    Tensor,
)
from golden.tests.residual_network import residual_network


def with_tensor(name: str, /, **changes: object) -> Graph:
    graph = residual_network()
    tensor = replace(graph.tensor(name), **changes)  # type: ignore[arg-type]  # a test may give a wrong type
    return replace(graph, tensors={**graph.tensors, name: tensor})


def with_constant(name: str, values: Array) -> Graph:
    graph = residual_network()
    return replace(graph, constants={**graph.constants, name: values})


def with_node(index: int, **changes: object) -> Graph:
    graph = residual_network()
    nodes = list(graph.nodes)
    nodes[index] = replace(nodes[index], **changes)  # type: ignore[arg-type]  # a test may give a wrong type
    return graph.with_nodes(tuple(nodes))


def one_scale(scale: float, zero_point: int = 0, bits: int = 8) -> Quantisation:
    return Quantisation((scale,), zero_point, bits)


def float_map(graph: Graph, name: str) -> Graph:
    return replace(graph, tensors={**graph.tensors, name: Tensor(name, graph.tensor(name).shape)})


def test_a_legal_graph_passes() -> None:
    check(residual_network())


VALID_WINDOW = ((2, 2), (2, 2))
WEIGHTS = residual_network().constants["w"]
BROKEN = {
    "unknown input": (with_node(1, inputs=("c", "nothing")), "'add' reads 'nothing'"),
    "wrong order": (
        residual_network().with_nodes(residual_network().nodes[::-1]),
        "'dense' reads 'r', which nothing before it makes",
    ),
    "made twice": (with_node(1, output="c"), "'add' makes 'c', which is there already"),
    "output of no node": (replace(residual_network(), outputs=("f2",)), "output 'f2' is made by no node"),
    "undeclared input": (replace(residual_network(), inputs=("x", "q")), "no tensor named 'q'"),
    "name of its own": (with_tensor("c", name="d"), "'c' calls itself 'd'"),
    "empty dimension": (with_tensor("c", shape=(1, 0, 7, 3)), "every size must be at least 1"),
    "declared shape": (with_tensor("c", shape=(1, 9, 7, 4)), "'conv': makes (1, 9, 7, 3)"),
    "channels": (with_tensor("x", shape=(1, 9, 7, 4)), "input channels must agree"),
    "features": (with_tensor("r", shape=(1, 3, 5)), "'reshape': reshape of"),
    "too few inputs": (with_node(1, inputs=("c",)), "Add has 1 inputs"),
    "map as weights": (with_node(0, inputs=("x", "x", "b")), "input 1 ('x') must be a constant"),
    "constant as map": (with_node(1, inputs=("c", "f")), "input 1 ('f') must be a map"),
    "activation": (with_node(0, operator=Conv2D(padding=(1, 1, 1, 1), activation="tanh")), "'tanh'"),
    "stride": (with_node(0, operator=Conv2D((0, 1), (1, 1, 1, 1))), "out of range"),
    "negative padding": (with_node(0, operator=Conv2D((1, 1), (1, 1, -1, 1))), "out of range"),
    "kernel": (with_node(3, operator=Pool2D("average", (6, 2), (2, 2))), "does not fit"),
    "pool kind": (with_node(3, operator=Pool2D("median", *VALID_WINDOW)), "'median'"),
    "pool padding": (
        with_node(3, operator=Pool2D("max", *VALID_WINDOW, (2, 0, 0, 0))),
        "smaller than kernel",
    ),
    "constant shape": (with_constant("w", WEIGHTS[:2]), "constant 'w' is (2, 3, 3, 3)"),
    "constant dtype": (with_constant("w", WEIGHTS.astype(np.int32)), "int32, needed int8"),
    "constant bits": (with_tensor("w", quantisation=one_scale(0.002, bits=4)), "'w' leave int4"),
    "pool scales": (with_tensor("m", quantisation=one_scale(0.1)), "quantised alike"),
    "weight zero point": (with_tensor("w", quantisation=one_scale(0.002, 1)), "zero point 0"),
    "bias scale": (with_tensor("b", quantisation=one_scale(0.05, bits=32)), "bias scale"),
    "map bits": (with_tensor("c", quantisation=one_scale(0.05, bits=32)), "maps one scale"),
    "scales without axis": (with_tensor("w", quantisation=Quantisation((1.0, 2.0))), "2 scales and no axis"),
    "scales and channels": (
        with_tensor("w", quantisation=Quantisation((1.0, 2.0), 0, 8, 0)),
        "2 scales on axis 0",
    ),
    "axis": (
        with_tensor("w", quantisation=Quantisation((0.002,) * 3, 0, 8, 3)),
        "their scales on axis 0",
    ),
    "zero point per channel": (
        with_tensor("w", quantisation=Quantisation((0.002,) * 3, 1, 8, 0)),
        "a scale per channel needs zero point 0",
    ),
    "float among integers": (float_map(residual_network(), "c"), "integer and float"),
    "accumulator": (
        with_constant("b", np.full(3, (1 << 31) - 1, dtype=np.int32)),
        "'conv': accumulators can reach",
    ),
}


@pytest.mark.parametrize(("graph", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_graph_is_refused(graph: Graph, message: str) -> None:
    with pytest.raises(GraphError) as error:
        check(graph)
    assert message in str(error.value)


def test_relu_and_batch_norm_are_for_float_graphs() -> None:
    x, y = Tensor("x", (1, 4), one_scale(1.0)), Tensor("y", (1, 4), one_scale(1.0))
    node = Node("active", Relu(), ("x",), "y")
    with pytest.raises(GraphError, match="Relu is for float graphs"):
        check(Graph("g", ("x",), ("y",), {"x": x, "y": y}, (node,)))


@pytest.mark.parametrize(("operator", "shape"), [(Add(), (1, 5)), (BatchNorm(), (5,))])
def test_shapes_of_elementwise_operators(operator: Operator, shape: tuple[int, ...]) -> None:
    tensors = {"x": Tensor("x", (1, 4)), "y": Tensor("y", (1, 4)), "p": Tensor("p", shape)}
    constants: dict[str, Array] = {}
    inputs: tuple[str, ...] = ("x", "p")
    if isinstance(operator, BatchNorm):
        constants, inputs = {"p": np.ones(shape, np.float32)}, ("x", "p", "p", "p", "p")
    sources = tuple(name for name in ("x", "p") if name not in constants)
    graph = Graph("g", sources, ("y",), tensors, (Node("node", operator, inputs, "y"),), constants)
    with pytest.raises(GraphError, match=r"node 'node': .* of"):
        check(graph)


def one_operator(operator: Operator, *shapes: tuple[int, ...], made: tuple[int, ...] = (1, 4, 6, 3)) -> Graph:
    """Of maps x0, x1, ... quantised alike."""
    names = tuple(f"x{index}" for index in range(len(shapes)))
    tensors = {name: Tensor(name, shape, one_scale(0.5)) for name, shape in zip(names, shapes, strict=True)}
    tensors["y"] = Tensor("y", made, one_scale(0.5))
    return Graph("g", names, ("y",), tensors, (Node("node", operator, names, "y"),))


MAP = (1, 4, 6, 3)
JOINED = one_operator(Concat(), MAP, MAP, made=(1, 4, 6, 6))
MOVED = {
    "one map": (one_operator(Concat(), MAP), "Concat has 1 inputs, needed 2"),
    "heights": (one_operator(Concat(), MAP, (1, 5, 6, 3)), "heights and widths must be equal"),
    "vectors": (one_operator(Concat(), (1, 4), (1, 4)), "heights and widths must be equal"),
    "channels joined": (one_operator(Concat(), MAP, MAP), "makes (1, 4, 6, 6), its output is declared"),
    "scales joined": (
        replace(JOINED, tensors={**JOINED.tensors, "x1": Tensor("x1", MAP, one_scale(0.25))}),
        "inputs and output must be quantised alike",
    ),
    "empty slice": (one_operator(Slice((2, 0), (2, 6)), MAP), "slice (2, 0) to (2, 6) by (1, 1)"),
    "slice beyond": (one_operator(Slice((0, 0), (4, 7)), MAP), "out of range"),
    "slice before": (one_operator(Slice((-1, 0), (4, 6)), MAP), "out of range"),
    "slice stride": (one_operator(Slice((0, 0), (4, 6), (0, 1)), MAP), "out of range"),
    "slice of a vector": (one_operator(Slice((0, 0), (1, 1)), (1, 4)), "needs (n, height, width, channels)"),
    "slice shape": (one_operator(Slice((0, 0), (4, 6), (3, 2)), MAP), "makes (1, 2, 3, 3)"),
    "negative pad": (one_operator(Pad(-1, 1), MAP), "pad of (1, 4, 6, 3) by -1 and 1 channels"),
    "pad of a vector": (one_operator(Pad(1, 1), (1, 4)), "out of range"),
    "pad shape": (one_operator(Pad(1, 2), MAP), "makes (1, 4, 6, 6)"),
}


@pytest.mark.parametrize(("graph", "message"), MOVED.values(), ids=MOVED.keys())
def test_maps_joined_sliced_or_padded_wrongly_are_refused(graph: Graph, message: str) -> None:
    check(JOINED)
    with pytest.raises(GraphError) as error:
        check(graph)
    assert "node 'node'" in str(error.value) and message in str(error.value)


@pytest.mark.parametrize("values", [np.full((2, 4), np.nan), np.full((2, 4), np.inf)])
def test_float_constants_must_be_finite(values: Array) -> None:
    tensors = {"x": Tensor("x", (1, 4)), "w": Tensor("w", (2, 4)), "y": Tensor("y", (1, 2))}
    graph = Graph("g", ("x",), ("w",), tensors, (), {"w": values.astype(np.float32)})
    with pytest.raises(GraphError, match="'w' must be finite"):
        check(graph)
