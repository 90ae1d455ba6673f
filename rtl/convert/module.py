"""One MyHDL block becomes one Verilog module.

The block is elaborated by itself with fresh Signals at its ports. Its processes are analysed by MyHDL;
its children, converted before, say which of the Signals they drive and read. From that the direction of
every port, every declaration and every complaint follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from myhdl import SignalType
from myhdl._always_comb import _AlwaysComb
from myhdl._block import _Block
from myhdl._extractHierarchy import _makeMemInfo, _MemInfo
from myhdl._instance import _Instantiator
from myhdl._ShadowSignal import ConcatSignal, _SliceSignal
from myhdl._Signal import Constant, _Signal
from myhdl.conversion._analyze import _analyzeGens
from myhdl.conversion._misc import _kind

from rtl.convert.elaborate import Child, elaborate
from rtl.convert.errors import ConvertError, TrapError
from rtl.convert.lines import assignment_lines, definition_line, relative_path
from rtl.convert.naming import Namespace, named_values, walk
from rtl.convert.ports import fresh_arguments, port_signals
from rtl.convert.prune import pruned
from rtl.convert.signedness import annotate
from rtl.convert.traps import check_process
from rtl.convert.unused import collected

LARGEST_RESET_LIST = 32


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


class ModuleBuilder:
    """Elaborates one block and gathers what its module consists of."""

    def __init__(self, name: str, child: Child, module_of: Callable[[Child], Module]) -> None:
        self.namespace = Namespace()
        self.module_of = module_of
        arguments = fresh_arguments(child.arguments)
        ports = [pair for key, value in arguments.arguments.items() for pair in port_signals(key, value)]
        self.result = Elaborated(name, replace(child, arguments=arguments), dict(ports))
        self.scopes: list[Scope] = []
        self.in_source: set[int] = set()

    def build(self) -> Elaborated:
        """Elaborate, name and analyse; raises ConvertError with every problem found."""
        with collected(self.result.unused):
            block = elaborate(self.result.child.function, self.result.child.arguments)
        for name, signal in self.result.ports.items():
            try:
                self._name_signal(signal, self.namespace.claim(name))
            except ConvertError as error:
                raise ConvertError(f"{self._place(name)}: {error}") from None
        self._enter(block, "")
        self._check_sources()
        self._name_memories()
        self._name_signals()
        self._analyse()
        self._connect_children()
        self._mark_unused()
        self._check()
        self.result.pruned = {
            name for name, signal in self.result.ports.items() if id(signal) in self.in_source
        }
        return self.result

    def _enter(self, block: _Block, prefix: str) -> None:
        scope = Scope(block, prefix, named_values(block))
        self.scopes.append(scope)
        self._record_lines(scope)
        names = {
            id(item): name
            for key, value in scope.values.items()
            for name, item in walk(key, value)
            if isinstance(item, _Block)
        }
        for sub in block.subs:
            self._enter_sub(sub, scope, names.get(id(sub), getattr(sub, "__name__", "")))

    def _enter_sub(self, sub: Any, scope: Scope, name: str) -> None:
        if isinstance(sub, _Instantiator):
            self.result.body.append(sub)
        elif hasattr(sub, "child"):
            module = self.module_of(sub.child)
            self.result.body.append(Instance(self.namespace.unique(scope.prefix + name), module, sub.child))
        elif isinstance(sub, _Block):
            self._enter(sub, f"{scope.prefix}{name}_")
        else:
            raise ConvertError(
                f"{self.result.name}: a block may return blocks and processes only, got {sub!r}"
            )

    def _record_lines(self, scope: Scope) -> None:
        function = scope.block.func
        file = function.__code__.co_filename
        self.result.sources.add(file)
        for name, line in assignment_lines(function).items():
            self.result.lines.setdefault(scope.prefix + name, (file, line))

    def _processes(self) -> Iterator[_Instantiator]:
        return (item for item in self.result.body if isinstance(item, _Instantiator))

    def _named_lists(self) -> Iterator[tuple[str, list]]:
        for scope in self.scopes:
            for key, value in scope.values.items():
                for name, item in walk(key, value):
                    if isinstance(item, list):
                        yield scope.prefix + name, item

    def _name_memories(self) -> None:
        """A list of Signals that a process indexes becomes a Verilog memory."""
        names = {id(item): name for name, item in reversed(list(self._named_lists()))}
        for process in self._processes():
            for local, signals in process.losdict.items():
                memory = _makeMemInfo(signals)
                if memory.name is None:
                    self._name_memory(memory, self.namespace.unique(names.get(id(signals), local)))

    def _name_memory(self, memory: _MemInfo, name: str) -> None:
        memory.name = name
        memory._used = True
        self.result.memories.append(memory)
        for index, signal in enumerate(memory.mem):
            if signal._name is not None:
                raise ConvertError(
                    f"{self._place(name)}[{index}] is also {signal._name}: a list that a process indexes "
                    "must hold Signals that are no ports and stand in no other such list"
                )
            signal._inList = True
            self._name_signal(signal, f"{name}[{index}]")

    def _name_signals(self) -> None:
        for scope in self.scopes:
            for key, value in scope.values.items():
                for name, item in walk(key, value):
                    if isinstance(item, SignalType) and not isinstance(item, _SliceSignal):
                        self._declare(item, scope.prefix + name)
        for process in self._processes():
            for name, signal in process.sigdict.items():
                self.in_source.add(id(signal))
                self._declare(signal, name)
                if isinstance(signal, _SliceSignal):
                    self._name_part(signal, name)

    def _name_part(self, part: _SliceSignal, name: str) -> None:
        """A slice that a process reads gets a wire: Verilog cannot index `bus[7:0]` again."""
        if not any(part is other for other in self.result.parts):
            part._name = self.namespace.unique(name)
            self.result.parts.append(part)

    def _declare(self, signal: _Signal, name: str) -> None:
        if isinstance(signal, _SliceSignal):
            self._declare(signal._sig, name)
        elif signal._name is None:
            if not signal._nrbits:
                raise ConvertError(f"{self.result.name}: Signal {name} has no width")
            unique = self.namespace.unique(name)
            self._name_signal(signal, unique)
            self.result.signals.append(signal)
            if isinstance(signal, ConcatSignal):
                for part in signal._sigargs:
                    self._declare(part, f"{name}_part")

    def _name_signal(self, signal: _Signal, name: str) -> None:
        signal._name = name
        name_slices(signal)

    def _check_sources(self) -> None:
        problems = [
            text
            for process in self._processes()
            for text in check_process(process.funcobj, isinstance(process, _AlwaysComb))
        ]
        if problems:
            raise TrapError(problems)

    def _analyse(self) -> None:
        for position, item in enumerate(self.result.body):
            if isinstance(item, _Instantiator):
                label = self.namespace.unique(item.name)
                tree = self._analysed(item, label)
                tree.name = label
                tree.instantiator = item
                annotate(tree)
                for name in tree.inputs:
                    mark_read(tree.sigdict[name])
                self._check_events(tree)
                self._check_reset(tree)
                self.result.sources.add(tree.sourcefile)
                self.result.body[position] = tree

    def _analysed(self, process: _Instantiator, label: str) -> Any:
        """The process after MyHDL's analysis, whose failures are told with their place."""
        try:
            with pruned():
                return _analyzeGens([process], {id(process): label})[0]
        except (AssertionError, AttributeError, KeyError, TypeError) as error:
            code = process.funcobj.__code__
            place = f"{relative_path(code.co_filename)}:{code.co_firstlineno}: {process.name}"
            raise ConvertError(f"{place}: MyHDL cannot analyse this process: {error!r}") from error

    def _check_events(self, tree: Any) -> None:
        """`always @*` without anything to wait for would leave its outputs unknown for ever."""
        if tree.kind == _kind.ALWAYS_COMB and not tree.inputs and not tree.hasLos:
            line = tree.lineoffset + tree.body[0].lineno
            raise ConvertError(
                f"{relative_path(tree.sourcefile)}:{line}: {tree.name} reads no Signal: assign whole "
                "Signals and nothing else, or use myhdl.Constant"
            )

    def _check_reset(self, tree: Any) -> None:
        """A reset of every word would make registers of what should be a RAM."""
        if getattr(tree, "reset", None) is None:
            return
        for name in sorted(tree.outmems):
            if len(tree.symdict[name]) > LARGEST_RESET_LIST:
                line = tree.lineoffset + tree.body[0].lineno
                raise ConvertError(
                    f"{relative_path(tree.sourcefile)}:{line}: {name}: a memory has no reset: write it "
                    "in a process of always(clk.posedge)"
                )

    def _connect_children(self) -> None:
        for item in self.result.body:
            if isinstance(item, Instance):
                self._connect(item)

    def _connect(self, instance: Instance) -> None:
        arguments = instance.child.arguments.arguments
        signals = [pair for key, value in arguments.items() for pair in port_signals(key, value)]
        for port, (name, signal) in zip(instance.module.ports, signals, strict=True):
            assert port.name == name
            if port.direction != "unused":
                self._declare(signal, f"{instance.name}_{name}")
            if port.direction == "output":
                self._drive(signal, instance, name)
            elif port.direction == "input":
                mark_read(signal)
            instance.signals.append(signal)

    def _drive(self, signal: _Signal, instance: Instance, port: str) -> None:
        site = instance.child.site
        place = (
            f"{relative_path(site.frame.f_code.co_filename)}:{site.line}: {self.result.name}: "
            f"output {port} of {instance.name}"
        )
        if isinstance(signal, (_SliceSignal, ConcatSignal, Constant)):
            raise ConvertError(
                f"{place} is connected to a slice, a concatenation or a constant: "
                "connect a Signal of its own and read that"
            )
        if signal._driven:
            raise ConvertError(f"{place} drives {signal._name}, which is driven already")
        signal._driven = "wire"

    def _mark_unused(self) -> None:
        for signal in self.result.unused:
            self._declare(signal, "unused_signal")
            mark_read(signal)

    def _check(self) -> None:
        problems = [*self._signal_problems(), *self._memory_problems()]
        if problems:
            raise ConvertError(problems)

    def _place(self, name: str) -> str:
        function = self.result.child.function
        file, line = self.result.lines.get(name, (function.__code__.co_filename, definition_line(function)))
        return f"{relative_path(file)}:{line}: {self.result.name}: {name}"

    def _signal_problems(self) -> Iterator[str]:
        for signal in self.result.signals:
            constant = isinstance(signal, Constant)
            if signal._read and not signal._driven and not constant and not isinstance(signal, ConcatSignal):
                yield (
                    f"{self._place(signal._name)} is read but never driven (trap 2): drive it, "
                    "or make it a myhdl.Constant"
                )
            if signal._driven and not signal._read:
                yield (
                    f"{self._place(signal._name)} is driven but never read: remove it, "
                    "or say why by rtl.convert.unused(signal, reason)"
                )

    def _memory_problems(self) -> Iterator[str]:
        self.result.memories = [memory for memory in self.result.memories if is_used(memory)]
        for memory in self.result.memories:
            wired = [signal for signal in memory.mem if signal._driven == "wire"]
            if wired and memory._driven:
                yield f"{self._place(memory.name)} is driven by a process and by a child"
            if wired and len(wired) < len(memory.mem):
                missing = next(signal._name for signal in memory.mem if signal._driven != "wire")
                yield f"{self._place(memory.name)}: element {missing} is never driven (trap 2)"
            if wired:
                memory._driven = "wire"
            if not memory._driven:
                yield f"{self._place(memory.name)} is read but never driven (trap 2)"
            if not memory._read and not any(signal._read for signal in memory.mem):
                yield f"{self._place(memory.name)} is written but never read: remove it"


def is_used(memory: _MemInfo) -> bool:
    """Whether anything is left of a memory after branches were pruned."""
    return bool(memory._driven or memory._read or any(word._driven or word._read for word in memory.mem))


def slice_text(part: _SliceSignal) -> str:
    """Verilog text of a slice shadow, `bus[7:0]`, counted from the Signal at the root."""
    root, shift = part._sig, 0
    while isinstance(root, _SliceSignal):
        shift, root = shift + (root._right or 0), root._sig
    if part._right is None:
        return f"{root._name}[{part._left + shift}]"
    return f"{root._name}[{part._left + shift - 1}:{part._right + shift}]"


def name_slices(signal: _Signal) -> None:
    """Name all slices of a Signal, and theirs, by their text."""
    for part in signal._slicesigs:
        part._name = slice_text(part)
        name_slices(part)


def mark_read(signal: _Signal) -> None:
    """The Signal is read, and so is everything it is a slice or a concatenation of."""
    signal._read = True
    if isinstance(signal, _SliceSignal):
        mark_read(signal._sig)
    if isinstance(signal, ConcatSignal):
        signal._driven = "wire"
        for part in signal._sigargs:
            mark_read(part)


def port_of(name: str, signal: _Signal) -> Port:
    """The port that the analysed Signal turned out to be."""
    direction = "output" if signal._driven else "input" if signal._read else "unused"
    signed = signal._min is not None and signal._min < 0
    return Port(name, direction, signal._nrbits, signed)
