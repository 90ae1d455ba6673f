"""Small edits of a graph that several passes share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from golden.ir import Array, Graph, Node, Tensor


def sole_producer(graph: Graph, tensor: str) -> Node | None:
    """The node that makes a tensor which only one node, and no output, reads."""
    readers = sum(node.inputs.count(tensor) for node in graph.nodes)
    if readers != 1 or tensor in graph.outputs:
        return None
    return graph.producer(tensor)


def replaced(graph: Graph, changes: dict[str, Node | None]) -> Graph:
    """The graph with nodes, by their present names, exchanged or (None) removed; the order stays."""
    nodes = (changes.get(node.name, node) for node in graph.nodes)
    return swept(graph.with_nodes(tuple(node for node in nodes if node is not None)))


def with_constants(graph: Graph, constants: dict[str, Array]) -> Graph:
    """The graph with float constants added or exchanged."""
    tensors = {name: Tensor(name, values.shape) for name, values in constants.items()}
    return replace(graph, tensors=graph.tensors | tensors, constants=graph.constants | constants)


def swept(graph: Graph) -> Graph:
    """The graph without tensors and constants that nothing uses."""
    used = set(graph.inputs) | set(graph.outputs)
    for node in graph.nodes:
        used.update(node.inputs, (node.output,))
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name in used}
    constants = {name: values for name, values in graph.constants.items() if name in used}
    return replace(graph, tensors=tensors, constants=constants)


def fresh(taken: Iterable[str], name: str) -> str:
    """The name, with a number behind it where it is taken."""
    names, candidate, count = set(taken), name, 1
    while candidate in names:
        candidate, count = f"{name}#{count}", count + 1
    return candidate
