"""What an analysed expression is: a number of the elaboration, signed, or sharing its width with others."""

from __future__ import annotations

import ast
from typing import Any

from myhdl import SignalType, concat, intbv
from myhdl._extractHierarchy import _isMem


def object_is_signed(value: object) -> bool:
    """Whether Verilog declares such a variable, Signal or number as signed."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return True
    return isinstance(value, (SignalType, intbv)) and value._min is not None and value._min < 0


_FOLDED = (
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.BoolOp,
    ast.IfExp,
    ast.operator,
    ast.unaryop,
    ast.cmpop,
    ast.boolop,
    ast.expr_context,
)


def constant(tree: Any, node: ast.AST) -> int | None:
    """The number that an expression of parameters and literals stands for, or None if hardware takes part."""
    names: dict[str, object] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            value = None if part.id in tree.vardict or part.id in tree.argnames else tree.symdict.get(part.id)
            names[part.id] = value
            if not isinstance(value, int):
                return None
        elif isinstance(part, ast.Constant):
            if not isinstance(part.value, int):
                return None
        elif not isinstance(part, _FOLDED):
            return None
    return eval(compile(ast.Expression(node), "<constant>", "eval"), {}, names)


class Signedness:
    """Whether any operand of an analysed expression is signed."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree

    def __call__(self, node: ast.AST) -> bool:
        value = constant(self.tree, node)
        if value is not None:
            return value < 0
        method = getattr(self, type(node).__name__, None)
        return method(node) if method else False

    def Name(self, node: ast.Name) -> bool:
        return object_is_signed(getattr(node, "obj", None))

    def Attribute(self, node: ast.Attribute) -> bool:
        value = getattr(node, "obj", None)
        if node.attr in ("min", "max"):
            return isinstance(value, int) and value < 0
        return object_is_signed(value)

    def BinOp(self, node: ast.BinOp) -> bool:
        if isinstance(node.op, (ast.LShift, ast.RShift)):
            return self(node.left)
        return self(node.left) or self(node.right)

    def UnaryOp(self, node: ast.UnaryOp) -> bool:
        if isinstance(node.op, ast.Not):
            return False
        return self(node.operand)

    def IfExp(self, node: ast.IfExp) -> bool:
        return self(node.body) or self(node.orelse)

    def Subscript(self, node: ast.Subscript) -> bool:
        if isinstance(node.slice, ast.Slice):
            whole = node.slice.lower is None and node.slice.upper is None
            return whole and self(node.value)
        return _isMem(getattr(node.value, "obj", None)) and object_is_signed(node.obj)

    def Call(self, node: ast.Call) -> bool:
        function = getattr(node.func, "obj", None)
        if function == intbv.signed:
            return True
        if hasattr(node, "tree"):
            return object_is_signed(node.tree.returnObj)
        if function in (bool, len, concat):
            return False
        return bool(node.args) and self(node.args[0])


def annotate(tree: Any) -> None:
    """Tell every expression of an analysed process, and of the functions it calls, whether it is signed."""
    signedness = Signedness(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            node.signed = signedness(node)
        if hasattr(node, "tree"):
            annotate(node.tree)


def leaves(node: ast.AST) -> list[ast.AST]:
    """Operands that share one width: everything below sums, products, bit operations and alternatives."""
    if isinstance(node, ast.BinOp):
        shift = isinstance(node.op, (ast.LShift, ast.RShift))
        return leaves(node.left) + ([] if shift else leaves(node.right))
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
        return leaves(node.operand)
    if isinstance(node, ast.IfExp):
        return leaves(node.body) + leaves(node.orelse)
    return [node]
