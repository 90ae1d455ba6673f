"""Compiler back end of pipelines of binary layers."""

from compiler.bcnn.compile import compile_graph
from compiler.bcnn.estimate import cycles, interval
from compiler.bcnn.listing import disassemble

__all__ = ["compile_graph", "cycles", "disassemble", "interval"]
