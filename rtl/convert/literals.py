"""Numbers as Verilog text."""

from __future__ import annotations

from myhdl import EnumItemType


def literal(value: int | EnumItemType, radix: str = "") -> str:
    """A number as Verilog text of at least its own width, signed, so that it never changes an expression."""
    if isinstance(value, EnumItemType):
        return value._toVerilog()
    magnitude = abs(int(value))
    bits = magnitude.bit_length() + 1
    text = str(magnitude) if bits <= 32 else f"{bits}'sh{magnitude:x}"
    return f"(-{text})" if value < 0 else text
