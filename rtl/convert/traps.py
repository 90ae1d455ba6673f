"""The check of the Python source: constructs that MyHDL converts wrongly, or that nobody should write.

It reads the source of every process, and of every function a process calls, with the names resolved to
the objects of the elaborated design, so that `depth - 1` is known for a number and `a - b` for hardware.
What each trap is and what to write instead stands in docs/myhdl-traps.md; the numbers are the same.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from myhdl import ConcatSignal, SignalType, concat, downrange, intbv, modbv
from myhdl._ShadowSignal import _ShadowSignal
from myhdl._Signal import _isListOfSigs

from rtl.convert.lines import relative_path
from rtl.convert.ports import holds_signals

CONSTANT, INTEGER, HARDWARE = range(3)
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.LShift)
_DIVISIONS = (ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_CALLS = (bool, int, len, range, downrange, concat, intbv, modbv)
_LAND = "let it land in a Signal or in a variable of exact bounds first, then {verb} that"
_STATEMENTS: dict[type, str] = {
    ast.While: "while loop: use for over a constant range",
    ast.Match: "match: its alternatives convert wrongly; use if and elif",
    ast.Try: "try: hardware has no exceptions",
    ast.With: "with: not hardware",
    ast.Global: "global: state lives in Signals",
    ast.Nonlocal: "nonlocal: state lives in Signals",
    ast.Yield: "yield: write always_comb, always or always_seq processes",
    ast.Lambda: "lambda: write a function",
    ast.ListComp: "list comprehension in a process: write a memory as a list of Signals outside",
    ast.NamedExpr: "assignment inside an expression",
}


class Unresolved(Exception):
    """The expression is no constant of the design."""


def environment(function: FunctionType) -> dict[str, Any]:
    """Names that a function sees from outside."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {**vars(builtins), **function.__globals__, **{name: cell.cell_contents for name, cell in cells}}


def check_process(function: FunctionType, combinational: bool) -> list[str]:
    """Problems of one process and of the functions it calls: `file:line: trap N: what; do this instead`."""
    return _Checker(function, combinational).run()


class _Checker(ast.NodeVisitor):
    def __init__(self, function: FunctionType, combinational: bool = False, depth: int = 0) -> None:
        source, self.first_line = inspect.getsourcelines(function)
        self.definition = ast.parse(textwrap.dedent("".join(source))).body[0]
        self.file = relative_path(function.__code__.co_filename)
        self.names = environment(function)
        self.combinational = combinational
        self.depth = depth
        self.locals = set(function.__code__.co_varnames)
        self.loops: list[str] = []
        self.finished_loops: set[str] = set()
        self.problems: list[str] = []
        self.driven: dict[int, str] = {}

    def run(self) -> list[str]:
        for statement in self.definition.body:
            self.visit(statement)
        if self.combinational:
            self._check_feedback()
        return self.problems

    def report(self, node: ast.AST, trap: str, text: str) -> None:
        problem = f"{self.file}:{self.first_line + node.lineno - 1}: {trap}: {text}"
        if problem not in self.problems:
            self.problems.append(problem)

    # What a name means

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

    # Expressions

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, _DIVISIONS) and self.kind(node) != CONSTANT:
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
        elif isinstance(node.operand, ast.Subscript) and not isinstance(node.operand.slice, ast.Slice):
            if not _isListOfSigs(self.resolved(node.operand.value)):
                self.report(node, "trap 7", "~ of a bit is negative in Python: write not")

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

    def kind_of_arguments(self, call: ast.Call) -> int:
        values = [*call.args, *(keyword.value for keyword in call.keywords)]
        return max((self.kind(value) for value in values), default=CONSTANT)

    def _is_list(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute) and node.attr == "next":
            return False
        value = self.resolved(node)
        return isinstance(value, list) and holds_signals(value)

    def _is_table(self, node: ast.AST) -> bool:
        value = self.resolved(node)
        return isinstance(value, (tuple, list)) and not holds_signals(value)

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
            self.problems += _Checker(function, depth=self.depth + 1).run()

    # Statements

    def visit(self, node: ast.AST) -> None:
        message = _STATEMENTS.get(type(node))
        if message:
            self.report(node, "trap 15", message)
        else:
            super().visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._check_target(target)
            self.visit(target)
        if isinstance(node.value, ast.Subscript) and self._is_table(node.value.value):
            self._check_table_read(node.value)
        else:
            self.visit(node.value)

    def _check_table_read(self, node: ast.Subscript) -> None:
        if isinstance(self.resolved(node.value), list):
            self.report(node, "trap 5", "a list of numbers as a table: make it a tuple")
        self.visit(node.slice)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._check_target(node.target)
        if isinstance(node.op, _DIVISIONS):
            self.report(node, "trap 3", "/, //, % and ** on hardware: shift and mask, or use a table")
        self.generic_visit(node)

    def _check_target(self, target: ast.AST) -> None:
        if isinstance(target, ast.Name) and target.id in self.loops:
            self.report(
                target,
                "trap 18",
                f"loop variable {target.id} is changed: Python goes on counting, Verilog does not",
            )
        for node in ast.walk(target):
            if isinstance(node, ast.Attribute) and node.attr == "next":
                base = node.value.value if isinstance(node.value, ast.Subscript) else node.value
                self.driven[id(self.resolved(base))] = ast.unparse(base)

    def visit_For(self, node: ast.For) -> None:
        if not isinstance(node.target, ast.Name):
            self.report(node, "trap 15", "a loop has one variable")
            return
        name = node.target.id
        if name in self.loops:
            self.report(
                node, "trap 18", f"inner loop counts with {name} of the outer loop: take another name"
            )
        for argument in getattr(node.iter, "args", []):
            if self.kind(argument) == HARDWARE:
                self.report(node, "trap 15", "the bounds of a loop must be constants")
        self.loops.append(name)
        for statement in (*node.body, *node.orelse):
            self.visit(statement)
        self.loops.pop()
        self.finished_loops.add(name)

    def visit_If(self, node: ast.If) -> None:
        self._check_condition(node.test)
        self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        """Checked by MyHDL's simulator only."""

    # Feedback inside one combinational process

    def _check_feedback(self) -> None:
        for node in self._reads():
            value = self.resolved(node)
            if value is not None and id(value) in self.driven:
                self.report(
                    node,
                    "trap 19",
                    f"always_comb reads {self.driven[id(value)]}, which it drives: "
                    "Python sees the old value, Verilog the new; use a variable",
                )

    def _reads(self) -> Iterator[ast.AST]:
        """Names of Signals that are read: neither assigned, nor only asked for their width or bounds."""
        passed_over = {id(part) for node in ast.walk(self.definition) for part in _not_read(node)}
        for statement in self.definition.body:
            for node in ast.walk(statement):
                named = isinstance(node, (ast.Name, ast.Attribute)) and id(node) not in passed_over
                if named and holds_signals(self.resolved(node)):
                    yield node


def _not_read(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Attribute) and node.attr == "next":
        base = node.value.value if isinstance(node.value, ast.Subscript) else node.value
        yield from ast.walk(base)
    elif (isinstance(node, ast.Attribute) and node.attr in ("min", "max")) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len"
    ):
        yield from ast.walk(node)
