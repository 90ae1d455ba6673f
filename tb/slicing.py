"""Part of a graph as a graph of its own, fed with golden tensors: how layers are run without those before
them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from compiler.errors import UnknownName
from compiler.program import Program
from golden.ir import Graph, Node


def slice_layers(graph: Graph, program: Program, layers: str) -> Graph:
    """The nodes of layers a:b (numbers in the layer table, b excluded; either may be missing) or of one
    layer by number or name. Raises UnknownName."""
    chosen = program.layers[_range([layer.name for layer in program.layers], layers)]
    names = {node for layer in chosen for node in layer.nodes}
    numbers = [number for number, node in enumerate(graph.nodes) if node.name in names]
    return subgraph(graph, graph.nodes[min(numbers) : max(numbers) + 1])


def slice_nodes(graph: Graph, layers: str) -> Graph:
    """The same by the graph's nodes, for an accelerator that cannot run all of them. Raises UnknownName."""
    return subgraph(graph, graph.nodes[_range([node.name for node in graph.nodes], layers)])


def subgraph(graph: Graph, nodes: tuple[Node, ...]) -> Graph:
    """These nodes alone: what they read from others are inputs, what others or nobody reads are outputs."""
    made = {node.output for node in nodes}
    read = dict.fromkeys(name for node in nodes for name in node.inputs if name)
    inputs = tuple(name for name in read if name not in made and name not in graph.constants)
    inside = {node.name for node in nodes}
    outside = {name for node in graph.nodes if node.name not in inside for name in node.inputs}
    outputs = tuple(name for name in made if name in outside or name not in read or name in graph.outputs)
    constants = {name: graph.constants[name] for name in read if name in graph.constants}
    kept = {name: graph.tensors[name] for name in (*read, *made)}
    order = tuple(node.output for node in nodes if node.output in outputs)
    return replace(graph, inputs=inputs, outputs=order, nodes=nodes, constants=constants, tensors=kept)


def layer_number(program: Program, layer: str) -> int:
    """The place in the layer table of a layer by number or name. Raises UnknownName."""
    found = range(len(program.layers))[_range([each.name for each in program.layers], layer)]
    if len(found) != 1:
        raise UnknownName(f"--layer {layer} is not one layer")
    return found[0]


def _range(names: Sequence[str], layers: str) -> slice:
    first, colon, last = layers.partition(":")
    if not colon and first in names:
        number = names.index(first)
        return slice(number, number + 1)
    try:
        start = int(first) if first else 0
        stop = (int(last) if last else len(names)) if colon else start + 1
    except ValueError:
        raise UnknownName(f"--layers {layers} is neither a:b nor the name of a layer") from None
    if not 0 <= start < stop <= len(names):
        raise UnknownName(f"--layers {layers} is no part of 0:{len(names)}, the layers there are")
    return slice(start, stop)
