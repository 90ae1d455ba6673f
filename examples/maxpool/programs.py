"""What the contract test needs of the max-pooling engine: a graph of several layers, instructions to refuse."""

from __future__ import annotations

from maxpool.config import Config
from maxpool.isa import Opcode, encode

from golden.ir import Graph, Node, Pool2D, Quantisation, Tensor

KERNELS = ((2, 2), (1, 3), (3, 2))
SIZE = (1, 19, 26, 32)
MAP = Quantisation((0.05,), 3)


def bad_operands(config: Config) -> list[bytes]:
    """Instructions that are right but for one operand out of range: one for each rule."""
    names = ("row_words", "line_words", "rows", "channel_words", "kernel_rows", "kernel_columns")
    good = {"opcode": int(Opcode.POOL), **dict.fromkeys(names, 1)}
    wrong = [{name: 0} for name in names] + [{"line_words": config.line_words + 1}]
    return [encode(**{**good, **one}) for one in wrong]


def contract_graph(config: Config, seed: int) -> Graph:
    """Three layers, rows and columns that no window covers among them. The seed is for data alone."""
    tensors, shape = {"x": Tensor("x", SIZE, MAP)}, SIZE
    nodes: list[Node] = []
    for number, kernel in enumerate(KERNELS):
        shape = (1, shape[1] // kernel[0], shape[2] // kernel[1], shape[3])
        source = nodes[-1].output if nodes else "x"
        tensors[f"y{number}"] = Tensor(f"y{number}", shape, MAP)
        nodes.append(Node(f"pool{number}", Pool2D("max", kernel, kernel), (source,), f"y{number}"))
    return Graph("layers", ("x",), (nodes[-1].output,), tensors, tuple(nodes))
