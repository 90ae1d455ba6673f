"""How many bits each feature map and each layer's weights get, and which maps are quantised alike."""

from __future__ import annotations

from collections.abc import Mapping

from golden.ir import ONE_QUANTISATION, Conv2D, FullyConnected, Graph, Node

END_BITS = 8
"""Of the input, the output and the map that the last layer reads, however narrow the others are."""


def sources(graph: Graph) -> dict[str, str]:
    """For every feature map the first one of those that are quantised alike with it.

    Pools, reshapes, slices and pads do not rescale. Nor do concatenations, so that all maps they join share one
    quantisation, together with those that another concatenation joins to one of them."""
    maps = (*graph.inputs, *(node.output for node in graph.nodes))
    order = {name: index for index, name in enumerate(maps)}
    parents = {name: name for name in maps}
    for node in graph.nodes:
        if isinstance(node.operator, ONE_QUANTISATION):
            roots = [_root(parents, name) for name in node.inputs]
            parents.update(dict.fromkeys((*roots, node.output), min(roots, key=order.__getitem__)))
    return {name: _root(parents, name) for name in parents}


def _root(parents: dict[str, str], name: str) -> str:
    while parents[name] != name:
        name = parents[name]
    return name


def activation_bits(graph: Graph, bits: int, prescribed: Mapping[str, int] | None = None) -> dict[str, int]:
    """Bits of every feature map where `bits` are asked for.

    With 4, these keep 8: the inputs, the outputs, and what a layer making an output reads. A map that is
    quantised alike with one of them is as wide. prescribed: of maps whose bits are known otherwise."""
    source = sources(graph)
    results = {source[name] for name in graph.outputs}
    last = (node for node in graph.nodes if isinstance(node.operator, Conv2D | FullyConnected))
    read = {source[node.inputs[0]] for node in last if source[node.output] in results}
    wide = {source[name] for name in graph.inputs} | results | read
    widths = dict.fromkeys(source.values(), bits) | dict.fromkeys(wide, END_BITS)
    widths |= {source[name]: known for name, known in (prescribed or {}).items() if name in source}
    return {name: widths[origin] for name, origin in source.items()}


def weight_bits(activations: dict[str, int], node: Node, end_weights: int) -> int:
    """Weights are as wide as the map they meet; in the first and last layer of a 4-bit network, whose maps
    have 8 bits, `end_weights` wide."""
    return min(activations[node.inputs[0]], end_weights)
