"""Quantise: a float graph and the ranges of its maps to integers of 8 or 4 bits.

Weights are symmetric, one scale an output channel, within [-127, 127] or [-7, 7]. Maps have one scale and a
zero point each; a range is widened to contain 0, which is then exact. A bias has 32 bits at input scale times
weight scale. Scales are rounded to float32, in which TFLite keeps them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from compiler.errors import IllegalGraph, MissingRange, UnsupportedType
from compiler.frontends.loaded import IntegerWeights, Prescribed, Range
from compiler.passes.rewrite import fresh
from compiler.passes.widths import END_BITS, activation_bits, sources, weight_bits
from golden.ir import ONE_QUANTISATION, Array, Conv2D, FullyConnected, Graph, Node, Quantisation, Tensor

LARGEST_BIAS = 1 << 30
NOTHING_PRESCRIBED = Prescribed()


def quantise(
    graph: Graph,
    ranges: Mapping[str, Range],
    bits: int,
    end_weights: int = END_BITS,
    prescribed: Prescribed = NOTHING_PRESCRIBED,
) -> Graph:
    """The integer graph; every node keeps its name, every map its name and shape.

    ranges: by map; maps that are quantised alike (`widths.sources`) have the union of their ranges.
    end_weights: bits of the weights in the first and last layer of a 4-bit network.
    prescribed: bits of maps and integers of weights that a file states go before all this.
    Raises MissingRange for a map without a range, IllegalGraph for other numbers of bits."""
    if bits not in (4, 8) or end_weights not in (4, 8):
        found = bits if bits not in (4, 8) else end_weights
        raise IllegalGraph(f"cannot quantise to {found} bits, must be 4 or 8", file=graph.name)
    widths = activation_bits(graph, bits, prescribed.bits)
    result = replace(graph, tensors=_maps(graph, ranges, widths), constants={}, nodes=())
    for node in graph.nodes:
        stated = prescribed.weights.get(node.name)
        width = stated.bits if stated else weight_bits(widths, node, end_weights)
        result = _with_node(result, graph, node, width, stated)
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


def fixed_point(least: float, greatest: float, bits: int) -> Quantisation:
    """Zero point 0 and the smallest power of two as scale that leaves no value of the range more than one step
    beyond the integers. IllegalGraph for other bits than the input of a binary network has."""
    if bits not in (6, 8):
        raise IllegalGraph(f"the input of a binary network has {bits} bits, must have 6 or 8")
    largest = max(-least, greatest)
    exponent = math.ceil(math.log2(largest)) - (bits - 1) if largest > 0 else 0
    return Quantisation((math.ldexp(1.0, exponent),), 0, bits)


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
    groups: dict[str, list[str]] = {}
    for name, source in sources(graph).items():
        groups.setdefault(source, []).append(name)
    repeated = {node.output for node in graph.nodes if isinstance(node.operator, ONE_QUANTISATION)}
    found: dict[str, Tensor] = {}
    for names in groups.values():
        computed = [name for name in names if name not in repeated]
        least, greatest = _range(graph, ranges, computed, names)
        quantisation = activation_quantisation(least, greatest, widths[names[0]])
        found |= {name: replace(graph.tensor(name), quantisation=quantisation) for name in names}
    return found


def _range(graph: Graph, ranges: Mapping[str, Range], computed: list[str], alike: list[str]) -> Range:
    """The union of the ranges of the computed maps; the others that are quantised alike only repeat them.

    Where one map is computed, and has no range, that of another one stands in."""
    known = [ranges[name] for name in computed if name in ranges]
    if len(computed) == 1 and not known:
        known = [ranges[name] for name in alike if name in ranges][:1]
    if len(known) < len(computed):
        name = next(name for name in computed if name not in ranges)
        node = graph.producer(name)
        raise MissingRange(f"no range for tensor '{name}'", file=graph.name, node=node.name if node else "")
    return min(least for least, _ in known), max(greatest for _, greatest in known)


def _with_node(result: Graph, graph: Graph, node: Node, bits: int, stated: IntegerWeights | None) -> Graph:
    """bits: of the weights; stated: what the file says about them."""
    if not isinstance(node.operator, Conv2D | FullyConnected):
        return result.with_nodes((*result.nodes, node))
    weights = graph.constants[node.inputs[1]]
    bias = np.zeros(len(weights), np.float32)
    if len(node.inputs) > 2 and node.inputs[2]:
        bias = graph.constants[node.inputs[2]]
    source = result.tensor(node.inputs[0]).quantisation
    assert source is not None
    scales = weight_scales(weights, bias, source.scale[0], bits)
    if stated is not None:
        scales = stated_scales(weights, stated, scales)
    names = [fresh((*graph.tensors, *result.tensors), f"{node.name}.{part}") for part in ("weights", "bias")]
    try:
        integers = _rounded_weights(weights, scales, bits, stated is None)
        offsets = _rounded_bias(bias, source.scale[0] * scales)
    except ValueError as error:
        raise UnsupportedType(str(error), file=graph.name, node=node.name) from None
    result = _with_constant(result, names[0], integers, scales, bits)
    result = _with_constant(result, names[1], offsets, source.scale[0] * scales, 32)
    return result.with_nodes((*result.nodes, replace(node, inputs=(node.inputs[0], *names))))


def stated_scales(
    weights: npt.NDArray[np.float32], stated: IntegerWeights, others: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The scale of each output channel whose largest integer the file states; of one without weights, the
    other's."""
    largest, integer = np.abs(weights.reshape(len(weights), -1)).max(axis=1), np.array(stated.largest)
    known = (integer > 0) & (largest > 0)
    scales = np.where(known, largest.astype(np.float64) / np.maximum(integer, 1), others)
    return scales.astype(np.float32).astype(np.float64)


def _rounded_weights(
    weights: npt.NDArray[np.float32], scales: npt.NDArray[np.float64], bits: int, symmetric: bool
) -> npt.NDArray[np.int8]:
    """symmetric: the lowest integer stays unused. Raises ValueError for integers that need more bits."""
    limit = (1 << (bits - 1)) - 1
    steps = np.round(weights / scales.reshape(-1, *[1] * (weights.ndim - 1)))
    if symmetric:
        return np.clip(steps, -limit, limit).astype(np.int8)
    if steps.size and (steps.min() < -limit - 1 or steps.max() > limit):
        raise ValueError(f"integer weights, after batch norm was folded into them, leave {bits} bits")
    return steps.astype(np.int8)


def _rounded_bias(bias: npt.NDArray[np.float32], scales: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    steps = np.round(bias / scales)
    if np.abs(steps).max(initial=0) >= 2 * LARGEST_BIAS:
        raise ValueError("the bias needs more than 32 bits at the scale of map and weights")
    return steps.astype(np.int32)


def _with_constant(
    graph: Graph, name: str, values: Array, scales: npt.NDArray[np.float64], bits: int
) -> Graph:
    quantisation = Quantisation(tuple(float(scale) for scale in scales), 0, bits, axis=0)
    tensor = Tensor(name, values.shape, quantisation)
    return replace(graph, tensors=graph.tensors | {name: tensor}, constants=graph.constants | {name: values})
