"""What the contract test needs of the fully connected engine: a graph of several layers, instructions to refuse."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from fc.config import Config
from fc.isa import Opcode, encode

from golden.ir import Array, FullyConnected, Graph, Node, Quantisation, Tensor

SIZES = (200, 120, 40, 10)
MAP = Quantisation((0.05,), 3)


def bad_operands(config: Config) -> list[bytes]:
    """Instructions that are right but for one operand out of range: one for each rule."""
    good = {"opcode": Opcode.LAYER, "features": 1, "outputs": 1, "length": 2 * config.memory_bytes}
    wrong = ({"features": 0}, {"features": config.features + 1}, {"outputs": 0}, {"length": 0})
    return [encode(**{**good, **one}) for one in wrong]


def contract_graph(config: Config, seed: int) -> Graph:
    """Three layers, none a multiple of a memory word."""
    random = np.random.default_rng(seed)
    tensors = {"x": Tensor("x", (1, SIZES[0]), MAP)}
    constants: dict[str, Array] = {}
    nodes: list[Node] = []
    for number, (features, outputs) in enumerate(pairwise(SIZES)):
        weights = Quantisation(tuple(random.uniform(0.5, 1.5, outputs) / (20 * features**0.5)), 0, 8, 0)
        bias = Quantisation(tuple(scale * MAP.scale[0] for scale in weights.scale), 0, 32, 0)
        constants[f"w{number}"] = random.integers(-128, 128, (outputs, features)).astype(np.int8)
        constants[f"b{number}"] = random.integers(-500, 500, outputs).astype(np.int32)
        tensors[f"w{number}"] = Tensor(f"w{number}", (outputs, features), weights)
        tensors[f"b{number}"] = Tensor(f"b{number}", (outputs,), bias)
        tensors[f"y{number}"] = Tensor(f"y{number}", (1, outputs), MAP)
        source = nodes[-1].output if nodes else "x"
        operator = FullyConnected("relu" if number == 0 else "")
        nodes.append(Node(f"layer{number}", operator, (source, f"w{number}", f"b{number}"), f"y{number}"))
    return Graph("layers", ("x",), (nodes[-1].output,), tensors, tuple(nodes), constants)
