"""What the testbench needs to know of a variant: found by its folders, listed nowhere."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from compiler.api import config_of
from compiler.program import Program
from golden.ir import Graph


class Config(Protocol):
    """A variant's configuration, as far as every variant has one."""

    name: str
    memory_bytes: int
    clock_mhz: int

    @property
    def hash(self) -> int: ...

    @property
    def event_lanes(self) -> int: ...

    @property
    def taps(self) -> int: ...

    @property
    def tap_bytes(self) -> int: ...


def find_config(variant: str, config: str) -> Any:
    """rtl/<variant>/config.py's configuration of that name. Raises UnknownName."""
    return config_of(variant, config)


def compile_for(variant: str, graph: Graph, config: Any) -> Program:
    """compiler/<variant>'s program for a graph. Raises AssayError."""
    compiler: Callable[[Graph, Any], Program] = import_module(f"compiler.{variant}").compile_graph
    return compiler(graph, config)


def bad_operands(variant: str, config: Any) -> list[bytes]:
    """tb/<variant>'s instructions with an operand out of range, one for each rule."""
    made: list[bytes] = import_module(f"tb.{variant}.programs").bad_operands(config)
    return made
