"""Errors of the conversion: each names the source line and says what to write instead."""

from __future__ import annotations

from collections.abc import Sequence


class ConvertError(Exception):
    """The design cannot be converted to Verilog that can be trusted.

    `problems` holds one line each; the message is all of them.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class TrapError(ConvertError):
    """The Python source holds a construct that MyHDL converts wrongly (docs/myhdl-traps.md)."""


class LintError(ConvertError):
    """A simulator's lint complains about the generated Verilog."""
