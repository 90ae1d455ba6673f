"""Arguments of a block: which are ports, which are parameters, and fresh copies of the ports.

A port is a Signal, or an object holding Signals (an interface: a plain or frozen dataclass), nested or
not; its fields become ports named `argument_field`. Everything else is a parameter and takes part in
the key that tells one module from another.
"""

from __future__ import annotations

import copy
import dataclasses
import enum
import functools
import inspect
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from myhdl import Constant, EnumItemType, EnumType, ResetSignal, SignalType, intbv, modbv
from myhdl._block import _Block, block_decorator
from myhdl._instance import _Instantiator
from myhdl._ShadowSignal import _TristateDriver, _TristateSignal
from myhdl._Signal import _DelayedSignal, _Signal

from rtl.convert.errors import ConvertError, TrapError

_NOT_INTERFACES = (
    type,
    FunctionType,
    ModuleType,
    EnumType,
    EnumItemType,
    enum.Enum,
    intbv,
    _Block,
    _Instantiator,
    block_decorator,
)
_SCALARS = (bool, int, float, str, bytes, type(None), range)


@functools.cache
def _signature(function: Callable[..., object]) -> inspect.Signature:
    return inspect.signature(function)


def bind(function: Callable[..., object], args: tuple, kwargs: dict) -> inspect.BoundArguments:
    """The call's arguments by parameter name, defaults filled in."""
    bound = _signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound


def attributes(value: object) -> dict[str, Any]:
    """Fields of an object that may be an interface; empty for every other value."""
    if isinstance(value, (*_SCALARS, SignalType, list, tuple, dict, *_NOT_INTERFACES)):
        return {}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return dict(getattr(value, "__dict__", {}))


def holds_signals(value: object) -> bool:
    """Whether a Signal is anywhere inside the value."""
    if isinstance(value, SignalType):
        return True
    if isinstance(value, (list, tuple)):
        return any(holds_signals(item) for item in value)
    if isinstance(value, dict):
        return any(holds_signals(item) for item in value.values())
    return any(holds_signals(item) for item in attributes(value).values())


def needs_dissolving(value: object) -> bool:
    """Whether the value holds a list, tuple or dict of Signals, which cannot be a Verilog port."""
    if isinstance(value, tuple) and hasattr(value, "_fields") and holds_signals(value):
        raise TrapError(
            f"trap 10: {type(value).__name__} is a NamedTuple of Signals, which MyHDL does not recognise as "
            "an interface; make it a frozen dataclass"
        )
    if isinstance(value, (list, tuple)):
        return any(holds_signals(item) for item in value)
    if isinstance(value, dict):
        return any(holds_signals(item) for item in value.values())
    return any(needs_dissolving(item) for item in attributes(value).values())


def port_signals(name: str, value: object) -> Iterator[tuple[str, _Signal]]:
    """Every Signal of one argument with its port name; a Constant is no port, it goes in as a parameter."""
    if isinstance(value, Constant):
        return
    if isinstance(value, SignalType):
        yield name, value
        return
    for field, item in attributes(value).items():
        if holds_signals(item):
            yield from port_signals(f"{name}_{field}", item)


def clone(value: Any) -> Any:
    """The same argument with fresh Signals, unknown to any other module."""
    if isinstance(value, SignalType):
        return _clone_signal(value)
    if not holds_signals(value):
        return value
    twin = copy.copy(value)
    for field, item in attributes(value).items():
        if holds_signals(item):
            object.__setattr__(twin, field, clone(item))
    return twin


def fresh_arguments(arguments: inspect.BoundArguments) -> inspect.BoundArguments:
    """The same call with fresh Signals."""
    fresh = {name: clone(value) for name, value in arguments.arguments.items()}
    return inspect.BoundArguments(arguments.signature, fresh)


def _clone_signal(signal: _Signal) -> _Signal:
    if isinstance(signal, (_TristateSignal, _TristateDriver, _DelayedSignal)):
        raise ConvertError("tristate and delayed Signals are not supported: there is none inside a chip")
    if isinstance(signal, ResetSignal):
        return ResetSignal(signal._init, active=signal.active, isasync=signal.isasync)
    if isinstance(signal, Constant):
        return Constant(signal._init)
    return SignalType(signal._init)


def describe_signal(signal: _Signal) -> str:
    """Type and bounds of a Signal: what a port of it means for the module."""
    init = signal._init
    if isinstance(signal, Constant):
        return f"Constant({describe_signal(SignalType(init))})"
    if isinstance(signal, ResetSignal):
        return f"ResetSignal({int(init)}, active={int(signal.active)}, isasync={signal.isasync})"
    if isinstance(init, bool):
        return f"bool({int(init)})"
    if isinstance(init, intbv):
        kind = "modbv" if isinstance(init, modbv) else "intbv"
        return f"{kind}({int(init)}, min={init.min}, max={init.max}, bits={len(init)})"
    if isinstance(init, EnumItemType):
        return f"{describe(init._type)}.{init}"
    raise ConvertError(f"a Signal of {type(init).__name__} has no width: use bool, intbv, modbv or enum")


def describe(value: object) -> str:
    """Canonical text of a parameter: equal text means the same module; a readable Python-like form."""
    if isinstance(value, SignalType):
        return describe_signal(value)
    for kinds, writer in _DESCRIBERS:
        if isinstance(value, kinds):
            return writer(value)
    if dataclasses.is_dataclass(value) or holds_signals(value):
        fields = ", ".join(f"{name}={describe(item)}" for name, item in attributes(value).items())
        return f"{type(value).__module__}.{type(value).__qualname__}({fields})"
    raise ConvertError(
        f"a parameter of type {type(value).__name__} has no canonical text; use numbers, strings, tuples, "
        "frozen dataclasses or functions"
    )


def _describe_function(function: FunctionType) -> str:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    if any(holds_signals(cell) for cell in cells):
        raise ConvertError(
            f"{function.__qualname__} uses Signals of its enclosing scope: pass them as arguments"
        )
    extras = [*cells, *(function.__defaults__ or ())]
    suffix = f"<{', '.join(describe(item) for item in extras)}>" if extras else ""
    return f"{function.__module__}.{function.__qualname__}{suffix}"


def _describe_partial(value: functools.partial) -> str:
    return f"partial({describe(value.func)}, {describe(value.args)}, {describe(value.keywords)})"


def _describe_items(value: list | tuple) -> str:
    return f"({', '.join(describe(item) for item in value)})"


def _describe_dict(value: dict) -> str:
    return "{" + ", ".join(f"{describe(key)}: {describe(item)}" for key, item in value.items()) + "}"


_DESCRIBERS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (enum.Enum, lambda item: f"{type(item).__qualname__}.{item.name}"),
    (EnumItemType, lambda item: f"{describe(item._type)}.{item}"),
    (EnumType, lambda item: f"enum{item._names}:{item._encoding}"),
    (intbv, lambda item: f"intbv({int(item)}, min={item.min}, max={item.max}, bits={len(item)})"),
    (_SCALARS, repr),
    ((list, tuple), _describe_items),
    (dict, _describe_dict),
    (frozenset, lambda item: f"frozenset({sorted(map(describe, item))})"),
    (functools.partial, _describe_partial),
    (block_decorator, lambda item: describe(item.func)),
    (FunctionType, _describe_function),
    (type, lambda item: f"{item.__module__}.{item.__qualname__}"),
)
