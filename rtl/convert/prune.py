"""Branches that the parameters rule out are removed before anything looks at a process.

`if cfg.signed:` leaves one arm; ports, lint and coverage then see only what can happen, and no simulator
finds a process without events because it folded a condition itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import myhdl._instance
import myhdl._util
import myhdl.conversion._analyze
from myhdl import EnumItemType, SignalType

from rtl.convert.meaning import environment
from rtl.convert.myhdl_state import replaced

_make_tree = myhdl._util._makeAST


def pruned_tree(function: FunctionType) -> ast.Module:
    """The function's syntax tree, as MyHDL makes it, without branches that are never taken."""
    tree = _make_tree(function)
    local = set(function.__code__.co_varnames)
    names = {name: value for name, value in environment(function).items() if name not in local}
    return _Pruner(names).visit(tree)


@contextmanager
def pruned() -> Iterator[None]:
    """MyHDL analyses pruned trees inside."""
    with (
        replaced(myhdl._instance, "_makeAST", pruned_tree),
        replaced(myhdl.conversion._analyze, "_makeAST", pruned_tree),
    ):
        yield


class _Pruner(ast.NodeTransformer):
    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def visit_If(self, node: ast.If) -> Any:
        taken = self.truth(node.test)
        self.generic_visit(node)
        if taken is None:
            return node
        return (node.body if taken else node.orelse) or ast.copy_location(ast.Pass(), node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        taken = self.truth(node.test)
        self.generic_visit(node)
        if taken is None:
            return node
        return node.body if taken else node.orelse

    def truth(self, test: ast.expr) -> bool | None:
        """Whether a test always holds or never does; None when hardware decides."""
        if not all(self._is_parameter(part) for part in ast.walk(test)):
            return None
        try:
            return bool(eval(compile(ast.Expression(test), "<test>", "eval"), dict(self.names)))
        except (NameError, AttributeError, TypeError, IndexError, KeyError):
            return None

    def _is_parameter(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.names and not self._is_hardware(self.names[node.id])
        if isinstance(node, ast.Attribute):
            return not self._is_hardware(self._value(node))
        return not isinstance(node, ast.Call)

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            return getattr(self._value(node.value), node.attr, None)
        return None

    def _is_hardware(self, value: object) -> bool:
        return isinstance(value, (SignalType, EnumItemType, list))
