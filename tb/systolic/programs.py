"""What the contract test needs of the systolic array: a graph of several layers, instructions to refuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from golden.ir import Graph
from rtl.systolic.config import Config
from rtl.systolic.isa import Base, Opcode, PoolKind, Sparsity, encode, instruction
from tb.systolic.layer_graph import GraphMaker
from tb.systolic.layer_item import Corner, Fusion, LayerShape, Operator, Precision

END = encode(instruction(Opcode.END))


def bad_operands(config: Config) -> list[bytes]:
    """Instructions that are right but for one operand out of range: one for each rule of the instruction set."""
    return [encode(instruction(code, **{**_GOOD[code], **wrong})) for code, wrong in _wrong(config)]


_GOOD: Mapping[Opcode, Mapping[str, int]] = {
    Opcode.LOAD_MAP: {"length": 8},
    Opcode.LOAD_WEIGHTS: {"length": 8},
    Opcode.LOAD_PARAMETERS: {},
    Opcode.MATMUL_SETUP: {},
    Opcode.MATMUL: {"rows": 1, "columns": 1, "k_lanes": 1, "c_lanes": 1},
    Opcode.POST: {"rows": 1, "columns": 1, "window_rows": 1, "window_columns": 1, "c_lanes": 1},
    Opcode.STORE: {"base": Base.OUTPUT, "length": 8},
}


def _wrong(config: Config) -> Iterator[tuple[Opcode, Mapping[str, int]]]:
    for move in (Opcode.LOAD_MAP, Opcode.STORE):
        yield move, {"length": 0}
        yield move, {"address": config.scratchpad_bytes - 7}
    yield Opcode.LOAD_WEIGHTS, {"length": 0}
    yield Opcode.LOAD_PARAMETERS, {"length": config.parameter_bytes + config.memory_bytes}
    yield Opcode.LOAD_PARAMETERS, {"length": config.parameter_bytes, "parameter_set": config.parameter_sets}
    for name, most in (
        ("rows", 0),
        ("columns", 0),
        ("k_lanes", config.window_bytes),
        ("c_lanes", config.columns),
    ):
        yield Opcode.MATMUL, {name: 0}
        if most:
            yield Opcode.MATMUL, {name: most + 1}
    yield Opcode.MATMUL, {"products": config.rows + 1}
    yield Opcode.MATMUL, {"accumulator": config.accumulators}
    yield Opcode.MATMUL_SETUP, {"sparsity": max(Sparsity) + 1}
    for name in ("rows", "columns", "window_rows", "window_columns", "c_lanes"):
        yield Opcode.POST, {name: 0}
    yield Opcode.POST, {"c_lanes": config.columns + 1}
    yield Opcode.POST, {"parameter_set": config.parameter_sets}
    yield Opcode.POST, {"pool": max(PoolKind) + 1}
    for name in ("window_rows", "window_columns"):
        yield Opcode.POST, {name: 2, "pool": PoolKind.NONE}


def contract_graph(config: Config, seed: int) -> Graph:
    """Three layers with more than one tile each, long enough for something to happen in their middle."""
    maker, channels = GraphMaker(seed), 2 * config.columns
    common = (
        Precision.INT4,
        Sparsity.DENSE,
        Fusion.ACTIVATION,
        Corner.RANDOM,
        (3, 3),
        (1, 1),
        (1, 1, 1, 1),
        8,
        8,
    )
    first = LayerShape(Operator.CONVOLUTION, *common, config.rows, channels)
    second = LayerShape(Operator.CONVOLUTION, *common, channels, config.columns)
    last = LayerShape(Operator.MAX_POOL, *common, config.columns, config.columns)
    tensor = maker.layer(first)
    return maker.graph(maker.layer(last, maker.layer(second, tensor)))
