"""What the names in a process mean, as far as the elaborated design tells."""

from __future__ import annotations

import ast
import builtins
from types import FunctionType
from typing import Any

from rtl.convert.ports import holds_signals

CONSTANT, INTEGER, HARDWARE = range(3)
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.LShift)


class Unresolved(Exception):
    """The expression is no constant of the design."""


def environment(function: FunctionType) -> dict[str, Any]:
    """Names that a function sees from outside."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {**vars(builtins), **function.__globals__, **{name: cell.cell_contents for name, cell in cells}}


class Meaning:
    """Mixin of the checker: objects behind names, and kinds of expressions."""

    names: dict[str, Any]
    locals: set[str]
    loops: list[str]

    def resolve(self, node: ast.AST) -> Any:
        """The object behind a name or a chain of attributes; raises Unresolved."""
        if isinstance(node, ast.Name) and node.id not in self.locals and node.id in self.names:
            return self.names[node.id]
        if isinstance(node, ast.Attribute) and node.attr != "next":
            return getattr(self.resolve(node.value), node.attr, None)
        raise Unresolved

    def resolved(self, node: ast.AST) -> Any:
        try:
            return self.resolve(node)
        except Unresolved:
            return None

    def kind(self, node: ast.AST) -> int:
        """CONSTANT of the elaboration, INTEGER (loop variables and constants), or HARDWARE."""
        if isinstance(node, ast.Constant):
            return CONSTANT
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._name_kind(node)
        if isinstance(node, ast.Call) and self.resolved(node.func) is len:
            return CONSTANT
        return max((self.kind(child) for child in ast.iter_child_nodes(node)), default=CONSTANT)

    def _name_kind(self, node: ast.Name | ast.Attribute) -> int:
        if isinstance(node, ast.Name) and node.id in self.loops:
            return INTEGER
        if isinstance(node, ast.Name) and node.id in self.locals:
            return HARDWARE
        if isinstance(node, ast.Attribute) and node.attr in ("min", "max"):
            return CONSTANT
        if isinstance(node, ast.Attribute) and node.attr in ("next", "val", "signed"):
            return HARDWARE
        return HARDWARE if holds_signals(self.resolved(node)) else CONSTANT

    def arithmetic(self, node: ast.AST) -> bool:
        """Whether the value of a hardware expression may need more bits than its operands have."""
        if self.kind(node) != HARDWARE:
            return False
        if isinstance(node, ast.BinOp):
            grows = isinstance(node.op, _ARITHMETIC)
            return grows or self.arithmetic(node.left) or self.arithmetic(node.right)
        if isinstance(node, ast.UnaryOp):
            return isinstance(node.op, ast.USub) or self.arithmetic(node.operand)
        if isinstance(node, ast.IfExp):
            return self.arithmetic(node.body) or self.arithmetic(node.orelse)
        return False

    def _is_list(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute) and node.attr == "next":
            return False
        value = self.resolved(node)
        return isinstance(value, list) and holds_signals(value)

    def _is_table(self, node: ast.AST) -> bool:
        value = self.resolved(node)
        return isinstance(value, (tuple, list)) and not holds_signals(value)

    def kind_of_arguments(self, call: ast.Call) -> int:
        values = [*call.args, *(keyword.value for keyword in call.keywords)]
        return max((self.kind(value) for value in values), default=CONSTANT)
