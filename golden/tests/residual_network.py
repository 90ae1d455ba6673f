"""A network of six nodes: convolution, residual add, both pools, reshape, fully connected."""

from __future__ import annotations

import numpy as np

from golden.ir import Add, Array, Conv2D, FullyConnected, Graph, Node, Pool2D, Quantisation, Reshape, Tensor

MAPS = {
    "x": ((9, 7, 3), 0.05),
    "c": ((9, 7, 3), 0.07),
    "s": ((9, 7, 3), 0.11),
    "m": ((5, 4, 3), 0.11),
    "p": ((2, 2, 3), 0.11),
    "r": ((12,), 0.11),
    "y": ((5,), 0.09),
}
NODES = (
    Node("conv", Conv2D((1, 1), (1, 1, 1, 1), "relu"), ("x", "w", "b"), "c"),
    Node("add", Add(), ("c", "x"), "s"),
    Node("max", Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1)), ("s",), "m"),
    Node("average", Pool2D("average", (2, 2), (2, 2)), ("m",), "p"),
    Node("reshape", Reshape(), ("p",), "r"),
    Node("dense", FullyConnected(), ("r", "f"), "y"),
)
WEIGHT_SCALE = float(np.float32(0.002))


def residual_network(seed: int = 0) -> Graph:
    """int8 network from x (1, 9, 7, 3) to y (1, 5) with random weights."""
    random = np.random.default_rng(seed)
    tensors = {
        name: Tensor(name, (1, *shape), Quantisation((float(np.float32(scale)),), 4))
        for name, (shape, scale) in MAPS.items()
    }
    bias_scale = float(np.float32(MAPS["x"][1] * WEIGHT_SCALE))
    tensors["w"] = Tensor("w", (3, 3, 3, 3), Quantisation((WEIGHT_SCALE,)))
    tensors["b"] = Tensor("b", (3,), Quantisation((bias_scale,), 0, 32))
    tensors["f"] = Tensor("f", (5, 12), Quantisation((WEIGHT_SCALE,)))
    constants: dict[str, Array] = {
        "w": random.integers(-127, 128, (3, 3, 3, 3), dtype=np.int8),
        "b": random.integers(-9000, 9000, 3).astype(np.int32),
        "f": random.integers(-127, 128, (5, 12), dtype=np.int8),
    }
    return Graph("residual", ("x",), ("y",), tensors, NODES, constants)


def images(count: int, seed: int = 1) -> Array:
    """Random inputs (count, 9, 7, 3)."""
    return np.random.default_rng(seed).integers(-128, 128, (count, 9, 7, 3), dtype=np.int8)
