"""Pieces of programs that the systolic array must refuse."""

from __future__ import annotations

from rtl.systolic.isa import Base, Opcode, encode, instruction


def bad_operand() -> bytes:
    """An instruction with an operand out of range: a store of no bytes."""
    return encode(instruction(Opcode.STORE, base=Base.OUTPUT, length=0))
