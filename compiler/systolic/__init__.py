"""Compiler back end of the systolic array."""

from compiler.systolic.assembler import disassemble
from compiler.systolic.compile import compile_graph

__all__ = ["compile_graph", "disassemble"]
