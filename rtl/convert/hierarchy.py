"""A whole design: one module for each distinct (function, parameters, port types), children first."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

from myhdl import Error, ToVerilogWarning
from myhdl._block import _Block

from rtl.convert.design import Module, Port, port_of
from rtl.convert.elaborate import Child, intercepted, top_call
from rtl.convert.errors import ConvertError, TrapError
from rtl.convert.lines import definition_line, relative_path
from rtl.convert.module import ModuleBuilder
from rtl.convert.myhdl_state import fresh_state
from rtl.convert.naming import Namespace
from rtl.convert.ports import describe, needs_dissolving
from rtl.convert.result import Conversion, write
from rtl.convert.writer import write_module


class Hierarchy:
    """The modules of one design while it is converted."""

    def __init__(self) -> None:
        self.modules: dict[str, Module] = {}
        self._open: list[str] = []
        self._names = Namespace()

    def convert_top(self, child: Child, name: str) -> Module:
        """Convert the design below one call; its top module is called `name`."""
        _check_interpreter(sys.version_info[:2])
        _check_top_ports(child)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("error", ToVerilogWarning)
            top = self._convert(child, self._names.claim(name), describe_call(child))
        unconnected = [port.name for port in top.ports if port.direction == "unused"]
        if unconnected:
            raise ConvertError(
                f"{_place(child)}: top ports neither read nor driven: {', '.join(unconnected)}"
            )
        return top

    def module(self, child: Child) -> Module:
        """The module of a child, converted at its first appearance."""
        key = describe_call(child)
        if key not in self.modules:
            return self._convert(child, self._names.unique(child.function.__name__), key)
        return self.modules[key]

    def _convert(self, child: Child, name: str, key: str) -> Module:
        if key in self._open:
            raise ConvertError(f"{_place(child)}: the block contains itself with the same parameters")
        self._open.append(key)
        try:
            with fresh_state():
                self.modules[key] = self._build(child, name)
        except (Error, ToVerilogWarning) as error:
            raise ConvertError(f"{_place(child)}: {error}") from error
        finally:
            self._open.pop()
        return self.modules[key]

    def _build(self, child: Child, name: str) -> Module:
        result = ModuleBuilder(name, child, self.module).build()
        ports = tuple(port_of(port, signal) for port, signal in result.ports.items())
        _check_ports(child, ports, result.pruned)
        sources = tuple(sorted(relative_path(source) for source in result.sources))
        return Module(name, ports, write_module(result), sources)


def describe_call(child: Child) -> str:
    """Key of a module: the function, its parameters and the types of its ports."""
    arguments = child.arguments.arguments.items()
    text = ", ".join(f"{name}={describe(value)}" for name, value in arguments)
    return f"{describe(child.function)}({text})"


def _place(child: Child) -> str:
    function = child.function
    return f"{relative_path(function.__code__.co_filename)}:{definition_line(function)}: {function.__name__}"


def _check_interpreter(version: tuple[int, int]) -> None:
    if version >= (3, 14):
        raise ConvertError(
            "trap 14: MyHDL 0.11.52 needs ast.Str, which Python 3.14 removed: use 3.11 to 3.13"
        )


def _check_top_ports(child: Child) -> None:
    lists = [name for name, value in child.arguments.arguments.items() if needs_dissolving(value)]
    if lists:
        raise TrapError(
            f"{_place(child)}: trap 9: {', '.join(lists)}: a list cannot be a port of the top; "
            "pack it into a wide bus"
        )


def _check_ports(child: Child, ports: tuple[Port, ...], pruned: set[str]) -> None:
    """A Signal argument that does nothing is an error.

    Left out of the module without a word: unused fields of interfaces, and what only `pruned` branches use.
    """
    arguments = child.arguments.arguments
    idle = [
        port.name for port in ports if port.direction == "unused" and port.name in arguments.keys() - pruned
    ]
    if idle:
        raise ConvertError(f"{_place(child)}: arguments neither read nor driven: {', '.join(idle)}")


def convert_block(block: _Block | Callable[[], _Block], *, name: str, out_dir: Path) -> Conversion:
    """Convert a block instance, or what a function without arguments returns, to Verilog files in `out_dir`.

    `name` is the top module's name. Given a function, the design below the top is elaborated once for each
    distinct module only, which is much faster. Raises ConvertError (TrapError) naming file and line, and
    then leaves `out_dir` as it was. Files of an earlier conversion into `out_dir` are replaced.
    """
    hierarchy = Hierarchy()
    if isinstance(block, _Block) or not callable(block):
        top = hierarchy.convert_top(top_call(block), name)
    else:
        with intercepted():
            made = block()
        top = hierarchy.convert_top(top_call(made), name)
    return write(hierarchy.modules.values(), top, Path(out_dir))
