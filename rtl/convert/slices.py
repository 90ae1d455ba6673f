"""Bits, slices and memory words in Verilog."""

from __future__ import annotations

import ast

from myhdl import SignalType, intbv
from myhdl.conversion._analyze import _Rom

from rtl.convert.signedness import leaves

_SAMPLES = (3, 17, 101)


class Slices:
    """Mixin of Expressions for everything in brackets."""

    def accessIndex(self, node: ast.Subscript) -> None:
        if isinstance(node.value.obj, _Rom):
            self.refuse(node, "trap 5", "a table read inside an expression")
        self._check_index(node.slice)
        self._operand(node, super().accessIndex)

    def _check_index(self, node: ast.AST) -> None:
        """An index stands alone: a sum of hardware values alone has only the width of the wider one."""
        arithmetic = any(
            isinstance(part, (ast.Add, ast.Sub, ast.Mult, ast.LShift)) for part in ast.walk(node)
        )
        if arithmetic and not any(self._is_integer(leaf) for leaf in leaves(node)):
            self.refuse(
                node, "trap 12", "index is a sum or product of narrow values: put it into a variable first"
            )

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
        inside_len = {
            id(part)
            for call in ast.walk(node)
            if isinstance(call, ast.Call) and call.func.obj is len
            for part in ast.walk(call)
        }
        free = {
            part.id for part in ast.walk(node) if isinstance(part, ast.Name) and id(part) not in inside_len
        }
        if any(self._varies(name) for name in free):
            return None
        return int(self.getVal(node))

    def _varies(self, name: str) -> bool:
        return (
            name in self.tree.vardict
            or name in self.tree.argnames
            or isinstance(self.tree.symdict.get(name), (SignalType, intbv))
        )

    def _slice_width(self, node: ast.Subscript, upper: ast.AST, lower: ast.AST | None) -> int:
        widths = {
            self._sample(upper, value) - (self._sample(lower, value) if lower else 0) for value in _SAMPLES
        }
        if len(widths) != 1 or min(widths) < 1:
            self.refuse(
                node,
                "trap 16",
                "the width of a slice must not depend on its position: write x[i * w + w : i * w]",
            )
        return widths.pop()

    def _sample(self, node: ast.AST, value: int) -> int:
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        sampled = {
            name: value if self._varies(name) else self.tree.symdict[name]
            for name in names
            if self._varies(name) or name in self.tree.symdict
        }
        expression = ast.Expression(node)
        return int(eval(compile(expression, "<slice>", "eval"), {}, sampled))
