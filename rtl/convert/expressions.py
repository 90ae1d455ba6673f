"""Expressions in Verilog that mean what Python means.

Verilog evaluates an expression in one width and one signedness, taken from all its operands. Sums,
products and bit operations come out right modulo that width if every operand is extended by its own sign;
so in an expression with any signed operand every unsigned one is written `$signed({1'b0, x})`. What cannot
be made right that way (shifts, slices and comparisons of sums) is refused by `rtl.convert.traps`; what
depends on widths is refused here.
"""

from __future__ import annotations

import ast
from typing import Any

from myhdl import concat
from myhdl.conversion._toVerilog import opmap

from rtl.convert.errors import TrapError
from rtl.convert.lines import relative_path
from rtl.convert.literals import literal
from rtl.convert.signedness import Signedness, constant
from rtl.convert.slices import Slices


class Expressions(Slices):
    """Mixin for MyHDL's conversion visitors; `signed` is None outside of any expression."""

    signed: bool | None = None

    def is_signed(self, node: ast.AST) -> bool:
        return Signedness(self.tree)(node)

    def refuse(self, node: ast.AST, trap: str, text: str) -> None:
        line = self.tree.lineoffset + node.lineno
        raise TrapError(f"{relative_path(self.tree.sourcefile)}:{line}: {trap}: {text}")

    def alone(self, node: ast.AST) -> None:
        """Write an expression whose width and sign do not depend on what stands around it."""
        outer, self.signed = self.signed, None
        self.visit(node)
        self.signed = outer

    def _operand(self, node: ast.AST, write: Any) -> None:
        """Write an operand, extended by a zero where the expression is signed and the operand is not."""
        outer, self.signed = self.signed, None
        wrap = outer and not self.is_signed(node) and not self._is_literal(node)
        self.write("$signed({1'b0, " if wrap else "")
        write(node)
        self.write("})" if wrap else "")
        self.signed = outer

    def _is_literal(self, node: ast.AST) -> bool:
        """Whether the text will be a literal, which is signed whatever its value."""
        return constant(self.tree, node) is not None

    def visit(self, node: ast.AST) -> None:
        """Constants are written as one literal: Verilog would compute them in 32 bits."""
        value = constant(self.tree, node) if isinstance(node, ast.expr) and self._is_read(node) else None
        if value is None:
            super().visit(node)
        else:
            self.write(literal(value))

    def _is_read(self, node: ast.AST) -> bool:
        return isinstance(getattr(node, "ctx", ast.Load()), ast.Load)

    def _shared(self, node: ast.AST, write: Any) -> None:
        """Write an operator whose operands share the expression's width and sign."""
        outer = self.signed
        if outer is None:
            self.signed = self.is_signed(node)
        write(node)
        self.signed = outer

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._shared(node, self._write_binary)

    def _write_binary(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.RShift) and self.signed:
            self._write_signed_shift(node)
            return
        self.write("(")
        self.visit(node.left)
        self.write(f" {'>>' if isinstance(node.op, ast.RShift) else opmap[type(node.op)]} ")
        if isinstance(node.op, (ast.LShift, ast.RShift)):
            self.alone(node.right)
        else:
            self.visit(node.right)
        self.write(")")

    def _write_signed_shift(self, node: ast.BinOp) -> None:
        self.write("(")
        self.visit(node.left)
        self.write(" >>> ")
        self.alone(node.right)
        self.write(")")

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._operand(node, self._write_not)
        elif isinstance(node.op, ast.Invert) and not self.is_signed(node.operand):
            self._operand(node, self._write_masked_invert)
        else:
            self._shared(node, super().visit_UnaryOp)

    def _write_not(self, node: ast.UnaryOp) -> None:
        self.write("(!")
        self.visit(node.operand)
        self.write(")")

    def _write_masked_invert(self, node: ast.UnaryOp) -> None:
        """Python inverts within the operand's own bits; braces keep Verilog from extending it first."""
        self.write("{~")
        self.visit(node.operand)
        self.write("}")

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self._operand(node, super().visit_BoolOp)

    def visit_Compare(self, node: ast.Compare) -> None:
        self._operand(node, self._write_compare)

    def _write_compare(self, node: ast.Compare) -> None:
        self.signed = self.is_signed(node.left) or self.is_signed(node.comparators[0])
        self.write("(")
        self.visit(node.left)
        self.write(f" {opmap[type(node.ops[0])]} ")
        self.visit(node.comparators[0])
        self.write(")")

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._shared(node, self._write_conditional)

    def _write_conditional(self, node: ast.IfExp) -> None:
        self.write("(")
        self.alone(node.test)
        self.write(" ? ")
        self.visit(node.body)
        self.write(" : ")
        self.visit(node.orelse)
        self.write(")")

    def visit_Constant(self, node: ast.Constant) -> None:
        self._operand(node, super().visit_Constant)

    def getName(self, node: ast.Name) -> None:
        self._operand(node, super().getName)

    def getAttr(self, node: ast.Attribute) -> None:
        self._operand(node, super().getAttr)

    def visit_Call(self, node: ast.Call) -> None:
        if node.func.obj is int:
            self.visit(node.args[0])
            return
        if node.func.obj is concat:
            self._check_concat(node)
            self._operand(node, self._write_concat)
        else:
            self._operand(node, super().visit_Call)

    def _write_concat(self, node: ast.Call) -> None:
        self.write("{")
        for position, argument in enumerate(node.args):
            self.write(", " if position else "")
            value = constant(self.tree, argument)
            self.visit(argument) if value is None else self.write(f"1'b{value:d}")
        self.write("}")

    def _check_concat(self, node: ast.Call) -> None:
        if self.is_signed(node.args[0]):
            self.refuse(
                node, "trap 20", "concat keeps the sign of its first argument in Python: slice it, x[len(x):]"
            )
