"""Multiply-accumulates of a network: convolutions and fully connected layers, padding products included."""

from __future__ import annotations

import math

from golden.ir import Conv2D, FullyConnected, Graph, Node


def macs(graph: Graph) -> int:
    """Multiply-accumulates of one image."""
    return sum(node_macs(graph, node) for node in graph.nodes)


def node_macs(graph: Graph, node: Node) -> int:
    """Multiply-accumulates of one node; 0 for operators other than convolution and fully connected layer."""
    if not isinstance(node.operator, Conv2D | FullyConnected):
        return 0
    return math.prod(graph.tensor(node.output).shape) * math.prod(graph.tensor(node.inputs[1]).shape[1:])
