"""Statements whose meaning depends on the widths of expressions."""

from __future__ import annotations

import ast

from myhdl.conversion._analyze import _Rom
from myhdl.conversion._toVerilog import opmap

from rtl.convert.signedness import constant, object_is_signed

INTEGER_BITS = 32


class Statements:
    """Mixin of the conversion visitors: assignments that would lose bits are refused."""

    loop_bits: dict[str, int]

    def visit_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        part = isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice)
        if part and target.slice.lower and self.is_signed(node.value):
            self.refuse(
                node, "trap 21", "negative values spread beyond the slice in Python: assign value[w:]"
            )
        if isinstance(target, ast.Name) and type(self.tree.vardict.get(target.id)) is int:
            self._check_integer(node.value)
        super().visit_Assign(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name) and type(self.tree.vardict.get(node.target.id)) is int:
            self.refuse(
                node,
                "trap 22",
                "a variable without bounds counts in 32 bits: declare it "
                "v = intbv(0, min=a, max=b) and assign v[:]",
            )
        self.visit(node.target)
        self.write(" = ")
        shift = isinstance(node.op, (ast.LShift, ast.RShift))
        self.signed = self.is_signed(node.target) or (not shift and self.is_signed(node.value))
        self._operand(node.target, self.visit)
        self.write(
            f" {'>>' if isinstance(node.op, ast.RShift) and not self.signed else opmap[type(node.op)]} "
        )
        self.alone(node.value) if shift else self.visit(node.value)
        self.write(";")
        self.signed = None

    def _check_integer(self, node: ast.AST) -> None:
        if self.bits(node) > INTEGER_BITS:
            self.refuse(
                node,
                "trap 22",
                "a variable without bounds has 32 bits: declare it "
                "v = intbv(0, min=a, max=b) and assign v[:]",
            )

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and type(getattr(self.tree, "returnObj", None)) is int:
            self._check_integer(node.value)
        super().visit_Return(node)

    def visit_For(self, node: ast.For) -> None:
        bounds = [constant(self.tree, argument) or 0 for argument in node.iter.args]
        self.loop_bits = {
            **getattr(self, "loop_bits", {}),
            node.target.id: max(map(abs, bounds)).bit_length() + 1,
        }
        super().visit_For(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        self.write("// assert: checked in MyHDL's simulator")

    def bits(self, node: ast.AST) -> int:
        """Upper bound of the bits, sign included, that hold an expression's value."""
        if self._is_literal(node):
            return int(constant(self.tree, node)).bit_length() + 1
        if isinstance(node, ast.BinOp):
            return self._binary_bits(node)
        if isinstance(node, ast.UnaryOp):
            return 2 if isinstance(node.op, ast.Not) else self.bits(node.operand) + 1
        if isinstance(node, ast.IfExp):
            return max(self.bits(node.body), self.bits(node.orelse))
        if isinstance(node, (ast.Compare, ast.BoolOp)):
            return 2
        return self._operand_bits(node)

    def _binary_bits(self, node: ast.BinOp) -> int:
        left = self.bits(node.left)
        if isinstance(node.op, ast.RShift):
            return left
        if isinstance(node.op, ast.LShift):
            distance = constant(self.tree, node.right)
            return left + (distance if distance is not None else (1 << self.bits(node.right)))
        right = self.bits(node.right)
        if isinstance(node.op, ast.Mult):
            return left + right
        return max(left, right) + isinstance(node.op, (ast.Add, ast.Sub))

    def _operand_bits(self, node: ast.AST) -> int:
        if isinstance(node, ast.Name) and node.id in getattr(self, "loop_bits", {}):
            return self.loop_bits[node.id]
        if isinstance(node, ast.Subscript) and isinstance(node.value.obj, _Rom):
            return max(map(int.bit_length, map(int, node.value.obj.rom))) + 1
        return self._object_bits(node)

    def _object_bits(self, node: ast.AST) -> int:
        value = node.tree.returnObj if hasattr(node, "tree") else getattr(node, "obj", None)
        if isinstance(value, bool):
            return 2
        width = getattr(value, "_nrbits", 0)
        return (width or INTEGER_BITS) + (0 if object_is_signed(value) else 1)
