"""Seeded weights for a network that comes as topology alone, so chosen that every layer carries information.

Mean and deviation of each channel are measured on the quantised maps, not on real ones: through fifty layers of
random weights the noise of 4 bits becomes as strong as the signal. The sums behind them are exact integers, so
that all machines agree on the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from compiler.frontends.loaded import Range
from compiler.passes.prune import prune
from compiler.passes.quantise import activation_quantisation
from compiler.passes.widths import END_BITS, activation_bits, weight_bits
from golden import ops
from golden.ir import Add, Array, Conv2D, FullyConnected, Graph, Node, Quantisation
from golden.run import run_node

OFFSETS = 0.25
"""Standard deviation of the batch norm offsets, in standard deviations of the map."""
FACTORS = (0.75, 1.25)
"""The batch norm factors lie between these."""
LEAST_DEVIATION = 1e-6
CLASSIFIER_MARGIN = 1.5
"""The scores of a few images say little about the range of others'."""
UNIT: Range = (0.0, 1.0)

Doubles = npt.NDArray[np.float64]


class Map(NamedTuple):
    """The integers of a feature map, and what they mean."""

    values: Array
    quantisation: Quantisation

    @property
    def real(self) -> Doubles:
        return self.quantisation.scale[0] * (self.values.astype(np.float64) - self.quantisation.zero_point)


def seeded(
    graph: Graph, pixels: npt.NDArray[np.uint8], seed: int, *, bits: int, end_weights: int, kept: int
) -> tuple[Graph, dict[str, Range]]:
    """The float graph (after FLOAT_PASSES) with weights of its own, and the ranges of its maps over the images.

    Weights are normal, of variance 2 / fan-in (He et al. 2015), pruned to `kept` of 4 and rounded to the bits
    that they will have. A convolution is followed by batch norm with seeded factors and offsets, and with the
    mean and variance that each channel has over the images, pixels 0 to 255 as 0 to 1; it is folded."""
    random = np.random.default_rng(seed)
    widths = activation_bits(graph, bits)
    graph = prune(_with_constants(graph, _normal_weights(graph, random)), kept)
    ranges = {graph.inputs[0]: UNIT}
    quantisation = activation_quantisation(*UNIT, END_BITS)
    maps = {graph.inputs[0]: Map((pixels.astype(np.int16) + quantisation.low).astype(np.int8), quantisation)}
    for index, node in enumerate(graph.nodes):
        if isinstance(node.operator, Conv2D | FullyConnected | Add):
            limit = weight_bits(widths, node, end_weights)
            graph, real = _computed(graph, node, maps, limit, random)
            margin = CLASSIFIER_MARGIN if isinstance(node.operator, FullyConnected) else 1.0
            ranges[node.output] = margin * float(real.min()), margin * float(real.max())
            maps[node.output] = _quantised(real, ranges[node.output], widths[node.output])
        else:
            maps[node.output] = _passed_on(graph, node, maps)
        _forget_what_nothing_reads(maps, graph.nodes[index + 1 :])
    return graph, ranges


def _normal_weights(graph: Graph, random: np.random.Generator) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for node in graph.nodes:
        if isinstance(node.operator, Conv2D | FullyConnected):
            shape = graph.tensor(node.inputs[1]).shape
            deviation = np.float32(np.sqrt(2 / np.prod(shape[1:])))
            found[node.inputs[1]] = random.standard_normal(shape, np.float32) * deviation
            found |= {name: np.zeros(shape[:1], np.float32) for name in node.inputs[2:]}
    return found


def _computed(
    graph: Graph, node: Node, maps: Mapping[str, Map], bits: int, random: np.random.Generator
) -> tuple[Graph, Doubles]:
    """The graph with the node's final weights, and the real values of its output; bits: of the weights."""
    operator = node.operator
    assert isinstance(operator, Conv2D | FullyConnected | Add)
    if isinstance(operator, Add):
        return graph, _activated(maps[node.inputs[0]].real + maps[node.inputs[1]].real, operator.activation)
    steps, scales = _rounded(graph.constants[node.inputs[1]], bits)
    sums = _sums(operator, maps[node.inputs[0]], steps) * scales
    factor, offset = np.ones(len(steps)), np.zeros(len(steps))
    if isinstance(operator, Conv2D):
        factor, offset = _normalisation(sums, random)
    weights = steps * (scales * factor).reshape(-1, *[1] * (steps.ndim - 1))
    constants = dict(zip(node.inputs[1:], (weights, offset), strict=True))
    graph = _with_constants(graph, {name: values.astype(np.float32) for name, values in constants.items()})
    return graph, _activated(sums * factor + offset, operator.activation)


def _sums(operator: Conv2D | FullyConnected, source: Map, steps: Array) -> Doubles:
    """Of products of real values and integer weights."""
    zero_point = source.quantisation.zero_point
    if isinstance(operator, FullyConnected):
        exact = ops.accumulate_fully_connected(source.values, steps, None, zero_point)
    else:
        window = operator.stride, operator.padding
        exact = ops.accumulate_convolution(source.values, steps, None, zero_point, *window)
    return exact.astype(np.float64) * source.quantisation.scale[0]


def _rounded(weights: Array, bits: int) -> tuple[npt.NDArray[np.int8], Doubles]:
    """Symmetric integers, and one scale an output channel."""
    limit = (1 << (bits - 1)) - 1
    rows = weights.reshape(len(weights), -1)
    scales = np.abs(rows).max(axis=1).astype(np.float64) / limit
    steps = np.round(rows / scales[:, np.newaxis]).astype(np.int8)
    return steps.reshape(weights.shape), scales


def _normalisation(sums: Doubles, random: np.random.Generator) -> tuple[Doubles, Doubles]:
    """Factor and offset of each channel that give it the seeded mean and deviation."""
    channels = sums.shape[-1]
    deviation = np.maximum(sums.std(axis=(0, 1, 2)), LEAST_DEVIATION)
    factor: Doubles = random.uniform(*FACTORS, channels) / deviation
    return factor, random.normal(0, OFFSETS, channels) - sums.mean(axis=(0, 1, 2)) * factor


def _activated(values: Doubles, activation: str) -> Doubles:
    limit = {"": None, "relu": None, "relu6": 6.0}[activation]
    return np.clip(values, 0.0 if activation else None, limit) if activation else values


def _quantised(real: Doubles, ends: Range, bits: int) -> Map:
    q = activation_quantisation(*ends, bits)
    steps = np.round(real / q.scale[0]) + q.zero_point
    return Map(np.clip(steps, q.low, q.high).astype(np.int8), q)


def _passed_on(graph: Graph, node: Node, maps: Mapping[str, Map]) -> Map:
    """The output of an operator that does not rescale."""
    q = maps[node.inputs[0]].quantisation
    integers = replace(graph.tensor(node.output), quantisation=q)
    typed = replace(graph, tensors=graph.tensors | {node.output: integers})
    return Map(run_node(typed, node, {name: maps[name].values for name in node.inputs}), q)


def _with_constants(graph: Graph, constants: dict[str, Array]) -> Graph:
    return replace(graph, constants=graph.constants | constants)


def _forget_what_nothing_reads(maps: dict[str, Map], nodes: tuple[Node, ...]) -> None:
    needed = {name for node in nodes for name in node.inputs}
    for name in set(maps) - needed:
        del maps[name]
