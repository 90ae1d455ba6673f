"""What modules are made of while they are converted, and what is left of them afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from myhdl._block import _Block
from myhdl._extractHierarchy import _MemInfo
from myhdl._ShadowSignal import _SliceSignal
from myhdl._Signal import _Signal

from rtl.convert.elaborate import Child
from rtl.convert.lines import definition_line, relative_path


@dataclass(frozen=True)
class Port:
    """A port of a converted module. `direction` is "input", "output" or "unused" (then it is left out)."""

    name: str
    direction: str
    width: int
    signed: bool


@dataclass(frozen=True)
class Module:
    """A converted block: its Verilog text and what an instance of it needs to know."""

    name: str
    ports: tuple[Port, ...]
    text: str
    sources: tuple[str, ...]


@dataclass
class Instance:
    """A child inside a module under conversion."""

    name: str
    module: Module
    child: Child
    signals: list[_Signal] = field(default_factory=list)


@dataclass
class Scope:
    """A block whose processes stand in this module: the module's own, or a dissolved one below it."""

    block: _Block
    prefix: str
    values: dict[str, Any]


@dataclass
class Elaborated:
    """Everything the writer needs: ports, Signals and memories with names, processes and instances."""

    name: str
    child: Child
    ports: dict[str, _Signal]
    signals: list[_Signal] = field(default_factory=list)
    memories: list[_MemInfo] = field(default_factory=list)
    lines: dict[str, tuple[str, int]] = field(default_factory=dict)
    body: list[Any] = field(default_factory=list)
    parts: list[_SliceSignal] = field(default_factory=list)
    pruned: set[str] = field(default_factory=set)
    unused: list[_Signal] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)

    def place(self, name: str) -> str:
        """`file:line: module: name`, the line being where the name is first bound."""
        function = self.child.function
        file, line = self.lines.get(name, (function.__code__.co_filename, definition_line(function)))
        return f"{relative_path(file)}:{line}: {self.name}: {name}"


def port_of(name: str, signal: _Signal) -> Port:
    """The port that the analysed Signal turned out to be."""
    direction = "output" if signal._driven else "input" if signal._read else "unused"
    signed = signal._min is not None and signal._min < 0
    return Port(name, direction, signal._nrbits, signed)
