"""Constrained-random small graphs: a chain of randomised layers, with branches where a layer adds."""

from __future__ import annotations

import random

from golden.ir import Graph
from tb.systolic.layer_graph import GraphMaker
from tb.systolic.layer_item import LayerShape, LayerSource, Operator, Stride

LEAST_LAYERS, MOST_LAYERS = 2, 4
_LATE = {"height": 14, "width": 14, "in_channels": 8, "stride": int(Stride.ONE)}


def small_graph(
    source: LayerSource, seed: int, budget: int, late_input: bool = False
) -> tuple[LayerShape, Graph]:
    """The first layer's shape and the graph; every layer of about `budget` cycles at most. late_input: it begins
    with a pool, whose results are written while the map that is then added is still being loaded."""
    rng, maker = random.Random(seed), GraphMaker(seed)
    if late_input:
        first = source.layer(seed, {"operator": int(Operator.MAX_POOL), **_LATE}, budget)
        height, width, channels = maker.tensors[maker.layer(first)].shape[1:]
        addition = {"operator": int(Operator.ADD), "precision": int(first.precision)}
        tensor = maker.layer(
            source.layer_on(seed, (height, width, channels), budget, addition), maker.nodes[-1].output
        )
        return first, _chain(source, seed, budget, rng, maker, tensor)
    start = rng.choice((Operator.CONVOLUTION, Operator.CONVOLUTION, Operator.MAX_POOL, Operator.ADD))
    first = source.layer(seed, {"operator": int(start)}, budget)
    return first, _chain(source, seed, budget, rng, maker, maker.layer(first))


def _chain(
    source: LayerSource, seed: int, budget: int, rng: random.Random, maker: GraphMaker, tensor: str
) -> Graph:
    """Further layers on a tensor."""
    outputs = []
    for number in range(1, rng.randint(LEAST_LAYERS, MOST_LAYERS)):
        size = maker.tensors[tensor].shape[1:]
        if len(size) != 3:
            break
        if rng.random() < 0.2:
            outputs.append(tensor)
        tensor = maker.layer(source.layer_on(seed + number, (size[0], size[1], size[2]), budget), tensor)
    return maker.graph(*dict.fromkeys([*outputs, tensor]))
