"""The names of the classes that the RTL sees, as far as the network has names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.network import Inputs, Network
from golden.ir import Graph, Tensor
from tb.launch import named_classes

GRAPH = Graph("g", ("x",), ("y",), {"x": Tensor("x", (1, 2)), "y": Tensor("y", (1, 2))}, ())
NETWORK = Network(
    "n", GRAPH, lambda count, seed: Inputs(np.zeros((count, 2), np.int8)), classes=("cat", "deer")
)


def test_classes_have_names() -> None:
    assert named_classes(NETWORK, {"y": [1, 0, 1]}) == {"classes": ["deer", "cat", "deer"]}


def test_nothing_is_told_without_names_or_of_another_output() -> None:
    assert named_classes(replace(NETWORK, classes=()), {"y": [1]}) == {}
    assert named_classes(NETWORK, {"z": [1]}) == {}
