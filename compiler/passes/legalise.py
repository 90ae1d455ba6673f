"""Legalise: bring what networks say in several ways into the one way that later passes know.

A window that has one position along an axis gets stride 1 there. A ReLU behind a max pool, a reshape, a slice
or a pad moves in front of it, where it can be fused; the values stay the same, because these and ReLU commute.
Two slices in a row, one an axis as exporters write them, become one.
"""

from __future__ import annotations

from dataclasses import replace

from compiler.passes.rewrite import fresh, replaced, sole_producer
from golden.ir import Conv2D, Graph, Node, Pad, Pool2D, Relu, Reshape, Slice, Tensor


def legalise(graph: Graph) -> Graph:
    """The same function, in the form that later passes expect; float and quantised graphs."""
    graph = replaced(graph, {node.name: _with_least_stride(graph, node) for node in graph.nodes})
    while moved := _with_one_relu_moved(graph):
        graph = moved
    for node in graph.nodes:
        if isinstance(node.operator, Slice):
            graph = _with_slices_merged(graph, node.name, node.operator)
    return graph


def _with_least_stride(graph: Graph, node: Node) -> Node:
    if not isinstance(node.operator, Conv2D | Pool2D):
        return node
    _, height, width, _ = graph.tensor(node.output).shape
    vertical, horizontal = node.operator.stride
    stride = (1 if height == 1 else vertical, 1 if width == 1 else horizontal)
    # With stride 1 a window of one position must not find a second one: the map ends where the window does.
    if _positions(graph, node, stride) != (height, width):
        return node
    return replace(node, operator=replace(node.operator, stride=stride))


def _positions(graph: Graph, node: Node, stride: tuple[int, int]) -> tuple[int, int]:
    operator = node.operator
    assert isinstance(operator, Conv2D | Pool2D)
    kernel = operator.kernel if isinstance(operator, Pool2D) else graph.tensor(node.inputs[1]).shape[1:3]
    _, height, width, _ = graph.tensor(node.inputs[0]).shape
    top, left, bottom, right = operator.padding
    return (
        (height + top + bottom - kernel[0]) // stride[0] + 1,
        (width + left + right - kernel[1]) // stride[1] + 1,
    )


def _with_slices_merged(graph: Graph, name: str, operator: Slice) -> Graph:
    """The graph with a slice and the one in front of it as one, where nothing else reads that one."""
    node = next(node for node in graph.nodes if node.name == name)
    before = sole_producer(graph, node.inputs[0])
    if before is None or not isinstance(before.operator, Slice):
        return graph
    merged = replace(node, operator=_merged(before.operator, operator), inputs=before.inputs)
    return replaced(graph, {name: merged, before.name: None})


def _merged(first: Slice, second: Slice) -> Slice:
    """second(first(x)) as one."""
    begin, end, stride = [0, 0], [0, 0], [0, 0]
    for axis in (0, 1):
        step = first.stride[axis]
        begin[axis] = first.begin[axis] + second.begin[axis] * step
        end[axis] = min(first.end[axis], first.begin[axis] + (second.end[axis] - 1) * step + 1)
        stride[axis] = step * second.stride[axis]
    return Slice((begin[0], begin[1]), (end[0], end[1]), (stride[0], stride[1]))


def _with_one_relu_moved(graph: Graph) -> Graph | None:
    for node in graph.nodes:
        before = sole_producer(graph, node.inputs[0]) if isinstance(node.operator, Relu) else None
        if before is not None and _commutes(before):
            return _swapped(graph, before, node)
    return None


def _commutes(node: Node) -> bool:
    return isinstance(node.operator, Reshape | Slice | Pad) or (
        isinstance(node.operator, Pool2D) and node.operator.kind == "max"
    )


def _swapped(graph: Graph, before: Node, relu: Node) -> Graph:
    """relu(before(x)) as before(relu(x))."""
    name = fresh(graph.tensors, f"{relu.output}.before")
    tensors = graph.tensors | {name: Tensor(name, graph.tensor(before.inputs[0]).shape)}
    early = replace(relu, inputs=before.inputs, output=name)
    late = replace(before, inputs=(name,), output=relu.output)
    return replaced(replace(graph, tensors=tensors), {before.name: early, relu.name: late})
