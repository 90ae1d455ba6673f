"""What each supported ONNX operator becomes in the IR: one function an operator, listed in RULES."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from compiler.errors import AssayError, DynamicShape, IllegalGraph, MalformedFile, UnsupportedOperator
from compiler.frontends.onnx_affine import divide, multiply, normalised, subtract
from compiler.frontends.onnx_builder import Builder, Floats, attribute, inputs, only
from compiler.frontends.onnx_format import NodeRecord
from compiler.frontends.onnx_moves import concat, pad, strided_slice
from compiler.frontends.onnx_signs import bipolar, greater_or_equal, sign, where
from compiler.frontends.onnx_windows import (
    average_pool,
    convolution,
    global_average_pool,
    max_pool,
    reduce_mean,
)
from compiler.frontends.qonnx_quantiser import DOMAINS
from golden.ir import Add, BatchNorm, Conv2D, FullyConnected, GraphError, Relu, Reshape


def translate(build: Builder, node: NodeRecord) -> None:
    """Adds one node to the graph. Raises an AssayError that names the node and the rule it breaks."""
    try:
        if node.kind not in RULES:
            raise UnsupportedOperator("operator is not supported")
        if len(node.outputs) != 1 or not node.outputs[0]:
            raise UnsupportedOperator(f"has {len(node.outputs)} outputs, must have one")
        if not build.is_new(node.outputs[0]):
            raise MalformedFile(f"makes tensor '{node.outputs[0]}', which is there already")
        RULES[node.kind](build, node)
    except AssayError as error:
        raise type(error)(error.rule, node=node.name, operator=node.kind) from None
    except GraphError as error:
        raise IllegalGraph(str(error), node=node.name, operator=node.kind) from None


def _relu(build: Builder, node: NodeRecord) -> None:
    only(node)
    _activation(build, node, Relu())


def _activation(build: Builder, node: NodeRecord, operator: Relu) -> None:
    source = build.map(node.inputs[0] if node.inputs else "")
    build.make(node, operator, source)
    if source in build.flattened:
        build.flattened[node.outputs[0]] = build.flattened[source]


def _clip(build: Builder, node: NodeRecord) -> None:
    """Clip(0, 6) is ReLU6; limits are attributes before operator set 11."""
    only(node, "min", "max")
    limits = []
    for name, given in zip(("min", "max"), inputs(node, 1, 3)[1:], strict=True):
        value = build.constant(given, name).reshape(-1) if given else np.empty(0)
        limits.append(float(value[0]) if value.size else attribute(node, name, float("inf")))
    if limits == [0.0, float("inf")]:
        return _activation(build, node, Relu())
    if limits != [0.0, 6.0]:
        raise UnsupportedOperator(f"limits {limits} must be 0 and 6, or 0 and none")
    return _activation(build, node, Relu(6.0))


def _add(build: Builder, node: NodeRecord) -> None:
    only(node)
    left, right = inputs(node, 2, 2)
    for source, bias in ((left, right), (right, left)):
        if bias in build.model.constants:
            return _add_bias(build, node, source, build.floats_of_any_shape(bias, "addend"))
    names = build.map(left), build.map(right)
    layouts = [build.flattened.get(name) for name in names]
    if layouts[0] != layouts[1]:
        raise UnsupportedOperator("adds two vectors flattened from maps of different shapes")
    build.make(node, Add(), *names)
    if layouts[0] is not None:
        build.flattened[node.outputs[0]] = layouts[0]
    return None


def _add_bias(build: Builder, node: NodeRecord, source: str, addend: Floats) -> None:
    """A constant for each channel becomes the bias of the product that makes the map; any other is a batch norm."""
    source = build.map(source)
    maker = build.producer(source)
    if maker is None or not isinstance(maker.operator, Conv2D | FullyConnected) or len(maker.inputs) != 2:
        return normalised(build, node, source, beta=addend)
    shape = build.shape(source)
    channels = shape[-1]
    along = (channels, 1, 1) if len(shape) == 4 else (channels,)
    if tuple(addend.shape[-len(along) :]) != along or addend.size != channels:
        raise UnsupportedOperator(f"constant addend of {addend.shape} must have one value a channel")
    producer = build.take_producer(source)
    if not producer:
        raise UnsupportedOperator("adds a constant that cannot become the bias of a convolution before it")
    bias = build.keep(f"{node.name}.bias", addend.reshape(-1))
    return build.append(replace(producer, inputs=(*producer.inputs, bias), output=node.outputs[0]), shape)


def _batch_norm(build: Builder, node: NodeRecord) -> None:
    only(node, "epsilon", "momentum", "spatial", "training_mode")
    if attribute(node, "training_mode", 0) or not attribute(node, "spatial", 1):
        raise UnsupportedOperator("batch norm must be per channel, and not in training mode")
    names = inputs(node, 5, 5)
    source = build.map(names[0])
    if source in build.flattened:
        raise UnsupportedOperator("batch norm of a flattened map is not supported")
    parameters = [build.keep(name, build.floats(name, "parameter", 1)) for name in names[1:]]
    if float(build.floats(names[4], "variance", 1).min()) < 0:
        raise MalformedFile("has a negative variance")
    epsilon = attribute(node, "epsilon", 1e-5)
    if not 0 < epsilon < 1:
        raise MalformedFile(f"attribute 'epsilon' is {epsilon}")
    build.make(node, BatchNorm(epsilon), source, *parameters)


def _flatten(build: Builder, node: NodeRecord) -> None:
    only(node, "axis")
    source = build.map(inputs(node, 1, 1)[0])
    axis = attribute(node, "axis", 1)
    if axis not in (1, 1 - len(build.shape(source))):
        raise UnsupportedOperator(f"axis is {axis}, must be 1")
    _make_vector(build, node, source)


def _make_vector(build: Builder, node: NodeRecord, source: str) -> None:
    shape = build.shape(source)
    if len(shape) == 2:
        build.alias(node, source)
        return
    _, height, width, channels = shape
    build.make_shaped(node, Reshape(), (1, height * width * channels), source)
    if height * width > 1 and channels > 1:
        build.flattened[node.outputs[0]] = (channels, height, width)


def _reshape(build: Builder, node: NodeRecord) -> None:
    """Flattening, or no change at all; the target must be constant."""
    only(node, "allowzero")
    source, target = inputs(node, 2, 2)
    if target not in build.model.constants:
        raise DynamicShape(f"target shape '{target}' must be constant")
    source = build.map(source)
    shape = build.shape(source)
    onnx_shape = (shape[0], shape[3], *shape[1:3]) if len(shape) == 4 else shape
    wanted = _reshape_target(onnx_shape, tuple(int(x) for x in build.constant(target, "shape").reshape(-1)))
    if wanted == onnx_shape:
        build.alias(node, source)
    elif len(wanted) == 2:
        _make_vector(build, node, source)
    else:
        raise UnsupportedOperator(f"reshape of {onnx_shape} to {wanted} must flatten to (1, features)")


def _reshape_target(shape: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...]:
    """The target with 0 (as in the source) and -1 (what is left) filled in, batch 1."""
    if len(target) > 8 or any(not -1 <= extent < 1 << 31 for extent in target) or target.count(-1) > 1:
        raise MalformedFile(f"has a target shape of {target}")
    sizes = [
        shape[axis] if extent == 0 and axis < len(shape) else extent for axis, extent in enumerate(target)
    ]
    elements = math.prod(size for size in sizes if size != -1)
    if elements < 1 or (-1 in sizes and math.prod(shape) % elements):
        raise MalformedFile(f"reshapes {shape} to {target}")
    wanted = tuple(math.prod(shape) // elements if size == -1 else size for size in sizes)
    if wanted[:1] != (1,) or math.prod(wanted) != math.prod(shape):
        raise UnsupportedOperator(f"reshape of {shape} to {target} must keep the batch of 1 and the size")
    return wanted


def _gemm(build: Builder, node: NodeRecord) -> None:
    only(node, "alpha", "beta", "transA", "transB")
    if attribute(node, "transA", 0):
        raise UnsupportedOperator("transA must be 0")
    source, weights, bias = inputs(node, 2, 3)
    matrix = _scaled(build.floats(weights, "weights", 2), attribute(node, "alpha", 1.0))
    if not attribute(node, "transB", 0):
        matrix = matrix.T
    values = None
    if bias:
        values = _scaled(build.floats_of_any_shape(bias, "bias"), attribute(node, "beta", 1.0))
        if values.size not in (1, len(matrix)):
            raise UnsupportedOperator(f"bias of {values.shape} must have one value an output")
    _fully_connected(build, node, source, (weights, matrix), (bias, values))


def _scaled(values: Floats, factor: float) -> Floats:
    # A hostile factor gives infinities, which the check of the finished graph refuses.
    with np.errstate(over="ignore", invalid="ignore"):
        return values * np.float32(factor)


def _matmul(build: Builder, node: NodeRecord) -> None:
    only(node)
    source, weights = inputs(node, 2, 2)
    _fully_connected(build, node, source, (weights, build.floats(weights, "weights", 2).T), ("", None))


def _fully_connected(
    build: Builder,
    node: NodeRecord,
    source: str,
    weights: tuple[str, Floats],
    bias: tuple[str, Floats | None],
) -> None:
    """weights: (out, in) with `in` in ONNX order, turned to the IR's."""
    source = build.map(source)
    if len(build.shape(source)) != 2:
        raise UnsupportedOperator(f"input of {build.shape(source)} must be flattened before")
    name, matrix = weights
    layout = build.flattened.get(source)
    if layout is not None and matrix.shape[1] == math.prod(layout):
        matrix = matrix.reshape(-1, *layout).transpose(0, 2, 3, 1).reshape(matrix.shape)
    names = [build.keep(name, matrix)]
    if bias[1] is not None:
        names.append(build.keep(bias[0], np.broadcast_to(bias[1].reshape(-1), (len(matrix),))))
    build.make(node, FullyConnected(), source, *names)


Rule = Callable[[Builder, NodeRecord], None]
BIPOLAR: dict[str, Rule] = {f"{domain}.BipolarQuant": bipolar for domain in DOMAINS}
RULES: dict[str, Rule] = BIPOLAR | {
    "Add": _add,
    "AveragePool": average_pool,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Concat": concat,
    "Conv": convolution,
    "Div": divide,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GreaterOrEqual": greater_or_equal,
    "GlobalAveragePool": global_average_pool,
    "MatMul": _matmul,
    "MaxPool": max_pool,
    "Mul": multiply,
    "Pad": pad,
    "ReduceMean": reduce_mean,
    "Relu": _relu,
    "Reshape": _reshape,
    "Sign": sign,
    "Slice": strided_slice,
    "Sub": subtract,
    "Sum": _add,
    "Where": where,
}
