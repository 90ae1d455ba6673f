"""Fuse activation: ReLU or ReLU6 becomes part of the convolution, fully connected layer or add before it."""

from __future__ import annotations

from dataclasses import replace

from compiler.errors import UnsupportedOperator
from compiler.passes.rewrite import replaced, sole_producer
from golden.ir import Add, Conv2D, FullyConnected, Graph, Node, Relu

ACTIVATIONS = {None: "relu", 6.0: "relu6"}


def fuse_activation(graph: Graph) -> Graph:
    """The same function without separate ReLUs. Raises UnsupportedOperator where one cannot be fused."""
    for node in graph.nodes:
        if isinstance(node.operator, Relu):
            graph = _fused(graph, node, node.operator)
    return graph


def _fused(graph: Graph, relu: Node, operator: Relu) -> Graph:
    producer = sole_producer(graph, relu.inputs[0])
    if producer is None or not isinstance(producer.operator, Add | Conv2D | FullyConnected):
        raise UnsupportedOperator(
            "must follow a convolution, fully connected layer or add whose output nothing else reads",
            file=graph.name,
            node=relu.name,
            operator="Relu",
        )
    activation = _combined(producer.operator.activation, ACTIVATIONS[operator.limit])
    fused = replace(producer, operator=replace(producer.operator, activation=activation), output=relu.output)
    return replaced(graph, {producer.name: fused, relu.name: None})


def _combined(first: str, second: str) -> str:
    """ReLU after ReLU is ReLU; with a ReLU6 among them, ReLU6."""
    return "relu6" if "relu6" in (first, second) else second
