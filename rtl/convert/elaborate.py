"""Elaboration under the converter's control.

While a module is elaborated, every block it instantiates is intercepted: a block that becomes a module
of its own is not elaborated again (its body runs once for each distinct module, however many instances
there are); it is replaced by a `Child`, which remembers the call. Only a block with lists of Signals
among its arguments is elaborated in place, since Verilog has no such ports.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import myhdl._always
import myhdl._always_comb
import myhdl._always_seq
import myhdl._block
import myhdl._instance
from myhdl._block import _Block

from rtl.convert.errors import ConvertError
from rtl.convert.lines import relative_path
from rtl.convert.myhdl_state import replaced
from rtl.convert.ports import bind, needs_dissolving

_COMPREHENSIONS = ("<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>")
_CALLERS = (myhdl._block, myhdl._instance, myhdl._always, myhdl._always_comb, myhdl._always_seq)
_INTERNAL_FILES = (*(module.__file__ for module in _CALLERS), __file__)
_OWN_FOLDERS = (Path(__file__).parent, Path(myhdl._block.__file__).parent)
_construct_block = _Block.__init__


@dataclass
class CallSite:
    """Where an instance was made; the form MyHDL expects, with the frame kept alive.

    The frame outlives the call, so that the names of all local Signals are known at the end, not only
    those bound before the first instance.
    """

    name: str
    modctxt: bool
    symdict: dict[str, Any]
    frame: FrameType
    line: int


@dataclass(frozen=True)
class Child:
    """A call of a block that is a module of its own."""

    function: Callable[..., object]
    arguments: inspect.BoundArguments
    site: CallSite


def _call_site() -> CallSite:
    """As MyHDL's `_getCallInfo`, without reading source files for every frame of the stack."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename in _INTERNAL_FILES:
        frame = frame.f_back
    line = frame.f_lineno
    while frame.f_code.co_name in _COMPREHENSIONS:
        frame = frame.f_back
    caller = frame.f_back
    inside_block = caller is not None and isinstance(caller.f_locals.get("self"), _Block)
    return CallSite(frame.f_code.co_name, inside_block, {**frame.f_globals, **frame.f_locals}, frame, line)


def _position(function: Callable[..., object], site: CallSite) -> str:
    return f"{relative_path(site.frame.f_code.co_filename)}:{site.line}: {function.__name__}"


def _reject_user_code(function: Callable[..., object], decorator: object, site: CallSite) -> None:
    if any(hasattr(decorator, name) for name in ("verilog_code", "verilog_instance")):
        raise ConvertError(
            f"{_position(function, site)}: trap 13: verilog_code hides undriven ports from every check; "
            "write the block in MyHDL, or instantiate given Verilog in the testbench"
        )


def _make_child(block: _Block, function: Callable[..., object], arguments: inspect.BoundArguments) -> None:
    """Fill a block object so that MyHDL accepts it as an instance without contents."""
    site = _call_site()
    block.func, block.args, block.kwargs = function, arguments.args, arguments.kwargs
    block.callinfo, block.modctxt, block.callername = site, site.modctxt, site.name
    block.name = block.__name__ = function.__name__
    block.subs, block.sigdict, block.memdict, block.symdict = [], {}, {}, {}
    block.child = Child(function, arguments, site)


def _intercept(block, function, decorator, name, source_file, source_line, skip_name, *args, **kwargs):
    site = _call_site()
    _reject_user_code(function, decorator, site)
    arguments = bind(function, args, kwargs)
    try:
        dissolve = any(needs_dissolving(value) for value in arguments.arguments.values())
    except ConvertError as error:
        raise type(error)(f"{_position(function, site)}: {error}") from None
    if dissolve:
        _construct_block(
            block, function, decorator, name, source_file, source_line, skip_name, *args, **kwargs
        )
    else:
        _make_child(block, function, arguments)


@contextmanager
def quick_call_sites() -> Iterator[None]:
    """MyHDL elaborates several times as fast inside: it finds the callers of blocks without reading their files."""
    with ExitStack() as stack:
        for module in _CALLERS:
            stack.enter_context(replaced(module, "_getCallInfo", _call_site))
        yield


@contextmanager
def intercepted() -> Iterator[None]:
    """Blocks made inside become children instead of being elaborated."""
    with replaced(_Block, "__init__", _intercept), quick_call_sites():
        yield


@contextmanager
def reported() -> Iterator[None]:
    """Whatever the design's own Python raises inside becomes a ConvertError with the last line of it."""
    try:
        yield
    except ConvertError:
        raise
    except Exception as error:
        raise ConvertError(f"{_last_line(error)}: {type(error).__name__}: {error}") from error


def _last_line(error: Exception) -> str:
    """file:line of the last line of the project, or of a variant outside of it, that was reached."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if Path(frame.filename).parent not in _OWN_FOLDERS] or list(frames)
    return f"{relative_path(inside[-1].filename)}:{inside[-1].lineno}"


class _Undecorated:
    """Stands for the decorator object when a module is elaborated by itself."""

    calls = 0


def elaborate(function: Callable[..., object], arguments: inspect.BoundArguments) -> _Block:
    """One level of a block: its own processes, its children as `Child`, dissolved blocks in place."""
    block = _Block.__new__(_Block)
    with intercepted(), reported():
        _construct_block(
            block,
            function,
            _Undecorated,
            function.__name__,
            "",
            0,
            False,
            *arguments.args,
            **arguments.kwargs,
        )
    if not block.subs:
        raise ConvertError(f"{function.__module__}.{function.__name__} returns no process and no block")
    return block


def top_call(block: _Block) -> Child:
    """The call that made a block instance, elaborated by MyHDL or intercepted."""
    if not isinstance(block, _Block):
        raise ConvertError(f"expected a block instance, got {type(block).__name__}")
    if hasattr(block, "child"):
        return block.child
    return Child(block.func, bind(block.func, block.args, block.kwargs), block.callinfo)
