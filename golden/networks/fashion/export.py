"""Writes a network as ONNX from its parameters, with what the quantiser should know as metadata.

Metadata: ``assay.range.<tensor>`` is "minimum,maximum" of an activation; ``assay.bits.<tensor>`` is the width
of an activation or of a weight initializer where a network prescribes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from golden.networks.fashion import topology
from golden.networks.fashion.topology import (
    Convolution,
    FullyConnected,
    GlobalAveragePooling,
    Layer,
    MaxPooling,
    ResidualAdd,
)

OPSET = 17
IR_VERSION = 8
"""The version that came with opset 17, so that older readers take the file."""

Array = NDArray[np.float32]


@dataclass(frozen=True)
class BatchNorm:
    """Inference parameters of one batch norm, one value a channel."""

    gain: Array
    offset: Array
    mean: Array
    variance: Array
    epsilon: float


@dataclass(frozen=True)
class Parameters:
    """Weights of one layer: a bias or, for a convolution, batch norm."""

    weight: Array
    bias: Array | None = None
    norm: BatchNorm | None = None


@dataclass
class _Graph:
    """Nodes and initializers in the order they are emitted."""

    nodes: list[NodeProto] = field(default_factory=list)
    initializers: list[TensorProto] = field(default_factory=list)

    def constant(self, name: str, values: Array) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name, **attributes))
        return output


def write_onnx(
    path: Path, name: str, parameters: Mapping[str, Parameters], metadata: Mapping[str, str]
) -> None:
    """Write the checked model; the final tensor of every layer carries the layer's name."""
    graph = _Graph()
    for layer in topology.LAYERS:
        _emit(graph, layer, parameters)
    inputs, outputs = [_value(topology.IMAGE)], [_value(topology.classifier().name)]
    model = helper.make_model(
        helper.make_graph(graph.nodes, name, inputs, outputs, graph.initializers),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="assay",
    )
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _value(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, *topology.shapes()[name]))


def _emit(graph: _Graph, layer: Layer, parameters: Mapping[str, Parameters]) -> None:
    name = layer.name
    match layer:
        case Convolution():
            _emit_convolution(graph, layer, parameters[name])
        case MaxPooling():
            window = [layer.window] * 2
            graph.node("MaxPool", [layer.source], name, name, kernel_shape=window, strides=window)
        case ResidualAdd():
            graph.node("Add", [layer.left, layer.right], f"{name}.sum", name)
            graph.node("Relu", [f"{name}.sum"], name, f"{name}.relu")
        case GlobalAveragePooling():
            graph.node("GlobalAveragePool", [layer.source], name, name)
        case FullyConnected():
            _emit_fully_connected(graph, layer, parameters[name])


def _emit_convolution(graph: _Graph, layer: Convolution, parameters: Parameters) -> None:
    stages = ["conv"] + ["bn"] * (parameters.norm is not None) + ["relu"] * layer.relu
    outputs = [f"{layer.name}.{stage}" for stage in stages[:-1]] + [layer.name]
    inputs = [layer.source, graph.constant(f"{layer.name}.weight", parameters.weight)]
    if parameters.bias is not None:
        inputs.append(graph.constant(f"{layer.name}.bias", parameters.bias))
    current = graph.node(
        "Conv",
        inputs,
        outputs.pop(0),
        layer.name,
        kernel_shape=[layer.kernel] * 2,
        strides=[layer.stride] * 2,
        pads=[layer.kernel // 2] * 4,
    )
    if parameters.norm is not None:
        current = _emit_norm(graph, layer.name, current, outputs.pop(0), parameters.norm)
    if layer.relu:
        graph.node("Relu", [current], outputs.pop(0), f"{layer.name}.relu")


def _emit_norm(graph: _Graph, name: str, source: str, output: str, norm: BatchNorm) -> str:
    values = {"gain": norm.gain, "offset": norm.offset, "mean": norm.mean, "variance": norm.variance}
    constants = [graph.constant(f"{name}.bn.{key}", array) for key, array in values.items()]
    return graph.node("BatchNormalization", [source, *constants], output, f"{name}.bn", epsilon=norm.epsilon)


def _emit_fully_connected(graph: _Graph, layer: FullyConnected, parameters: Parameters) -> None:
    if parameters.bias is None:
        raise ValueError(f"{layer.name}: a fully connected layer needs a bias")
    flat = graph.node("Flatten", [layer.source], f"{layer.name}.flat", f"{layer.name}.flatten", axis=1)
    weight = graph.constant(f"{layer.name}.weight", parameters.weight)
    bias = graph.constant(f"{layer.name}.bias", parameters.bias)
    graph.node("Gemm", [flat, weight, bias], layer.name, layer.name, transB=1)
