"""The passes in the order in which they run. Each takes a graph and returns one, legal by `golden.check`.

A float network: FLOAT_PASSES, then `calibrate` (or ranges from the file), then `quantise`.
A float network with signs for activations: BINARY_PASSES, then `binarise`.
A network that comes quantised: QUANTISED_PASSES.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from compiler.errors import IllegalGraph
from compiler.frontends.loaded import Prescribed, Range
from compiler.passes.binarise import binarise
from compiler.passes.fold_batch_norm import fold_batch_norm
from compiler.passes.fuse_activation import fuse_activation
from compiler.passes.integers import check_integers
from compiler.passes.legalise import legalise
from compiler.passes.quantise import NOTHING_PRESCRIBED, quantise
from compiler.passes.widths import END_BITS
from golden.check import check
from golden.ir import Graph, GraphError, Quantisation

Pass = Callable[[Graph], Graph]

FLOAT_PASSES: tuple[Pass, ...] = (fold_batch_norm, legalise, fuse_activation)
BINARY_PASSES: tuple[Pass, ...] = (legalise,)
QUANTISED_PASSES: tuple[Pass, ...] = (legalise,)


def run_passes(graph: Graph, passes: tuple[Pass, ...]) -> Graph:
    """The graph after all passes, its legality checked before the first and after each."""
    _check(graph, "the front end")
    for step in passes:
        graph = step(graph)
        _check(graph, step.__name__)
    return graph


def quantised(
    graph: Graph,
    ranges: Mapping[str, Range],
    bits: int,
    end_weights: int = END_BITS,
    prescribed: Prescribed = NOTHING_PRESCRIBED,
) -> Graph:
    """The integer graph of a float graph that has passed FLOAT_PASSES; the arguments are those of `quantise`."""
    try:
        result = quantise(graph, ranges, bits, end_weights, prescribed)
    except GraphError as error:
        raise IllegalGraph(f"in quantise: {error}") from None
    _check(result, "quantise")
    return result


def binarised(graph: Graph, image: Quantisation) -> Graph:
    """The binary graph of a float graph that has passed BINARY_PASSES; the arguments are those of `binarise`."""
    result = binarise(graph, image)
    _check(result, "binarise")
    return result


def _check(graph: Graph, culprit: str) -> None:
    try:
        check(graph)
        check_integers(graph)
    except GraphError as error:
        raise IllegalGraph(f"after {culprit}: {error}") from None
