"""Legality of what `golden.binary` computes: each rule of a binary product and of maps of one bit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from golden.arithmetic import INT32_MAX, INT32_MIN
from golden.ir import (
    Array,
    Concat,
    Conv2D,
    FullyConnected,
    Graph,
    GraphError,
    Node,
    Operator,
    Pool2D,
    Quantisation,
    Reshape,
    Slice,
)

MAP_BITS = (1, 6, 8)
FACTOR_MIN, FACTOR_MAX = -(1 << 15), (1 << 15) - 1


def inputs(graph: Graph, node: Node) -> tuple[int, int]:
    """Fewest and most inputs of a binary product: scores may do without factors and offsets."""
    result = graph.tensor(node.output).quantisation
    bare = len(node.inputs) == 2 and result is not None and result.bits == 32
    return (2, 2) if bare else (4, 4)


def check_product(graph: Graph, node: Node, known: list[Quantisation]) -> None:
    """Raises GraphError. known: quantisation of the node's inputs and of its output, none of them float."""
    source, weights, result = known[0], known[1], known[-1]
    assert isinstance(node.operator, Conv2D | FullyConnected)
    if source.bits not in MAP_BITS or source.zero_point != 0 or source.axis is not None:
        raise GraphError("a binary product reads a map of 1, 6 or 8 bits with zero point 0 and one scale")
    if weights.axis not in (None, 0):
        raise GraphError("weights have their scales on axis 0")
    if result.bits not in (1, 32) or result.zero_point != 0 or result.axis is not None:
        raise GraphError("a binary product makes one bit or 32, with zero point 0 and one scale")
    if node.operator.activation:
        raise GraphError(f"a binary product has no activation, here {node.operator.activation!r}")
    if isinstance(node.operator, Conv2D):
        _check_padding(node.operator.padding_value, source)
    if result.bits == 1:
        _check_thresholds(graph, node, known)
    elif len(node.inputs) == 4:
        _check_scores(graph, node, known)


def _check_padding(value: int, source: Quantisation) -> None:
    if value not in (-1, 0, 1) or (value and source.bits != 1):
        raise GraphError(f"padding value is {value}, must be 0, or 1 or -1 for maps of one bit")


def _check_thresholds(graph: Graph, node: Node, known: list[Quantisation]) -> None:
    _check_plain("thresholds", known[2], 32)
    _check_flags("flips", graph.constants[node.inputs[3]], known[3])


def _check_scores(graph: Graph, node: Node, known: list[Quantisation]) -> None:
    factors, offsets = (graph.constants[name] for name in node.inputs[2:])
    _check_plain("factors", known[2], 32)
    _check_plain("offsets", known[3], 32)
    if factors.min() < FACTOR_MIN or factors.max() > FACTOR_MAX:
        raise GraphError(f"factors are {factors.min()}..{factors.max()}, must fit 16 bits")
    ends = accumulator_bound(graph, node)[:, None] * np.array([-1, 1]) * factors.astype(np.int64)[:, None]
    reach = ends + offsets.astype(np.int64)[:, None]
    if reach.min() < INT32_MIN or reach.max() > INT32_MAX:
        raise GraphError(f"scores can reach {reach.min()}..{reach.max()}, which leaves int32")


def accumulator_bound(graph: Graph, node: Node) -> npt.NDArray[np.int64]:
    """The greatest magnitude that an accumulator of each output channel of a binary product can have."""
    weights, source = graph.constants[node.inputs[1]], graph.tensor(node.inputs[0]).quantisation
    assert source is not None
    return np.full(len(weights), weights[0].size * -source.low, np.int64)


def check_minimum(graph: Graph, node: Node, known: list[Quantisation]) -> None:
    """Raises GraphError. known: quantisation of a pool's map, of its `minimum`, and of what it makes."""
    assert isinstance(node.operator, Pool2D)
    if node.operator.kind != "max" or known[0].bits != 1:
        raise GraphError("minimum is for the maximum of maps of one bit")
    _check_flags("minimum", graph.constants[node.inputs[1]], known[1])


def check_moved(operator: Operator, known: list[Quantisation]) -> None:
    """Raises GraphError where an operator that is no product does not know maps of so many bits."""
    bits = {quantisation.bits for quantisation in known}
    if 32 in bits and not isinstance(operator, Reshape):
        raise GraphError("feature maps of 32 bits can be reshaped only")
    largest = isinstance(operator, Pool2D) and operator.kind == "max"
    if 1 in bits and not (largest or isinstance(operator, Reshape | Concat | Slice)):
        raise GraphError("of feature maps of one bit only the maximum can be taken, and values be moved")


def _check_flags(what: str, values: Array, quantisation: Quantisation) -> None:
    _check_plain(what, quantisation, 8)
    if not np.isin(values, (0, 1)).all():
        raise GraphError(f"{what} must be 0 or 1")


def _check_plain(what: str, quantisation: Quantisation, bits: int) -> None:
    """Numbers of the accumulator, which have no scale of their own."""
    if quantisation != Quantisation((1.0,), 0, bits):
        raise GraphError(f"{what} must have {bits} bits, scale 1 and zero point 0")
