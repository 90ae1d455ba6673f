"""The check of a quantised graph's numbers: every factor and every sum must fit the integer arithmetic."""

from __future__ import annotations

import numpy as np

from golden.arithmetic import INT32_MAX, add_parameters, conv_parameters, quantisation_of
from golden.binary import is_binary
from golden.ir import Add, Conv2D, FullyConnected, Graph, GraphError, Node


def check_integers(graph: Graph) -> None:
    """Raises GraphError where a scale cannot be expressed or an accumulator could leave int32.

    Binary products have no scale to express; golden checks their sums."""
    for node in graph.nodes:
        if graph.tensor(node.output).quantisation is None or is_binary(graph, node):
            continue
        if isinstance(node.operator, Conv2D | FullyConnected):
            conv_parameters(graph, node)
            _check_accumulator(graph, node)
        elif isinstance(node.operator, Add):
            _check_add(graph, node)


def _check_add(graph: Graph, node: Node) -> None:
    try:
        add_parameters(graph, node)
    except ValueError as error:
        raise GraphError(f"{graph.name}: node {node.name!r}: {error}") from None


def _check_accumulator(graph: Graph, node: Node) -> None:
    source = quantisation_of(graph, node.inputs[0])
    largest_input = max(source.zero_point - source.low, source.high - source.zero_point)
    weights = graph.constants[node.inputs[1]].astype(np.int64)
    sums = np.abs(weights).reshape(len(weights), -1).sum(axis=1) * largest_input
    if len(node.inputs) > 2 and node.inputs[2]:
        sums += np.abs(graph.constants[node.inputs[2]].astype(np.int64))
    if sums.max(initial=0) > INT32_MAX:
        reach = int(sums.max())
        raise GraphError(f"{graph.name}: node {node.name!r}: an accumulator can reach {reach}, beyond int32")
