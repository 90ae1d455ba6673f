"""Slices and concatenations of Signals: their Verilog text, and that reading them reads what is behind."""

from __future__ import annotations

from myhdl._ShadowSignal import ConcatSignal, _SliceSignal
from myhdl._Signal import _Signal


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
