"""Traps inside expressions."""

from __future__ import annotations

import ast
from types import FunctionType

from myhdl import ConcatSignal, SignalType, concat, downrange, intbv, modbv
from myhdl._ShadowSignal import _ShadowSignal
from myhdl._Signal import _isListOfSigs

from rtl.convert.meaning import CONSTANT, Meaning
from rtl.convert.ports import holds_signals

DIVISIONS = (ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_CALLS = (bool, int, len, range, downrange, concat, intbv, modbv)
_LAND = "let it land in a Signal or in a variable of exact bounds first, then {verb} that"


class ExpressionTraps(Meaning, ast.NodeVisitor):
    """The part of the checker that visits expressions."""

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, DIVISIONS) and self.kind(node) != CONSTANT:
            self.report(node, "trap 3", "/, //, % and ** on hardware: shift and mask, or use a table")
        elif isinstance(node.op, (ast.LShift, ast.RShift)) and self.arithmetic(node.left):
            self.report(node, "trap 12", f"shift of a sum or product: {_LAND.format(verb='shift')}")
        elif isinstance(node.op, (ast.LShift, ast.RShift)) and self.arithmetic(node.right):
            self.report(node, "trap 12", f"shift by a sum or product: {_LAND.format(verb='shift by')}")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        if any(isinstance(op, (ast.In, ast.NotIn, ast.Is, ast.IsNot)) for op in node.ops):
            self.report(node, "trap 15", "in and is do not convert: compare with == and join by or")
        if len(node.ops) > 1:
            self.report(node, "trap 15", "chained comparison: write two, joined by and")
        if any(self.arithmetic(side) for side in (node.left, *node.comparators)):
            self.report(node, "trap 12", f"comparison of a sum or product: {_LAND.format(verb='compare')}")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Invert) and self.kind(node) != CONSTANT:
            self._check_invert(node)
        if isinstance(node.op, ast.Not):
            self._check_condition(node.operand)
        self.generic_visit(node)

    def _check_invert(self, node: ast.UnaryOp) -> None:
        target = self.resolved(node.operand)
        if isinstance(target, SignalType) and target._type is bool:
            self.report(node, "trap 7", "~ of a bool is negative in Python: write not")
        elif not isinstance(node.operand, (ast.Name, ast.Attribute, ast.Subscript)):
            self.report(
                node, "trap 7", "~ of an expression is negative in Python: put it into a variable first"
            )
        elif self._is_bit(node.operand):
            self.report(node, "trap 7", "~ of a bit is negative in Python: write not")

    def _is_bit(self, node: ast.AST) -> bool:
        indexed = isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice)
        return indexed and not _isListOfSigs(self.resolved(node.value))

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for value in node.values:
            self._check_condition(value)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._check_condition(node.test)
        self.generic_visit(node)

    def _check_condition(self, node: ast.AST) -> None:
        if self.arithmetic(node):
            self.report(node, "trap 12", f"condition on a sum or product: {_LAND.format(verb='test')}")

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if self._is_table(node.value):
            self.report(
                node,
                "trap 5",
                "a table read inside an expression: read it into a variable or Signal "
                "alone (x.next = TABLE[i])",
            )
        self._check_base(node)
        self.generic_visit(node)

    def _check_base(self, node: ast.Subscript) -> None:
        base = node.value
        if isinstance(base, ast.Subscript):
            if isinstance(base.slice, ast.Slice) or not self._is_list(base.value):
                self.report(node, "trap 16", "slice of a slice: take the final bits in one slice")
        elif isinstance(base, ast.Call):
            if not self._is_declaration(base):
                self.report(node, "trap 16", "slice of a call: put the value into a variable first")
        elif not isinstance(base, (ast.Name, ast.Attribute)):
            self.report(node, "trap 12", f"slice of an expression: {_LAND.format(verb='slice')}")
        bounds = node.slice
        if isinstance(bounds, ast.Slice) and bounds.lower is None and bounds.upper is not None:
            self.report(
                node, "trap 17", "x[:n] keeps the sign in Python and loses it in Verilog: write x[len(x):n]"
            )

    def _is_declaration(self, call: ast.Call) -> bool:
        return self.resolved(call.func) in (intbv, modbv) and self.kind_of_arguments(call) == CONSTANT

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self.finished_loops and node.id not in self.loops and isinstance(node.ctx, ast.Load):
            self.report(node, "trap 18", f"{node.id} is read after its loop: Verilog has counted one further")
        self._check_list(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._check_list(node)
        self.generic_visit(node)

    def _check_list(self, node: ast.AST) -> None:
        value = self.resolved(node)
        if not isinstance(value, (list, tuple)) or not holds_signals(value):
            return
        if not _isListOfSigs(value):
            self.report(
                node,
                "trap 8",
                "a nested list, or one of interfaces, in a process: flatten it to a list of Signals outside",
            )
        elif any(isinstance(item, _ShadowSignal) for item in value):
            self.report(
                node,
                "trap 1",
                "a list of slices or concatenations becomes an undriven memory: slice the "
                "bus in the process, or in one small block for each lane",
            )

    def visit_Call(self, node: ast.Call) -> None:
        function = self.resolved(node.func)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "signed":
            self.visit(node.func.value)
            return
        if function is ConcatSignal:
            self.report(node, "trap 8", "ConcatSignal in a process: use concat, or make it outside")
        elif isinstance(function, FunctionType) and function not in _CALLS:
            self._check_function(node, function)
        elif function not in _CALLS:
            self.report(
                node,
                "trap 4",
                f"{ast.unparse(node.func)}() is copied into the Verilog as it stands: write "
                "a conditional expression, or compute constants outside the process",
            )
        if function is bool and node.args:
            self._check_condition(node.args[0])
        self.generic_visit(node)

    def _check_function(self, node: ast.Call, function: FunctionType) -> None:
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            if self.arithmetic(argument):
                self.report(
                    node,
                    "trap 12",
                    "a sum or product as argument is cut to 32 bits: put it into a variable first",
                )
        if self.depth < 8:
            self.problems += type(self)(function, depth=self.depth + 1).run()
