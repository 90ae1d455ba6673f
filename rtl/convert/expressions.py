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

from myhdl import SignalType, concat, intbv
from myhdl._extractHierarchy import _isMem
from myhdl.conversion._analyze import _Rom
from myhdl.conversion._toVerilog import opmap

from rtl.convert.errors import TrapError
from rtl.convert.lines import relative_path
from rtl.convert.literals import literal

INTEGER_BITS = 32
_SAMPLES = (3, 17, 101)


def object_is_signed(value: object) -> bool:
    """Whether Verilog declares such a variable, Signal or number as signed."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return True
    return isinstance(value, (SignalType, intbv)) and value._min is not None and value._min < 0


_FOLDED = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.operator, ast.unaryop, ast.cmpop,
           ast.boolop, ast.expr_context)


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


class Expressions:
    """Mixin for MyHDL's conversion visitors; `signed` is None outside of any expression."""

    signed: bool | None = None
    loop_bits: dict[str, int]

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
            self.refuse(node, "trap 20", "concat keeps the sign of its first argument in Python: slice it, x[len(x):]")

    # Bits and memory words

    def accessIndex(self, node: ast.Subscript) -> None:
        if isinstance(node.value.obj, _Rom):
            self.refuse(node, "trap 5", "a table read inside an expression")
        self._check_index(node.slice)
        self._operand(node, super().accessIndex)

    def _check_index(self, node: ast.AST) -> None:
        """An index stands alone: a sum of hardware values alone has only the width of the wider one."""
        arithmetic = any(isinstance(part, (ast.Add, ast.Sub, ast.Mult, ast.LShift)) for part in ast.walk(node))
        if arithmetic and not any(self._is_integer(leaf) for leaf in leaves(node)):
            self.refuse(node, "trap 12", "index is a sum or product of narrow values: put it into a variable first")

    def _is_integer(self, node: ast.AST) -> bool:
        if self._is_literal(node):
            return True
        return isinstance(node, ast.Name) and type(self.tree.vardict.get(node.id)) is int

    def accessSlice(self, node: ast.Subscript) -> None:
        if isinstance(node.value, ast.Call):
            self._operand(node, super().accessSlice)
            return
        self._operand(node, self._write_slice)

    def _write_slice(self, node: ast.Subscript) -> None:
        upper, lower = node.slice.lower, node.slice.upper
        self.alone(node.value)
        if upper is None:
            return
        high, low = self._bound(upper), 0 if lower is None else self._bound(lower)
        if high is not None and low is not None:
            self.write(f"[{high - 1}:{low}]")
            return
        self.write("[")
        self._write_low_bound(lower)
        self.write(f" +: {self._slice_width(node, upper, lower)}]")

    def _write_low_bound(self, lower: ast.AST | None) -> None:
        if lower is None:
            self.write("0")
        else:
            self._check_index(lower)
            self.alone(lower)

    def _bound(self, node: ast.AST) -> int | None:
        """A bound of a slice that is fixed; `len(x)` is."""
        inside_len = {id(part) for call in ast.walk(node) if isinstance(call, ast.Call) and call.func.obj is len
                      for part in ast.walk(call)}
        free = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and id(part) not in inside_len}
        if any(self._varies(name) for name in free):
            return None
        return int(self.getVal(node))

    def _varies(self, name: str) -> bool:
        return name in self.tree.vardict or name in self.tree.argnames or isinstance(
            self.tree.symdict.get(name), (SignalType, intbv))

    def _slice_width(self, node: ast.Subscript, upper: ast.AST, lower: ast.AST | None) -> int:
        widths = {self._sample(upper, value) - (self._sample(lower, value) if lower else 0) for value in _SAMPLES}
        if len(widths) != 1 or min(widths) < 1:
            self.refuse(node, "trap 16", "the width of a slice must not depend on its position: write "
                                         "x[i * w + w : i * w]")
        return widths.pop()

    def _sample(self, node: ast.AST, value: int) -> int:
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        sampled = {name: value if self._varies(name) else self.tree.symdict[name] for name in names
                   if self._varies(name) or name in self.tree.symdict}
        expression = ast.Expression(node)
        return int(eval(compile(expression, "<slice>", "eval"), {}, sampled))

    # Statements

    def visit_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice) and target.slice.lower:
            if self.is_signed(node.value):
                self.refuse(node, "trap 21", "a negative value spreads beyond the slice in Python: assign value[w:]")
        if isinstance(target, ast.Name) and type(self.tree.vardict.get(target.id)) is int:
            self._check_integer(node.value)
        super().visit_Assign(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name) and type(self.tree.vardict.get(node.target.id)) is int:
            self.refuse(node, "trap 22", "a variable without bounds counts in 32 bits: declare it "
                                         "v = intbv(0, min=a, max=b) and assign v[:]")
        self.visit(node.target)
        self.write(" = ")
        shift = isinstance(node.op, (ast.LShift, ast.RShift))
        self.signed = self.is_signed(node.target) or (not shift and self.is_signed(node.value))
        self._operand(node.target, self.visit)
        self.write(f" {'>>' if isinstance(node.op, ast.RShift) and not self.signed else opmap[type(node.op)]} ")
        self.alone(node.value) if shift else self.visit(node.value)
        self.write(";")
        self.signed = None

    def _check_integer(self, node: ast.AST) -> None:
        if self.bits(node) > INTEGER_BITS:
            self.refuse(node, "trap 22", "a variable without bounds has 32 bits: declare it "
                                         "v = intbv(0, min=a, max=b) and assign v[:]")

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and type(getattr(self.tree, "returnObj", None)) is int:
            self._check_integer(node.value)
        super().visit_Return(node)

    def visit_For(self, node: ast.For) -> None:
        bounds = [constant(self.tree, argument) or 0 for argument in node.iter.args]
        self.loop_bits = {**getattr(self, "loop_bits", {}), node.target.id: max(map(abs, bounds)).bit_length() + 1}
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
