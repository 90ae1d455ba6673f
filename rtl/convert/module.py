"""One MyHDL block becomes one Verilog module.

The block is elaborated by itself with fresh Signals at its ports. Its processes are analysed by MyHDL;
its children, converted before, say which of the Signals they drive and read. From that the direction of
every port, every declaration and every complaint follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from myhdl import SignalType
from myhdl._always_comb import _AlwaysComb
from myhdl._block import _Block
from myhdl._extractHierarchy import _makeMemInfo, _MemInfo
from myhdl._instance import _Instantiator
from myhdl._ShadowSignal import ConcatSignal, _SliceSignal
from myhdl._Signal import Constant, _Signal
from myhdl.conversion._analyze import _analyzeGens

from rtl.convert.checks import check_events, check_reset, check_signals, check_variables
from rtl.convert.design import Elaborated, Instance, Module, Scope
from rtl.convert.elaborate import Child, elaborate
from rtl.convert.errors import ConvertError, TrapError
from rtl.convert.lines import assignment_lines, relative_path
from rtl.convert.naming import Namespace, named_values, walk
from rtl.convert.ports import fresh_arguments, port_signals
from rtl.convert.prune import pruned
from rtl.convert.shadows import mark_read, name_slices
from rtl.convert.signedness import annotate
from rtl.convert.traps import check_process
from rtl.convert.unused import collected


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
                raise ConvertError(f"{self.result.place(name)}: {error}") from None
        self._enter(block, "")
        self._check_sources()
        self._name_memories()
        self._name_signals()
        self._analyse()
        self._connect_children()
        self._mark_unused()
        check_signals(self.result)
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
                    f"{self.result.place(name)}[{index}] is also {signal._name}: a list that a process "
                    "indexes must hold Signals that are no ports and stand in no other such list"
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
                check_events(tree)
                check_variables(tree)
                check_reset(tree)
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
