"""Compiler back end of the systolic array."""

from compiler.systolic.assembler import disassemble
from compiler.systolic.compile import compile_graph
from compiler.systolic.estimate import cycles
from golden.ir import Graph
from rtl.systolic.config import Config

__all__ = ["compile_graph", "cycles", "disassemble", "predict"]


def predict(graph: Graph, config: Config) -> int:
    """Cycles that one image of a quantised graph is estimated to take. Raises AssayError."""
    return sum(cycles(compile_graph(graph, config), config=config))
