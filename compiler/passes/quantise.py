"""Quantise: a float graph and the ranges of its maps to integers of 8 or 4 bits.

Weights are symmetric, one scale an output channel, within [-127, 127] or [-7, 7]. Maps have one scale and a
zero point each; a range is widened to contain 0, which is then exact. A bias has 32 bits at input scale times
weight scale. Scales are rounded to float32, in which TFLite keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from compiler.errors import IllegalGraph, MissingRange
from compiler.frontends.loaded import Range
from compiler.passes.rewrite import fresh
from compiler.passes.widths import activation_bits, sources, weight_bits
from golden.ir import Array, Conv2D, FullyConnected, Graph, Node, Quantisation, Tensor

LARGEST_BIAS = 1 << 30


def quantise(graph: Graph, ranges: Mapping[str, Range], bits: int) -> Graph:
    """The integer graph; every node keeps its name, every map its name and shape.

    ranges: by map; pools and reshapes share their source's. Raises MissingRange for a map without one."""
    if bits not in (4, 8):
        raise IllegalGraph(f"cannot quantise to {bits} bits, must be 4 or 8", file=graph.name)
    widths = activation_bits(graph, bits)
    result = replace(graph, tensors=_maps(graph, ranges, widths), constants={}, nodes=())
    for node in graph.nodes:
        result = _with_node(result, graph, node, widths)
    return result


def activation_quantisation(least: float, greatest: float, bits: int) -> Quantisation:
    """Scale and zero point of the range, widened to contain 0; a range of 0 alone becomes 0 to 1."""
    least, greatest = min(least, 0.0), max(greatest, 0.0)
    if least == greatest:
        greatest = 1.0
    levels, low = (1 << bits) - 1, -(1 << (bits - 1))
    scale = float(np.float32((greatest - least) / levels))
    zero_point = int(np.clip(np.round(low - least / scale), low, low + levels))
    return Quantisation((scale,), zero_point, bits)


def weight_scales(
    weights: npt.NDArray[np.float32], bias: npt.NDArray[np.float32], input_scale: float, bits: int
) -> npt.NDArray[np.float64]:
    """One scale an output channel: largest weight / (2**(bits - 1) - 1).

    A channel of (almost) no weights gets a scale at which its bias has 31 bits, one of nothing at all 1."""
    largest = np.abs(weights.reshape(len(weights), -1)).max(axis=1).astype(np.float64)
    least = np.abs(bias.astype(np.float64)) / (input_scale * LARGEST_BIAS)
    scales = np.maximum(largest / ((1 << (bits - 1)) - 1), least)
    return np.where(scales > np.finfo(np.float32).tiny, scales, 1.0).astype(np.float32).astype(np.float64)


def _maps(graph: Graph, ranges: Mapping[str, Range], widths: Mapping[str, int]) -> dict[str, Tensor]:
    source = sources(graph)
    found: dict[str, Tensor] = {}
    for name, origin in source.items():
        least, greatest = _range(graph, ranges, source, origin)
        quantisation = activation_quantisation(least, greatest, widths[name])
        found[name] = replace(graph.tensor(name), quantisation=quantisation)
    return found


def _range(graph: Graph, ranges: Mapping[str, Range], source: Mapping[str, str], origin: str) -> Range:
    """The origin's range, or else that of a map that shares its quantisation."""
    candidates = [origin, *(name for name in source if source[name] == origin)]
    for name in candidates:
        if name in ranges:
            return ranges[name]
    node = graph.producer(origin)
    raise MissingRange(f"no range for tensor '{origin}'", file=graph.name, node=node.name if node else "")


def _with_node(result: Graph, graph: Graph, node: Node, widths: Mapping[str, int]) -> Graph:
    if not isinstance(node.operator, Conv2D | FullyConnected):
        return result.with_nodes((*result.nodes, node))
    weights = graph.constants[node.inputs[1]]
    bias = np.zeros(len(weights), np.float32)
    if len(node.inputs) > 2 and node.inputs[2]:
        bias = graph.constants[node.inputs[2]]
    bits = weight_bits(dict(widths), node)
    source = result.tensor(node.inputs[0]).quantisation
    assert source is not None
    scales = weight_scales(weights, bias, source.scale[0], bits)
    names = [fresh((*graph.tensors, *result.tensors), f"{node.name}.{part}") for part in ("weights", "bias")]
    result = _with_constant(result, names[0], _rounded_weights(weights, scales, bits), scales, bits)
    bias_scales = source.scale[0] * scales
    result = _with_constant(result, names[1], np.round(bias / bias_scales).astype(np.int32), bias_scales, 32)
    return result.with_nodes((*result.nodes, replace(node, inputs=(node.inputs[0], *names))))


def _rounded_weights(
    weights: npt.NDArray[np.float32], scales: npt.NDArray[np.float64], bits: int
) -> npt.NDArray[np.int8]:
    limit = (1 << (bits - 1)) - 1
    steps = np.round(weights / scales.reshape(-1, *[1] * (weights.ndim - 1)))
    return np.clip(steps, -limit, limit).astype(np.int8)


def _with_constant(
    graph: Graph, name: str, values: Array, scales: npt.NDArray[np.float64], bits: int
) -> Graph:
    quantisation = Quantisation(tuple(float(scale) for scale in scales), 0, bits, axis=0)
    tensor = Tensor(name, values.shape, quantisation)
    return replace(graph, tensors=graph.tensors | {name: tensor}, constants=graph.constants | {name: values})
