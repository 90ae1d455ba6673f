"""How many bits each feature map and each layer's weights get."""

from __future__ import annotations

from golden.ir import FullyConnected, Graph, Node, Pool2D, Reshape


def sources(graph: Graph) -> dict[str, str]:
    """For every feature map the one whose quantisation it shares: pools and reshapes do not rescale."""
    found = {name: name for name in graph.inputs}
    for node in graph.nodes:
        shares = isinstance(node.operator, Pool2D | Reshape)
        found[node.output] = found[node.inputs[0]] if shares else node.output
    return found


def activation_bits(graph: Graph, bits: int) -> dict[str, int]:
    """Bits of every feature map where `bits` are asked for.

    With 4, these keep 8: the inputs, the outputs, and what a fully connected layer making an output reads.
    A map that reaches one of them through pools and reshapes shares its quantisation, so is as wide."""
    source = sources(graph)
    wide = {source[name] for name in (*graph.inputs, *graph.outputs)}
    for node in graph.nodes:
        if isinstance(node.operator, FullyConnected) and _makes_output(graph, source, node):
            wide.add(source[node.inputs[0]])
    return {name: 8 if origin in wide else bits for name, origin in source.items()}


def _makes_output(graph: Graph, source: dict[str, str], node: Node) -> bool:
    return node.output in {source[name] for name in graph.outputs}


def weight_bits(activations: dict[str, int], node: Node) -> int:
    """Weights are as wide as the map they meet: 8 in the first and last layer of a 4-bit network."""
    return activations[node.inputs[0]]
