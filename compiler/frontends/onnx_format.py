"""The ONNX container: a protobuf to plain records. Constants decoded, aliases resolved, dead nodes dropped.

No code of the onnx package that trusts its input (checker, shape inference) is run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types
from onnx import AttributeProto, TensorProto, numpy_helper

from compiler.errors import AssayError, MalformedFile, UnsupportedOperator, UnsupportedType
from golden.ir import Array

OPSETS = range(9, 23)
MOST_NODES = 20_000
MOST_ELEMENTS = 1 << 28
MOST_DIMENSIONS = 8

DATA_TYPES = (
    TensorProto.FLOAT,
    TensorProto.FLOAT16,
    TensorProto.DOUBLE,
    TensorProto.INT8,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.BOOL,
)
INTEGER_TYPES = (TensorProto.INT8, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL)
ONNX_DOMAINS = ("", "ai.onnx")
ALIASES = ("Identity", "Dropout")

Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | Array


@dataclass(frozen=True)
class NodeRecord:
    """One node; an absent optional input is ''. attributes holds the types that assay reads, by name."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True)
class InputRecord:
    """A graph input: None for each dimension that is symbolic or absent."""

    name: str
    element_type: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class ModelRecord:
    """nodes leave out constants, aliases and what no output needs; aliases: other names of a tensor."""

    opset: int
    inputs: tuple[InputRecord, ...]
    outputs: tuple[str, ...]
    nodes: tuple[NodeRecord, ...]
    constants: dict[str, Array]
    aliases: dict[str, str]
    metadata: dict[str, str]

    def resolved(self, name: str) -> str:
        """The tensor that `name` stands for."""
        return self.aliases.get(name, name)

    def readers(self, name: str) -> int:
        """How many nodes and outputs read a tensor."""
        return sum(node.inputs.count(name) for node in self.nodes) + self.outputs.count(name)


def decode(data: bytes) -> ModelRecord:
    """Plain records of an .onnx file's bytes. Raises an AssayError without the file's name."""
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise MalformedFile(f"is no ONNX protobuf, or a damaged one: {error}") from None
    if not model.graph.node:
        raise MalformedFile("is no ONNX model: its graph has no nodes")
    if len(model.graph.node) > MOST_NODES:
        raise MalformedFile(f"has {len(model.graph.node)} nodes, at most {MOST_NODES}")
    return _live(_records(model, _opset(model)))


def _opset(model: onnx.ModelProto) -> int:
    versions = [entry.version for entry in model.opset_import if _text(entry.domain) in ONNX_DOMAINS]
    if len(versions) != 1:
        raise MalformedFile("must import the ONNX operator set once")
    if versions[0] not in OPSETS:
        raise UnsupportedOperator(f"uses operator set {versions[0]}, must be {OPSETS[0]} to {OPSETS[-1]}")
    return int(versions[0])


def _records(model: onnx.ModelProto, opset: int) -> ModelRecord:
    graph = model.graph
    constants = {_text(tensor.name): _array(tensor) for tensor in graph.initializer}
    aliases: dict[str, str] = {}
    nodes: list[NodeRecord] = []
    for node in _named(tuple(_node(proto) for proto in graph.node)):
        node = replace(node, inputs=tuple(aliases.get(name, name) for name in node.inputs))
        if node.kind == "Constant":
            constants[_sole_output(node)] = _constant(node)
        elif node.kind == "ConstantOfShape" and node.inputs and node.inputs[0] in constants:
            constants[_sole_output(node)] = _filled(node, constants)
        elif node.kind == "Cast" and node.inputs[:1] and node.inputs[0] in constants:
            constants[_sole_output(node)] = _cast(node, constants[node.inputs[0]])
        elif node.kind in ALIASES:
            aliases[_sole_output(node)] = _alias(node)
        else:
            nodes.append(node)
    if sum(values.size for values in constants.values()) > MOST_ELEMENTS:
        raise MalformedFile(f"has constants of over {MOST_ELEMENTS} elements")
    inputs = tuple(_input(value) for value in graph.input if _text(value.name) not in constants)
    outputs = tuple(aliases.get(name, name) for name in (_text(value.name) for value in graph.output))
    metadata = {_text(entry.key): _text(entry.value) for entry in model.metadata_props}
    return ModelRecord(opset, inputs, outputs, tuple(nodes), constants, aliases, metadata)


def _cast(node: NodeRecord, values: Array) -> Array:
    """A constant of another type: floats are kept as float32, integers as int64."""
    target = node.attributes.get("to")
    if target not in DATA_TYPES or (target in INTEGER_TYPES and values.dtype == np.float32):
        rule = f"cast of {values.dtype} to element type {target}: to float, or of integers, is supported"
        raise UnsupportedType(rule, node=node.name, operator=node.kind)
    return values.astype(np.int64 if target in INTEGER_TYPES else np.float32)


def _named(nodes: tuple[NodeRecord, ...]) -> tuple[NodeRecord, ...]:
    """Every node with a name of its own: its kind and position where the file gives none."""
    taken: set[str] = set()
    named = []
    for index, node in enumerate(nodes):
        name = node.name if node.name and node.name not in taken else f"{node.kind.lower()}_{index}"
        while name in taken:
            name += "_"
        taken.add(name)
        named.append(replace(node, name=name))
    return tuple(named)


def _node(proto: onnx.NodeProto) -> NodeRecord:
    name, kind, domain = _text(proto.name), _text(proto.op_type), _text(proto.domain)
    kind = kind if domain in ONNX_DOMAINS else f"{domain}.{kind}"
    try:
        attributes = {_text(attribute.name): _attribute(attribute) for attribute in proto.attribute}
    except AssayError as error:
        raise type(error)(error.rule, node=name, operator=kind) from None
    inputs, outputs = (tuple(_text(item) for item in names) for names in (proto.input, proto.output))
    return NodeRecord(name, kind, inputs, outputs, attributes)


def _text(value: str | bytes) -> str:
    """A string of the file; protobuf gives one that is not valid UTF-8 as bytes."""
    return value if isinstance(value, str) else value.decode("utf-8", errors="replace")


def _attribute(proto: AttributeProto) -> Attribute:
    match proto.type:
        case AttributeProto.INT:
            return int(proto.i)
        case AttributeProto.FLOAT:
            return float(proto.f)
        case AttributeProto.STRING:
            return proto.s.decode("utf-8", errors="replace")
        case AttributeProto.INTS:
            return tuple(int(value) for value in proto.ints)
        case AttributeProto.FLOATS:
            return tuple(float(value) for value in proto.floats)
        case AttributeProto.TENSOR:
            return _array(proto.t)
    raise UnsupportedOperator(f"attribute '{_text(proto.name)}' is of a type that is not supported")


def _array(tensor: TensorProto) -> Array:
    """The values of a constant: every float type as float32, every integer as int64."""
    name, shape = _text(tensor.name), tuple(tensor.dims)
    if tensor.data_location == TensorProto.EXTERNAL:
        raise UnsupportedType(f"tensor '{name}' is stored in another file")
    if tensor.data_type not in DATA_TYPES:
        raise UnsupportedType(f"tensor '{name}' has element type {tensor.data_type}: float or integer needed")
    if any(extent < 0 for extent in shape) or math.prod(shape) > MOST_ELEMENTS:
        raise MalformedFile(f"tensor '{name}' has a shape of {shape}")
    try:
        values = numpy_helper.to_array(tensor)
    # Deliberately every exception: the reader documents none for data that does not suit the shape.
    except Exception:
        raise MalformedFile(f"tensor '{name}' of shape {shape} has data of another size") from None
    wide = np.float32 if np.issubdtype(values.dtype, np.floating) else np.int64
    with np.errstate(over="ignore", invalid="ignore"):
        values = values.astype(wide)
    if not np.isfinite(values).all():
        raise MalformedFile(f"tensor '{name}' has values that are not finite")
    return values


def _constant(node: NodeRecord) -> Array:
    """The value of a Constant node."""
    if len(node.attributes) != 1:
        raise MalformedFile("must have one value", node=node.name, operator=node.kind)
    (value,) = node.attributes.values()
    if isinstance(value, str):
        raise UnsupportedType("is a string", node=node.name, operator=node.kind)
    values = np.asarray(value)
    return values.astype(np.float32 if np.issubdtype(values.dtype, np.floating) else np.int64)


def _filled(node: NodeRecord, constants: dict[str, Array]) -> Array:
    """One value in a constant shape. It takes no memory until it is used."""
    value = node.attributes.get("value", np.zeros(1, np.float32))
    if not isinstance(value, np.ndarray) or value.size != 1:
        raise MalformedFile("attribute 'value' must be one number", node=node.name, operator=node.kind)
    extents = constants[node.inputs[0]].reshape(-1)
    shape = tuple(int(extent) for extent in extents[: MOST_DIMENSIONS + 1])
    if len(shape) > MOST_DIMENSIONS or min(shape, default=0) < 0 or math.prod(shape) > MOST_ELEMENTS:
        raise MalformedFile(f"makes a tensor of {shape}", node=node.name, operator=node.kind)
    return np.broadcast_to(value.reshape(()), shape)


def _alias(node: NodeRecord) -> str:
    if not node.inputs or not node.inputs[0]:
        raise MalformedFile("has no input", node=node.name, operator=node.kind)
    return node.inputs[0]


def _sole_output(node: NodeRecord) -> str:
    if not node.outputs or not node.outputs[0]:
        raise MalformedFile("has no output", node=node.name, operator=node.kind)
    return node.outputs[0]


def _input(value: onnx.ValueInfoProto) -> InputRecord:
    tensor: Any = value.type.tensor_type
    shape = tuple(int(size.dim_value) if size.HasField("dim_value") else None for size in tensor.shape.dim)
    return InputRecord(_text(value.name), tensor.elem_type, shape)


def _live(model: ModelRecord) -> ModelRecord:
    """The model without nodes that no output needs."""
    needed, kept = set(model.outputs), []
    for node in reversed(model.nodes):
        if needed.intersection(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    return replace(model, nodes=tuple(reversed(kept)))
