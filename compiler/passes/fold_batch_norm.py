"""Fold batch norm: its factor into the weights of the product before it, its offset into the bias."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.errors import UnsupportedOperator
from compiler.passes.rewrite import fresh, replaced, sole_producer, with_constants
from golden.ir import BatchNorm, Conv2D, FullyConnected, Graph, Node


def fold_batch_norm(graph: Graph) -> Graph:
    """The same function without batch norm. Raises UnsupportedOperator where one cannot be folded."""
    for node in graph.nodes:
        if isinstance(node.operator, BatchNorm):
            graph = _folded(graph, node, node.operator)
    return graph


def _folded(graph: Graph, norm: Node, operator: BatchNorm) -> Graph:
    product = sole_producer(graph, norm.inputs[0])
    if product is None or not _is_linear(product):
        raise UnsupportedOperator(
            "batch norm, or a constant factor or addend, must follow a convolution or fully connected layer "
            "whose output nothing else reads",
            file=graph.name,
            node=norm.name,
            operator="BatchNorm",
        )
    gamma, beta, mean, variance = (graph.constants[name].astype(np.float64) for name in norm.inputs[1:])
    factor = gamma / np.sqrt(variance + operator.epsilon)
    weights = graph.constants[product.inputs[1]].astype(np.float64)
    bias = graph.constants[product.inputs[2]] if len(product.inputs) > 2 and product.inputs[2] else 0.0
    constants = {
        fresh(graph.tensors, f"{product.name}.folded_weights"): weights * _by_row(factor, weights.ndim),
        fresh(graph.tensors, f"{product.name}.folded_bias"): beta + (bias - mean) * factor,
    }
    with np.errstate(over="ignore"):
        graph = with_constants(graph, {name: array.astype(np.float32) for name, array in constants.items()})
    folded = replace(product, inputs=(product.inputs[0], *constants), output=norm.output)
    return replaced(graph, {product.name: folded, norm.name: None})


def _is_linear(node: Node) -> bool:
    return isinstance(node.operator, Conv2D | FullyConnected) and not node.operator.activation


def _by_row(factor: np.ndarray, dimensions: int) -> np.ndarray:
    return factor.reshape(-1, *[1] * (dimensions - 1))
