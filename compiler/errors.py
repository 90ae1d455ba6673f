"""Bad input, told in one line: which file, which node, which rule. The command line exits with code 2."""

from __future__ import annotations

from typing import Self

_LONGEST_NAME = 160
_LONGEST_RULE = 400


def _printable(text: str, longest: int = _LONGEST_NAME) -> str:
    """One line, whatever a hostile file has put in its names."""
    line = "".join(letter if letter.isprintable() else "?" for letter in text[: longest + 1])
    return line if len(line) <= longest else line[: longest - 3] + "..."


class AssayError(Exception):
    """Input that breaks a rule. Its text is `file: node 'x' (OPERATOR): rule`, without what is unknown."""

    exit_code = 2

    def __init__(self, rule: str, *, file: str = "", node: str = "", operator: str = "") -> None:
        super().__init__(rule)
        self.rule = rule
        self.file = file
        self.node = node
        self.operator = operator

    def __str__(self) -> str:
        rule = _printable(self.rule, _LONGEST_RULE)
        return ": ".join(part for part in (_printable(self.file, _LONGEST_RULE), self._place(), rule) if part)

    def _place(self) -> str:
        name = f"node '{_printable(self.node)}'" if self.node else ""
        operator = f"({_printable(self.operator)})" if self.operator else ""
        return " ".join(part for part in (name, operator) if part)

    def in_file(self, file: str) -> Self:
        """The same error, naming the user's file."""
        return type(self)(self.rule, file=file, node=self.node, operator=self.operator)


class MalformedFile(AssayError):
    """The file is truncated, damaged, or contradicts itself."""


class UnsupportedOperator(AssayError):
    """An operator, or an attribute of one, that assay does not run."""


class UnsupportedType(AssayError):
    """A tensor whose element type or quantisation assay does not run."""


class DynamicShape(AssayError):
    """A dimension other than the batch is not known before running."""


class IllegalGraph(AssayError):
    """A graph that breaks a rule of the IR: found by the check between passes."""


class MissingRange(AssayError):
    """A tensor to be quantised has no range."""


class DoesNotFit(AssayError):
    """A shape that the chosen configuration of an accelerator cannot hold."""


class UnknownName(AssayError):
    """No network, variant or configuration of this name."""


class BadData(AssayError):
    """Input or calibration data that does not suit the network."""


class WrongDevice(AssayError):
    """The accelerator at hand is none, or not the one that a program was compiled for."""


class MissingPackage(AssayError):
    """A package of an optional extra is not installed."""
