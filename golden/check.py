"""Legality of a graph: names, order, shapes, quantisation and constants, each rule with its own message."""

from __future__ import annotations

import math

import numpy as np

from golden import check_binary
from golden.arithmetic import INT32_MAX, INT32_MIN
from golden.binary import is_binary
from golden.ir import (
    ONE_QUANTISATION,
    Add,
    Array,
    BatchNorm,
    Concat,
    Conv2D,
    FullyConnected,
    Graph,
    GraphError,
    Node,
    Operator,
    Pool2D,
    Quantisation,
    Relu,
    Sign,
    Tensor,
)
from golden.shapes import Shape, output_shape

ACTIVATIONS = ("", "relu", "relu6")
BIAS_SCALE_TOLERANCE = 1e-4


def check(graph: Graph) -> None:
    """Raises GraphError naming graph, node or tensor, and rule where the graph is not legal."""
    _check_tensors(graph)
    _check_constants(graph)
    ready = set(graph.inputs) | set(graph.constants)
    for node in graph.nodes:
        _check_order(graph, node, ready)
        _check_node(graph, node)
        ready.add(node.output)
    for name in graph.outputs:
        if name not in ready:
            raise GraphError(f"{graph.name}: output {name!r} is made by no node")


def _check_tensors(graph: Graph) -> None:
    for name, tensor in graph.tensors.items():
        if tensor.name != name:
            raise GraphError(f"{graph.name}: tensor {name!r} calls itself {tensor.name!r}")
        if any(size < 1 for size in tensor.shape):
            raise GraphError(
                f"{graph.name}: tensor {name!r} has shape {tensor.shape}, every size must be at least 1"
            )
        _check_scales(graph, tensor)
    for name in graph.inputs:
        graph.tensor(name)


def _check_scales(graph: Graph, tensor: Tensor) -> None:
    quantisation = tensor.quantisation
    if quantisation is None:
        return
    axis, scales = quantisation.axis, len(quantisation.scale)
    if axis is None and scales != 1:
        raise GraphError(f"{graph.name}: tensor {tensor.name!r} has {scales} scales and no axis")
    if axis is not None and (axis >= len(tensor.shape) or scales != tensor.shape[axis]):
        raise GraphError(
            f"{graph.name}: tensor {tensor.name!r} of {tensor.shape} has {scales} scales on axis {axis}"
        )
    if axis is not None and quantisation.zero_point != 0:
        raise GraphError(f"{graph.name}: tensor {tensor.name!r}: a scale per channel needs zero point 0")


def _check_constants(graph: Graph) -> None:
    for name, values in graph.constants.items():
        if values.shape != graph.tensor(name).shape:
            raise GraphError(
                f"{graph.name}: constant {name!r} is {values.shape}, its tensor {graph.tensor(name).shape}"
            )
        check_values(graph, name, values)


def check_values(graph: Graph, name: str, values: Array) -> None:
    """Raises GraphError unless values have the tensor's dtype and lie within its bits (float: are finite)."""
    quantisation = graph.tensor(name).quantisation
    needed = _dtype(quantisation)
    if values.dtype != needed:
        raise GraphError(f"{graph.name}: values of {name!r} are {values.dtype}, needed {np.dtype(needed)}")
    if quantisation is None:
        if not np.isfinite(values).all():
            raise GraphError(f"{graph.name}: values of {name!r} must be finite")
    elif values.size and (values.min() < quantisation.low or values.max() > quantisation.high):
        raise GraphError(f"{graph.name}: values of {name!r} leave int{quantisation.bits}")
    elif quantisation.bits == 1 and not values.all():
        raise GraphError(f"{graph.name}: values of {name!r} must be -1 or +1, one is 0")


def _dtype(quantisation: Quantisation | None) -> type[np.generic]:
    if quantisation is None:
        return np.float32
    return np.int32 if quantisation.bits == 32 else np.int8


def _check_order(graph: Graph, node: Node, ready: set[str]) -> None:
    for name in filter(None, node.inputs):
        if name not in ready:
            raise GraphError(
                f"{graph.name}: node {node.name!r} reads {name!r}, which nothing before it makes"
            )
    if node.output in ready:
        raise GraphError(f"{graph.name}: node {node.name!r} makes {node.output!r}, which is there already")


def _check_node(graph: Graph, node: Node) -> None:
    try:
        _check_inputs(graph, node)
        shapes = [graph.tensor(name).shape for name in node.inputs if name]
        _check_shape(node.operator, shapes, graph.tensor(node.output).shape)
        _check_quantisation(graph, node)
    except GraphError as error:
        raise GraphError(f"{graph.name}: node {node.name!r}: {error}") from None


def _check_inputs(graph: Graph, node: Node) -> None:
    """As many inputs as the operator takes, maps and constants each in their place."""
    least, most, maps = _arity(graph, node)
    if not least <= len(node.inputs) <= most or "" in node.inputs[:least]:
        raise GraphError(
            f"{type(node.operator).__name__} has {len(node.inputs)} inputs, needed {least} to {most}"
        )
    for index, name in enumerate(node.inputs):
        if name and (name in graph.constants) != (index >= maps):
            raise GraphError(f"input {index} ({name!r}) must be a {'map' if index < maps else 'constant'}")
    activation = getattr(node.operator, "activation", "")
    if activation not in ACTIVATIONS:
        raise GraphError(f"activation {activation!r} must be one of {ACTIVATIONS}")


def _arity(graph: Graph, node: Node) -> tuple[int, int, int]:
    """(fewest inputs, most inputs, maps among them)."""
    match node.operator:
        case Conv2D() | FullyConnected():
            return (*check_binary.inputs(graph, node), 1) if is_binary(graph, node) else (2, 3, 1)
        case Pool2D():
            return 1, 2, 1
        case Concat():
            # As many as it has; "" among them is refused like a missing input.
            return max(2, len(node.inputs)), max(2, len(node.inputs)), len(node.inputs)
        case Add():
            return 2, 2, 2
        case BatchNorm():
            return 5, 5, 1
        case _:
            return 1, 1, 1


def _check_shape(operator: Operator, shapes: list[Shape], declared: Shape) -> None:
    made = output_shape(operator, shapes)
    if made is None:
        if declared[:1] != shapes[0][:1] or math.prod(declared) != math.prod(shapes[0]):
            raise GraphError(f"reshape of {shapes[0]} to {declared}: batch and size must stay")
    elif made != declared:
        raise GraphError(f"makes {made}, its output is declared {declared}")


def _check_quantisation(graph: Graph, node: Node) -> None:
    quantisations = [graph.tensor(name).quantisation for name in (*node.inputs, node.output) if name]
    if all(quantisation is None for quantisation in quantisations):
        return
    known = [quantisation for quantisation in quantisations if quantisation is not None]
    if len(known) != len(quantisations):
        raise GraphError("integer and float tensors on one node")
    if isinstance(node.operator, BatchNorm | Relu | Sign):
        raise GraphError(f"{type(node.operator).__name__} is for float graphs")
    if is_binary(graph, node):
        check_binary.check_product(graph, node, known)
    elif isinstance(node.operator, Conv2D | FullyConnected):
        _check_product(node.operator, known)
        _check_accumulators(graph, node, known[0])
    else:
        _check_maps(graph, node, known)


def _check_maps(graph: Graph, node: Node, known: list[Quantisation]) -> None:
    """known: quantisation of the inputs and the output of an operator that is no product."""
    if isinstance(node.operator, Pool2D) and len(node.inputs) == 2:
        check_binary.check_minimum(graph, node, known)
        known = [known[0], known[-1]]
    check_binary.check_moved(node.operator, known)
    if any(quantisation.axis is not None for quantisation in known):
        raise GraphError("feature maps have one scale")
    if isinstance(node.operator, ONE_QUANTISATION) and len(set(known)) != 1:
        raise GraphError("inputs and output must be quantised alike")


def _check_product(operator: Conv2D | FullyConnected, known: list[Quantisation]) -> None:
    """known: quantisation of map, weights, bias where there is one, output."""
    source, weights, result = known[0], known[1], known[-1]
    if isinstance(operator, Conv2D) and operator.padding_value != 0:
        raise GraphError(f"padding value is {operator.padding_value}, must be 0 but for maps of one bit")
    if any(q.axis is not None for q in (source, result)) or any(
        q.bits not in (4, 8) for q in (source, weights, result)
    ):
        raise GraphError("feature maps and weights have 4 or 8 bits, maps one scale")
    if weights.axis not in (None, 0) or weights.zero_point != 0:
        raise GraphError("weights have zero point 0, and their scales on axis 0")
    if len(known) == 4:
        _check_bias(source, weights, known[2])


def _check_accumulators(graph: Graph, node: Node, source: Quantisation) -> None:
    """No input may take an accumulator out of int32: each product at its most unfavourable end."""
    weights = graph.constants[node.inputs[1]]
    rows = weights.reshape(weights.shape[0], -1)
    positive = np.maximum(rows, 0).sum(axis=1, dtype=np.int64)
    negative = np.minimum(rows, 0).sum(axis=1, dtype=np.int64)
    bias = graph.constants[node.inputs[2]].astype(np.int64) if "".join(node.inputs[2:]) else np.int64(0)
    low, high = source.low - source.zero_point, source.high - source.zero_point
    least = int((positive * low + negative * high + bias).min())
    greatest = int((positive * high + negative * low + bias).max())
    if least < INT32_MIN or greatest > INT32_MAX:
        raise GraphError(f"accumulators can reach {least}..{greatest}, which leaves int32")


def _check_bias(source: Quantisation, weights: Quantisation, bias: Quantisation) -> None:
    if bias.bits != 32 or bias.zero_point != 0:
        raise GraphError("bias has 32 bits and zero point 0")
    expected = source.scale[0] * np.array(weights.scale)
    if len(bias.scale) not in (1, len(expected)):
        raise GraphError(f"bias has {len(bias.scale)} scales, weights have {len(expected)}")
    if not np.allclose(bias.scale, expected, rtol=BIAS_SCALE_TOLERANCE, atol=0):
        raise GraphError("bias scale must be input scale times weight scale")
