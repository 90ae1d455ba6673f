"""Execute a graph node by node: the definition of what each operator of the IR means.

Every tensor has bits, scale and zero point of its own, so precisions mix freely. The leading dimension of the
inputs is the batch: a graph made for one image runs on any number of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from golden import arithmetic, binary, ops
from golden.arithmetic import quantisation_of
from golden.check import check, check_values
from golden.ir import (
    Add,
    Array,
    BatchNorm,
    Concat,
    Conv2D,
    FullyConnected,
    Graph,
    GraphError,
    Node,
    Pad,
    Pool2D,
    Relu,
    Reshape,
    Sign,
    Slice,
)

# Images run in groups whose largest map has about this many elements: temporaries stay near the caches.
GROUP_ELEMENTS = 1 << 18


def run(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The values of every input and of every node's output by tensor name, for inputs of shape (n, ...).

    int8 arrays for 1 to 8 bits, int32 for 32, float32 for float tensors. Raises GraphError on an illegal graph and on
    inputs that do not fit it."""
    check(graph)
    check_inputs(graph, inputs)
    images = len(inputs[graph.inputs[0]])
    largest = max(math.prod(graph.tensor(node.output).shape[1:]) for node in graph.nodes)
    size = max(1, GROUP_ELEMENTS // largest)
    groups = [
        _run_group(graph, {name: values[first : first + size] for name, values in inputs.items()})
        for first in range(0, images, size)
    ]
    return {name: np.concatenate([group[name] for group in groups]) for name in groups[0]}


def _run_group(graph: Graph, inputs: dict[str, Array]) -> dict[str, Array]:
    values = dict(inputs)
    for node in graph.nodes:
        values[node.output] = run_node(graph, node, values)
    return values


def run_node(graph: Graph, node: Node, values: Mapping[str, Array]) -> Array:
    """One node's output from the values of the maps it reads; weights come from the graph's constants."""
    maps = [values[name] for name in node.inputs if name in values]
    if isinstance(node.operator, Reshape | Concat | Slice | Pad):
        return _moved(graph, node, node.operator, maps)
    if graph.tensor(node.output).quantisation is None:
        return _run_float(graph, node, maps)
    return _run_integer(graph, node, values, maps)


def accumulate(graph: Graph, node: Node, values: Mapping[str, Array]) -> ops.Accumulators:
    """int32 accumulators, bias included, of an integer convolution or fully connected node."""
    x = values[node.inputs[0]]
    weights, bias = _weights_and_bias(graph, node)
    zero_point = quantisation_of(graph, node.inputs[0]).zero_point
    try:
        match node.operator:
            case Conv2D(stride=stride, padding=padding, padding_value=value):
                return ops.accumulate_convolution(x, weights, bias, zero_point, stride, padding, value)
            case FullyConnected():
                return ops.accumulate_fully_connected(x, weights, bias, zero_point)
    except OverflowError as error:
        raise GraphError(f"{graph.name}: node {node.name!r}: {error}") from None
    raise GraphError(f"{graph.name}: node {node.name!r} has no accumulators")


def _moved(graph: Graph, node: Node, operator: Reshape | Concat | Slice | Pad, maps: list[Array]) -> Array:
    """What operators do that only move values; the same for integers and floats."""
    match operator:
        case Reshape():
            return maps[0].reshape(maps[0].shape[0], *graph.tensor(node.output).shape[1:])
        case Concat():
            return np.concatenate(maps, axis=3)
        case Slice(begin, end, stride):
            return ops.strided_slice(maps[0], begin, end, stride)
        case Pad(before, after):
            quantisation = graph.tensor(node.output).quantisation
            return ops.pad_channels(maps[0], before, after, quantisation.zero_point if quantisation else 0)


def _run_integer(graph: Graph, node: Node, values: Mapping[str, Array], maps: list[Array]) -> Array:
    match node.operator:
        case Conv2D() | FullyConnected():
            return _after_product(graph, node, accumulate(graph, node, values))
        case Add():
            return arithmetic.add(maps[0], maps[1], arithmetic.add_parameters(graph, node))
        case Pool2D(kind, kernel, stride, padding):
            if len(node.inputs) == 2:
                minimum = graph.constants[node.inputs[1]]
                return binary.pool(maps[0], minimum, kernel, stride, padding)
            pool = ops.max_pool if kind == "max" else ops.average_pool
            return pool(maps[0], kernel, stride, padding)
    raise GraphError(f"{graph.name}: node {node.name!r}: {type(node.operator).__name__} is for float graphs")


def _after_product(graph: Graph, node: Node, accumulators: ops.Accumulators) -> Array:
    """A product's output from its accumulators: requantised, or of a binary product bits or scores."""
    if not binary.is_binary(graph, node):
        return arithmetic.requantise(accumulators, arithmetic.conv_parameters(graph, node))
    if quantisation_of(graph, node.output).bits == 1:
        return binary.threshold(accumulators, *(graph.constants[name] for name in node.inputs[2:]))
    return binary.scores(accumulators, *(graph.constants[name] for name in node.inputs[2:]))


def _run_float(graph: Graph, node: Node, maps: list[Array]) -> Array:
    match node.operator:
        case Conv2D() | FullyConnected():
            return _run_float_product(graph, node, maps[0])
        case Add(activation):
            return ops.float_activation(maps[0] + maps[1], activation)
        case Pool2D(kind, kernel, stride, padding):
            pool = ops.max_pool if kind == "max" else ops.float_average_pool
            return pool(maps[0], kernel, stride, padding)
        case BatchNorm(epsilon):
            gamma, beta, mean, variance = (graph.constants[name] for name in node.inputs[1:])
            return ops.batch_norm(maps[0], gamma, beta, mean, variance, epsilon)
        case Relu(limit):
            return np.clip(maps[0], np.float32(0), None if limit is None else np.float32(limit))
        case Sign(scale):
            return ops.sign(maps[0], scale)
    raise GraphError(f"{graph.name}: node {node.name!r} is of no known kind")


def _run_float_product(graph: Graph, node: Node, x: Array) -> Array:
    weights, bias = _weights_and_bias(graph, node)
    match node.operator:
        case Conv2D(stride, padding, activation, padding_value):
            result = ops.convolve(x, weights, stride, padding, padding_value)
        case FullyConnected(activation):
            result = ops.float_fully_connected(x, weights)
    return ops.float_activation(result if bias is None else result + bias, activation)


def _weights_and_bias(graph: Graph, node: Node) -> tuple[Array, Array | None]:
    bias = node.inputs[2] if len(node.inputs) > 2 and not binary.is_binary(graph, node) else ""
    return graph.constants[node.inputs[1]], graph.constants[bias] if bias else None


def check_inputs(graph: Graph, inputs: Mapping[str, Array]) -> None:
    """Raises GraphError unless inputs are the graph's and no others, each (n, ...) of its shape and type."""
    if set(inputs) != set(graph.inputs):
        raise GraphError(f"{graph.name}: inputs given {sorted(inputs)}, needed {sorted(graph.inputs)}")
    for name, values in inputs.items():
        tensor = graph.tensor(name)
        if values.ndim != len(tensor.shape) or values.shape[1:] != tensor.shape[1:]:
            raise GraphError(
                f"{graph.name}: input {name!r} is {values.shape}, needed {('n', *tensor.shape[1:])}"
            )
        check_values(graph, name, values)
    sizes = {len(values) for values in inputs.values()}
    if len(sizes) != 1 or 0 in sizes:
        raise GraphError(f"{graph.name}: inputs have batch sizes {sorted(sizes)}, needed one size above zero")
