"""ONNX front end: a float network, or a QONNX one, to the IR.

ONNX keeps maps NCHW, the IR NHWC. Shapes and weights are turned here, once. A map flattened by ONNX runs
channel by channel, in the IR pixel by pixel: columns of a fully connected layer that reads one are reordered.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from onnx import TensorProto

from compiler.errors import (
    AssayError,
    DynamicShape,
    IllegalGraph,
    MalformedFile,
    UnsupportedOperator,
    UnsupportedType,
)
from compiler.frontends.loaded import Loaded, Range, read_file
from compiler.frontends.onnx_builder import MOST_ELEMENTS, Builder
from compiler.frontends.onnx_format import InputRecord, ModelRecord, NodeRecord, decode
from compiler.frontends.onnx_operators import translate
from compiler.frontends.qonnx import without_quantisers
from golden.check import check
from golden.ir import GraphError, Tensor

RANGE_KEY = "assay.range."
TRAILING_HOST_OPERATORS = ("Softmax", "LogSoftmax")


def load_onnx(path: str | Path) -> Loaded:
    """Graph and activation ranges of a float .onnx file, operator sets 9 to 22; a symbolic batch becomes 1.

    Of a QONNX file also bits of maps and weights (`qonnx.py`); the graph has its weights as real values.
    Ranges are metadata of the file: `assay.range.<tensor>` is "least,greatest". Raises an AssayError that
    names file, node and rule."""
    try:
        return load_onnx_bytes(read_file(path), Path(path).stem)
    except AssayError as error:
        raise error.in_file(str(path)) from None


def load_onnx_bytes(data: bytes, name: str) -> Loaded:
    """The same from a file's bytes, for a graph of the given name. Raises an AssayError without a file."""
    try:
        return _load(decode(data), name)
    except GraphError as error:
        raise IllegalGraph(str(error)) from None


def _load(model: ModelRecord, name: str) -> Loaded:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UnsupportedOperator(
            f"has {len(model.inputs)} inputs and {len(model.outputs)} outputs, must have one of each"
        )
    taken = without_quantisers(model)
    model, host_operators = _without_host_operators(taken.model)
    build = Builder(model, _image(model.inputs[0]))
    for node in model.nodes:
        translate(build, node)
    graph = build.graph(name)
    check(graph)
    stated = _ranges(model) | taken.ranges
    ranges = {tensor: value for tensor, value in stated.items() if tensor in graph.tensors}
    return Loaded(graph, ranges, host_operators, taken.prescribed)


def _without_host_operators(model: ModelRecord) -> tuple[ModelRecord, tuple[str, ...]]:
    """The model up to what a trailing Softmax reads, and what was cut off."""
    cut: list[str] = []
    while last := _trailing(model):
        nodes = tuple(node for node in model.nodes if node is not last)
        model = replace(model, nodes=nodes, outputs=last.inputs[:1])
        cut.append(last.kind)
    return model, tuple(cut)


def _trailing(model: ModelRecord) -> NodeRecord | None:
    made = [node for node in model.nodes if model.outputs[0] in node.outputs]
    usable = len(made) == 1 and made[0].kind in TRAILING_HOST_OPERATORS and made[0].inputs
    return made[0] if usable else None


def _image(record: InputRecord) -> Tensor:
    """The input tensor in IR layout."""
    which = f"input '{record.name}' of {record.shape}"
    if record.element_type != TensorProto.FLOAT:
        raise UnsupportedType(f"{which} has element type {record.element_type}, must be float32")
    if len(record.shape) != 4:
        raise UnsupportedOperator(f"{which} must be (n, channels, height, width)")
    batch, channels, height, width = record.shape
    if channels is None or height is None or width is None or min(channels, height, width) < 1:
        raise DynamicShape(f"{which} is dynamic: only the batch may be")
    if batch not in (None, 0, 1):
        raise DynamicShape(f"{which} has a batch of {batch}, must be symbolic or 1")
    if math.prod((channels, height, width)) > MOST_ELEMENTS:
        raise MalformedFile(f"{which} has over {MOST_ELEMENTS} elements")
    return Tensor(record.name, (1, height, width, channels))


def _ranges(model: ModelRecord) -> dict[str, Range]:
    found = {key: text for key, text in model.metadata.items() if key.startswith(RANGE_KEY)}
    return {model.resolved(key.removeprefix(RANGE_KEY)): _range(key, text) for key, text in found.items()}


def _range(key: str, text: str) -> Range:
    try:
        least, greatest = (float(part) for part in text.split(","))
    except ValueError:
        raise MalformedFile(f"metadata {key} is '{text}', must be two numbers") from None
    if not (math.isfinite(least) and math.isfinite(greatest) and least <= greatest):
        raise MalformedFile(f"metadata {key} is '{text}', must be a least and a greatest finite number")
    return least, greatest
