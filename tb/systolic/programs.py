"""What the contract test needs of the systolic array: a graph of several layers, an instruction to refuse."""

from __future__ import annotations

from golden.ir import Graph
from rtl.systolic.config import Config
from rtl.systolic.isa import Base, Opcode, encode, instruction
from tb.systolic.layer_graph import GraphMaker
from tb.systolic.layer_item import Corner, Fusion, LayerShape, Operator, Precision


def bad_operand() -> bytes:
    """An instruction with an operand out of range: a store of no bytes."""
    return encode(instruction(Opcode.STORE, base=Base.OUTPUT, length=0))


def contract_graph(config: Config, seed: int) -> Graph:
    """Three layers with more than one tile each, long enough for something to happen in their middle."""
    maker, channels = GraphMaker(seed), 2 * config.columns
    common = (Precision.INT4, Fusion.ACTIVATION, Corner.RANDOM, (3, 3), (1, 1), (1, 1, 1, 1), 8, 8)
    first = LayerShape(Operator.CONVOLUTION, *common, config.rows, channels)
    second = LayerShape(Operator.CONVOLUTION, *common, channels, config.columns)
    last = LayerShape(Operator.MAX_POOL, *common, config.columns, config.columns)
    tensor = maker.layer(first)
    return maker.graph(maker.layer(last, maker.layer(second, tensor)))
