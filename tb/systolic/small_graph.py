"""Constrained-random small graphs: a chain of randomised layers, with branches where a layer adds."""

from __future__ import annotations

import random

from golden.ir import Graph
from tb.systolic.layer_graph import GraphMaker
from tb.systolic.layer_item import LayerShape, LayerSource, Operator

LEAST_LAYERS, MOST_LAYERS = 2, 4


def small_graph(source: LayerSource, seed: int, budget: int) -> tuple[LayerShape, Graph]:
    """The first layer's shape and the graph; every layer of about `budget` cycles at most."""
    rng, maker = random.Random(seed), GraphMaker(seed)
    start = rng.choice((Operator.CONVOLUTION, Operator.CONVOLUTION, Operator.MAX_POOL, Operator.ADD))
    first = source.layer(seed, {"operator": int(start)}, budget)
    tensor = maker.layer(first)
    outputs = []
    for number in range(1, rng.randint(LEAST_LAYERS, MOST_LAYERS)):
        size = maker.tensors[tensor].shape[1:]
        if len(size) != 3:
            break
        if rng.random() < 0.2:
            outputs.append(tensor)
        tensor = maker.layer(source.layer_on(seed + number, (size[0], size[1], size[2]), budget), tensor)
    return first, maker.graph(*dict.fromkeys([*outputs, tensor]))
