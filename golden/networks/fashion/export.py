"""Writes a network as ONNX from its parameters, with what the quantiser should know as metadata.

Metadata: ``assay.range.<tensor>`` is "minimum,maximum" of an activation; ``assay.bits.<tensor>`` is the width
of an activation or of a weight initializer where a network prescribes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from golden.networks.fashion import topology
from golden.networks.fashion.onnx_nodes import Array, BatchNorm, Emitted
from golden.networks.fashion.topology import (
    Convolution,
    FullyConnected,
    GlobalAveragePooling,
    Layer,
    MaxPooling,
    ResidualAdd,
)


@dataclass(frozen=True)
class Parameters:
    """Weights of one layer: a bias or, for a convolution, batch norm."""

    weight: Array
    bias: Array | None = None
    norm: BatchNorm | None = None


def write_onnx(
    path: Path, name: str, parameters: Mapping[str, Parameters], metadata: Mapping[str, str]
) -> None:
    """Write the checked model; the final tensor of every layer carries the layer's name."""
    graph = Emitted()
    for layer in topology.LAYERS:
        _emit(graph, layer, parameters)
    graph.write(path, name, topology.classifier().name, metadata)


def _emit(graph: Emitted, layer: Layer, parameters: Mapping[str, Parameters]) -> None:
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


def _emit_convolution(graph: Emitted, layer: Convolution, parameters: Parameters) -> None:
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
        current = graph.norm(layer.name, current, outputs.pop(0), parameters.norm)
    if layer.relu:
        graph.node("Relu", [current], outputs.pop(0), f"{layer.name}.relu")


def _emit_fully_connected(graph: Emitted, layer: FullyConnected, parameters: Parameters) -> None:
    if parameters.bias is None:
        raise ValueError(f"{layer.name}: a fully connected layer needs a bias")
    flat = graph.node("Flatten", [layer.source], f"{layer.name}.flat", f"{layer.name}.flatten", axis=1)
    weight = graph.constant(f"{layer.name}.weight", parameters.weight)
    bias = graph.constant(f"{layer.name}.bias", parameters.bias)
    graph.node("Gemm", [flat, weight, bias], layer.name, layer.name, transB=1)
