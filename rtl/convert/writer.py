"""The text of one Verilog module."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from myhdl import intbv
from myhdl._extractHierarchy import _MemInfo
from myhdl._ShadowSignal import ConcatSignal
from myhdl._Signal import Constant, _Signal

from rtl.convert.design import Elaborated, Instance, Port, port_of
from rtl.convert.lines import definition_line, directive, relative_path
from rtl.convert.ports import describe
from rtl.convert.processes import write_process
from rtl.convert.shadows import slice_text

TIMESCALE = "1ns/1ps"


def write_module(module: Elaborated) -> str:
    """The whole file; its text depends on nothing but the source and the parameters."""
    functions, processes = _bodies(module)
    parts = [
        *_header(module),
        *_port_list(module),
        *_declarations(module),
        *_unused(module),
        "",
        functions,
        processes,
        "endmodule",
        "`default_nettype wire",
        "",
    ]
    lines = [line.rstrip() for line in "\n".join(parts).splitlines()]
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join(kept) + "\n"


def _header(module: Elaborated) -> Iterator[str]:
    function = module.child.function
    parameters = ", ".join(
        f"{name}={describe(value)}"
        for name, value in module.child.arguments.arguments.items()
        if not any(port == name or port.startswith(f"{name}_") for port in module.ports)
    )
    file = function.__code__.co_filename
    yield f"// {relative_path(file)}: {function.__name__}({parameters})"
    for line in (inspect.getdoc(function) or "").splitlines():
        yield f"// {line}"
    position = directive(file, definition_line(function))
    yield from (position, f"`timescale {TIMESCALE}", "`default_nettype none", position)


def _port_list(module: Elaborated) -> Iterator[str]:
    ports = [(port_of(name, signal), signal) for name, signal in module.ports.items()]
    declared = [_port(port, signal) for port, signal in ports if port.direction != "unused"]
    yield f"module {module.name} ("
    yield ",\n".join(f"    {text}" for text in declared)
    yield ");"


def _port(port: Port, signal: _Signal) -> str:
    kind = "reg" if signal._driven == "reg" else "wire"
    return f"{port.direction} {kind} {_type(signal)}{port.name}"


def _type(signal: _Signal) -> str:
    signed = "signed " if signal._min is not None and signal._min < 0 else ""
    vector = "" if signal._type is bool else f"[{signal._nrbits - 1}:0] "
    return signed + vector


def _declarations(module: Elaborated) -> Iterator[str]:
    assigns = []
    for signal in module.signals:
        if isinstance(signal, Constant):
            if signal._read:
                yield from _at(module, signal._name, _constant(signal))
        elif signal._driven:
            kind = "reg" if signal._driven == "reg" else "wire"
            yield from _at(module, signal._name, f"{kind} {_type(signal)}{signal._name};")
            if isinstance(signal, ConcatSignal):
                assigns.append(f"assign {signal._name} = {_concatenation(signal)};")
    for memory in module.memories:
        yield from _at(module, memory.name, _memory(memory))
    for part in module.parts:
        if part._read:
            yield from _at(module, part._name, f"wire {_type(part)}{part._name};")
            assigns.append(f"assign {part._name} = {slice_text(part)};")
    yield from assigns


def _at(module: Elaborated, name: str, text: str) -> Iterator[str]:
    if name in module.lines:
        yield directive(*module.lines[name])
    yield text


def _constant(signal: _Signal) -> str:
    bits = signal._nrbits
    value = int(signal._init) & ((1 << bits) - 1)
    sign = "s" if signal._min is not None and signal._min < 0 else ""
    return f"localparam {_type(signal)}{signal._name} = {bits}'{sign}h{value:x};"


def _memory(memory: _MemInfo) -> str:
    return f"{memory._driven} {_type(memory.elObj)}{memory.name} [0:{memory.depth - 1}];"


def _concatenation(signal: ConcatSignal) -> str:
    return "{" + ", ".join(_part(part) for part in signal._args) + "}"


def _part(part: object) -> str:
    if isinstance(part, _Signal):
        return part._name
    if isinstance(part, intbv):
        return f"{len(part)}'h{int(part) & ((1 << len(part)) - 1):x}"
    if isinstance(part, str):
        return f"{len(part)}'b{part}"
    return f"1'b{int(part)}"


def _unused(module: Elaborated) -> Iterator[str]:
    for number, signal in enumerate(module.unused):
        yield f"wire unused_{number}_ok = &{{1'b0, {signal._name}}};"


def _bodies(module: Elaborated) -> tuple[str, str]:
    functions, processes = [], []
    for item in module.body:
        if isinstance(item, Instance):
            processes.append(_instance(item))
        else:
            function, process = write_process(item)
            functions.append(function)
            processes.append(process)
    return "".join(functions), "\n".join(processes)


def _instance(instance: Instance) -> str:
    site = instance.child.site
    pairs = zip(instance.module.ports, instance.signals, strict=True)
    connections = [
        f"    .{port.name}({signal._name})" for port, signal in pairs if port.direction != "unused"
    ]
    lines = [directive(site.frame.f_code.co_filename, site.line), f"{instance.module.name} {instance.name} ("]
    return "\n".join([*lines, ",\n".join(connections), ");", ""])
