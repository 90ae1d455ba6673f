"""Liveness: whether the layers of a quantised network carry information on given inputs.

Seeded weights easily give a network that is all zeros or all clipped, on which equal results prove little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compiler.errors import AssayError
from golden.arithmetic import activation_limits, quantisation_of
from golden.ir import Add, Array, Conv2D, FullyConnected, Graph, Node
from golden.run import run

MOST_ZEROS = 0.80
MOST_SATURATED = 0.05
LEAST_DISTINCT = 8
ONES = (0.02, 0.98)


class DeadNetwork(AssayError):
    """A layer whose values say too little to prove anything."""


@dataclass(frozen=True)
class LayerStatistics:
    """zeros: share of values that are real 0; saturated: share at an end of the integers that is no limit of
    the activation; distinct: number of different values. activation: of the node, '' without one. ones: the
    share of +1 in a map of one bit, which has no zeros and nothing to saturate; None of other maps."""

    node: str
    activation: str
    zeros: float
    saturated: float
    distinct: int
    ones: float | None = None

    def __str__(self) -> str:
        if self.ones is not None:
            return f"{self.node}: {100 * self.ones:5.1f} % ones"
        shares = f"{100 * self.zeros:5.1f} % zeros, {100 * self.saturated:5.2f} % saturated"
        return f"{self.node}: {shares}, {self.distinct} distinct values"

    @property
    def complaint(self) -> str:
        """The rule that the layer breaks, or ''."""
        if self.ones is not None:
            return "" if ONES[0] <= self.ones <= ONES[1] else f"{self.ones:.1%} of the bits are ones"
        if self.activation and self.zeros > MOST_ZEROS:
            return (
                f"{100 * self.zeros:.1f} % of the values are 0 after ReLU, at most {100 * MOST_ZEROS:.0f} %"
            )
        if self.saturated > MOST_SATURATED:
            return (
                f"{100 * self.saturated:.1f} % of the values saturate, at most {100 * MOST_SATURATED:.0f} %"
            )
        if self.distinct < LEAST_DISTINCT:
            return f"there are {self.distinct} distinct values, at least {LEAST_DISTINCT} needed"
        return ""


def measure(graph: Graph, images: npt.NDArray[np.int8]) -> tuple[LayerStatistics, ...]:
    """Statistics of every convolution, fully connected layer and add, over images (n, height, width, c)."""
    values = run(graph, {graph.inputs[0]: images})
    return tuple(
        _statistics(graph, node, node.operator, values[node.output])
        for node in graph.nodes
        if isinstance(node.operator, Add | Conv2D | FullyConnected)
    )


def require_alive(graph: Graph, images: npt.NDArray[np.int8]) -> tuple[LayerStatistics, ...]:
    """The same statistics. Raises DeadNetwork, naming the first layer that breaks a rule."""
    statistics = measure(graph, images)
    require_alive_layers(graph.name, statistics)
    return statistics


def require_alive_layers(network: str, statistics: Sequence[LayerStatistics]) -> None:
    """Raises DeadNetwork, naming the network and the first of its layers that breaks a rule."""
    for layer in statistics:
        if layer.complaint:
            raise DeadNetwork(layer.complaint, file=network, node=layer.node)


def _statistics(
    graph: Graph, node: Node, operator: Add | Conv2D | FullyConnected, values: Array
) -> LayerStatistics:
    quantisation = quantisation_of(graph, node.output)
    if quantisation.bits == 1:
        return LayerStatistics(node.name, "", 0.0, 0.0, len(np.unique(values)), float((values == 1).mean()))
    lowest, highest = activation_limits(operator.activation, quantisation)
    saturated = np.zeros(values.shape, dtype=bool)
    # A value at ReLU's 0 or ReLU6's 6 is where it belongs; one at the end of the integers may be cut off.
    if not operator.activation:
        saturated |= values == lowest
    if highest == quantisation.high:
        saturated |= values == highest
    zeros = float(np.mean(values == quantisation.zero_point))
    distinct = len(np.unique(values))
    return LayerStatistics(node.name, operator.activation, zeros, float(saturated.mean()), distinct)
