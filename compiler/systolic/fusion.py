"""Which add or pool runs in one layer with the convolution before it, so that the values never leave the
datapath."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.systolic.windows import covers_all, tileable
from golden.ir import Add, Conv2D, FullyConnected, Graph, Node, Pool2D
from rtl.systolic.config import Config


@dataclass(frozen=True)
class Fusion:
    """The node `product` runs in one layer with the add or pool it is fused with."""

    product: str


def fusions(graph: Graph, aliases: dict[str, str], config: Config) -> dict[str, Fusion]:
    """By the name of the add or pool. A convolution can be fused when nothing else reads its output."""
    found: dict[str, Fusion] = {}
    for node in graph.nodes:
        producer = _candidate(graph, aliases, node, config)
        if producer is not None:
            found[node.name] = Fusion(producer.name)
    return found


def _candidate(graph: Graph, aliases: dict[str, str], node: Node, config: Config) -> Node | None:
    match node.operator:
        case Add():
            operands = [_private_producer(graph, aliases, name) for name in node.inputs]
            ready = [producer for producer in operands if producer is not None]
            same = aliases[node.inputs[0]] == aliases[node.inputs[1]]
            # The later one: the other operand is there by then, and its own map dies soonest.
            return max(ready, key=graph.nodes.index) if ready and not same else None
        case Pool2D(_, kernel, stride, padding):
            producer = _private_producer(graph, aliases, node.inputs[0])
            _, height, width, _ = graph.tensor(node.inputs[0]).shape
            fits = covers_all((height, width), kernel, stride, padding) and tileable(
                (height, width), kernel, stride, config.bank_accumulators
            )
            return producer if fits else None
    return None


def _private_producer(graph: Graph, aliases: dict[str, str], tensor: str) -> Node | None:
    """The convolution or fully connected node that makes a tensor which one node alone reads."""
    producer = graph.producer(tensor)
    if producer is None or not isinstance(producer.operator, Conv2D | FullyConnected):
        return None
    readers = [node for node in graph.nodes if any(aliases.get(name) == tensor for name in node.inputs)]
    is_output = any(aliases[name] == tensor for name in graph.outputs)
    return producer if len(readers) == 1 and not is_output else None
