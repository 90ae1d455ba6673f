"""MyHDL to Verilog that can be trusted: see docs/myhdl-traps.md for how to write RTL here."""

from rtl.convert.design import Port
from rtl.convert.errors import ConvertError, LintError, TrapError
from rtl.convert.hierarchy import convert_block
from rtl.convert.lint import lint
from rtl.convert.process import convert_in_subprocess
from rtl.convert.result import Conversion
from rtl.convert.unused import unused

__all__ = [
    "Conversion",
    "ConvertError",
    "LintError",
    "Port",
    "TrapError",
    "convert_block",
    "convert_in_subprocess",
    "lint",
    "unused",
]
