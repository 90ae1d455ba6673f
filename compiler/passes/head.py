"""The head of a float network: constants that its file multiplies the image by, or adds, before anything else.

A host does that to pixels; the accelerator begins with what comes of it, which a binary network quantises.
"""

from __future__ import annotations

from dataclasses import replace

from compiler.passes.rewrite import swept
from golden.ir import BatchNorm, Graph, Node


def without_head(graph: Graph) -> tuple[Graph, Graph | None]:
    """The graph behind its head, its input under the name of the head's output, and the head, if there is one."""
    head: list[Node] = []
    (name,) = graph.inputs
    while (node := _reader(graph, name)) is not None and isinstance(node.operator, BatchNorm):
        head.append(node)
        name = node.output
    if not head:
        return graph, None
    taken = {node.name for node in head}
    body = graph.with_nodes(tuple(node for node in graph.nodes if node.name not in taken))
    front = replace(graph.with_nodes(tuple(head)), outputs=(name,))
    return swept(replace(body, inputs=(name,))), swept(front)


def _reader(graph: Graph, tensor: str) -> Node | None:
    """The only node that reads a tensor, which is no output."""
    readers = list(graph.consumers(tensor))
    return readers[0] if len(readers) == 1 and tensor not in graph.outputs else None
