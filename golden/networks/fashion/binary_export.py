"""Writes the binary network as ONNX in the manner of QONNX.

Every layer: its product with weights of -1 and +1, the pool that follows it, batch norm, BipolarQuant (+scale where
x >= 0, else -scale). Weights are stored as int8, cast and sent through a BipolarQuant of their own; the image goes
through a Quant of 8 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from golden.networks.fashion import binary_topology
from golden.networks.fashion.onnx_nodes import BatchNorm, Emitted
from golden.networks.fashion.topology import IMAGE, Convolution, FullyConnected

DOMAIN = "qonnx.custom_op.general"
IMAGE_BITS = 8


@dataclass(frozen=True)
class BinaryLayer:
    """weight: int8 of -1 and +1, (out, in, kernel, kernel) or (out, in)."""

    weight: NDArray[np.int8]
    norm: BatchNorm


def write_onnx(path: Path, name: str, layers: Mapping[str, BinaryLayer]) -> None:
    """Write the checked model from the parameters of its layers by name."""
    graph = Emitted(domains=(DOMAIN,))
    graph.constant("bipolar.scale", np.float32(1))
    current = _emit_image(graph)
    *hidden, last = binary_topology.weighted()
    for layer in hidden:
        normed = _emit_normed(graph, layer, layers[layer.name], current, f"{layer.name}.normed")
        pool = binary_topology.pool_of(layer)
        current = _emit_sign(graph, normed, pool.name if pool else layer.name, f"{layer.name}.sign")
    graph.write(path, name, _emit_normed(graph, last, layers[last.name], current, last.name), {})


def _emit_image(graph: Emitted) -> str:
    """Its real values are whole multiples of 1/128 in [-1, 1)."""
    scale = graph.constant("image.scale", np.float32(2.0 ** (1 - IMAGE_BITS)))
    zero = graph.constant("image.zero_point", np.float32(0))
    bits = graph.constant("image.bits", np.float32(IMAGE_BITS))
    inputs, kind = [IMAGE, scale, zero, bits], {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
    return graph.node("Quant", inputs, "image.quantised", "image.quant", domain=DOMAIN, **kind)


def _emit_sign(graph: Emitted, source: str, output: str, name: str) -> str:
    return graph.node("BipolarQuant", [source, "bipolar.scale"], output, name, domain=DOMAIN)


def _emit_normed(
    graph: Emitted,
    layer: Convolution | FullyConnected,
    parameters: BinaryLayer,
    source: str,
    output: str,
) -> str:
    """Product, pool and batch norm of one layer. Sums that a pool reads have the layer's name, since the sign of what
    it makes has the pool's."""
    name, pool = layer.name, binary_topology.pool_of(layer)
    weight, sums = _emit_weight(graph, name, parameters.weight), name if pool else f"{name}.sums"
    if isinstance(layer, FullyConnected):
        flat = graph.node("Flatten", [source], f"{name}.flat", f"{name}.flatten", axis=1)
        current = graph.node("Gemm", [flat, weight], sums, name, transB=1)
    else:
        sizes = {"kernel_shape": [layer.kernel] * 2, "pads": [layer.kernel // 2] * 4}
        current = graph.node("Conv", [source, weight], sums, name, **sizes)
    if pool:
        window = [pool.window] * 2
        pooled = f"{pool.name}.sums"
        current = graph.node("MaxPool", [current], pooled, pool.name, kernel_shape=window, strides=window)
    return graph.norm(name, current, output, parameters.norm)


def _emit_weight(graph: Emitted, layer: str, weight: NDArray[np.int8]) -> str:
    stored = graph.constant(f"{layer}.bits", weight)
    real = graph.node("Cast", [stored], f"{layer}.real", f"{layer}.cast", to=TensorProto.FLOAT)
    return _emit_sign(graph, real, f"{layer}.weight", f"{layer}.weight.sign")
