"""What may not be in a module: Signals nobody drives or reads, processes without events, RAMs with reset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from myhdl._extractHierarchy import _MemInfo
from myhdl._ShadowSignal import ConcatSignal
from myhdl._Signal import Constant
from myhdl.conversion._misc import _kind

from rtl.convert.design import Elaborated
from rtl.convert.errors import ConvertError
from rtl.convert.lines import relative_path
from rtl.convert.naming import KEYWORDS

LARGEST_RESET_LIST = 32


def check_signals(module: Elaborated) -> None:
    """Raise ConvertError with every Signal and memory that is not both driven and read."""
    problems = [*_signal_problems(module), *_memory_problems(module)]
    if problems:
        raise ConvertError(problems)


def check_variables(tree: Any) -> None:
    """A variable of a process may not be a keyword, nor hide a Signal that the process uses."""
    used = {tree.sigdict[name]._name for name in tree.inputs | tree.outputs}
    for name in tree.vardict:
        if name in KEYWORDS or name in used:
            what = "a keyword of Verilog" if name in KEYWORDS else "the name of a Signal this process uses"
            line = tree.lineoffset + tree.body[0].lineno
            raise ConvertError(
                f"{relative_path(tree.sourcefile)}:{line}: variable {name!r} is {what}: choose another name"
            )


def check_events(tree: Any) -> None:
    """`always @*` without anything to wait for would leave its outputs unknown for ever."""
    if tree.kind == _kind.ALWAYS_COMB and not tree.inputs and not tree.hasLos:
        line = tree.lineoffset + tree.body[0].lineno
        raise ConvertError(
            f"{relative_path(tree.sourcefile)}:{line}: {tree.name} reads no Signal: assign whole "
            "Signals and nothing else, or use myhdl.Constant"
        )


def check_reset(tree: Any) -> None:
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


def _signal_problems(module: Elaborated) -> Iterator[str]:
    for signal in module.signals:
        constant = isinstance(signal, Constant)
        if signal._read and not signal._driven and not constant and not isinstance(signal, ConcatSignal):
            yield (
                f"{module.place(signal._name)} is read but never driven (trap 2): drive it, "
                "or make it a myhdl.Constant"
            )
        if signal._driven and not signal._read:
            yield (
                f"{module.place(signal._name)} is driven but never read: remove it, "
                "or say why by rtl.convert.unused(signal, reason)"
            )


def _memory_problems(module: Elaborated) -> Iterator[str]:
    module.memories = [memory for memory in module.memories if _is_used(memory)]
    for memory in module.memories:
        wired = [signal for signal in memory.mem if signal._driven == "wire"]
        if wired and memory._driven:
            yield f"{module.place(memory.name)} is driven by a process and by a child"
        if wired and len(wired) < len(memory.mem):
            missing = next(signal._name for signal in memory.mem if signal._driven != "wire")
            yield f"{module.place(memory.name)}: element {missing} is never driven (trap 2)"
        if wired:
            memory._driven = "wire"
        if not memory._driven:
            yield f"{module.place(memory.name)} is read but never driven (trap 2)"
        if not memory._read and not any(signal._read for signal in memory.mem):
            yield f"{module.place(memory.name)} is written but never read: remove it"


def _is_used(memory: _MemInfo) -> bool:
    """Whether anything is left of a memory after branches were pruned."""
    return bool(memory._driven or memory._read or any(word._driven or word._read for word in memory.mem))
