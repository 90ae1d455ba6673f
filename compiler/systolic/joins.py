"""Concatenations and pads: which maps are made in their place within a wider one, and what has to be moved there."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.passes.rewrite import fresh
from compiler.systolic.operations import Map, Move, View
from golden.ir import Add, Concat, Graph, Node, Pad

Views = Mapping[str, tuple[View, ...]]


def views(graph: Graph, aliases: Mapping[str, str]) -> dict[str, tuple[View, ...]]:
    """By tensor, the wider maps that it is made in: concatenations that alone read it, from the narrowest to the
    widest."""
    found: dict[str, tuple[View, ...]] = {}
    for node in reversed(graph.nodes):
        if isinstance(node.operator, Concat):
            for name, first in _places(graph, node):
                if _made_in_place(graph, aliases, name):
                    found[name] = within(graph, found, node.output, first)
    return found


def within(graph: Graph, known: Views, whole: str, first: int) -> tuple[View, ...]:
    """Views of channels from `first` on of the tensor `whole`, and of what that is made in itself."""
    outer = known.get(whole, ())
    widest = (View(view.tensor, view.channels, view.first + first) for view in outer)
    return (View(whole, graph.tensor(whole).shape[-1], first), *widest)


def _places(graph: Graph, node: Node) -> list[tuple[str, int]]:
    """(input, its first channel) of a concatenation."""
    places, first = [], 0
    for name in node.inputs:
        places.append((name, first))
        first += graph.tensor(name).shape[-1]
    return places


def _made_in_place(graph: Graph, aliases: Mapping[str, str], name: str) -> bool:
    """A map that a node makes and only one input of one node reads. Not that of an add, whose operand and
    result have one geometry."""
    producer = graph.producer(name)
    if producer is None or aliases[name] != name or isinstance(producer.operator, Add):
        return False
    readings = [each for node in graph.nodes for each in node.inputs if aliases.get(each) == name]
    return len(readings) == 1 and all(aliases[output] != name for output in graph.outputs)


def joined(graph: Graph, known: Views, node: Node, maps: Mapping[str, Map]) -> tuple[Move, ...]:
    """The inputs of a concatenation that do not stand in their places already. maps: by input."""
    return tuple(
        Move(maps[name], _part(graph, known, node.output, first, maps[name].channels))
        for name, first in _places(graph, node)
        if name not in known
    )


def padded(graph: Graph, known: Views, node: Node, source: Map) -> tuple[Move, ...]:
    """The source in its place, and zero points in the channels before and behind it."""
    assert isinstance(node.operator, Pad)
    quantisation = graph.tensor(node.output).quantisation
    assert quantisation is not None
    before, after, zero = node.operator.before, node.operator.after, quantisation.zero_point
    behind = before + source.channels
    filled = ((0, before), (behind, after))
    return (
        Move(source, _part(graph, known, node.output, before, source.channels)),
        *(
            Move(source, _part(graph, known, node.output, first, count), fill=zero)
            for first, count in filled
            if count
        ),
    )


def _part(graph: Graph, known: Views, whole: str, first: int, channels: int) -> Map:
    _, height, width, _ = graph.tensor(whole).shape
    name = fresh(graph.tensors, f"{whole}[{first}:{first + channels}]")
    return Map(name, height, width, channels, within(graph, known, whole, first))
