"""The check of the Python source: constructs that MyHDL converts wrongly, or that nobody should write.

It reads the source of every process, and of every function a process calls, with the names resolved to
the objects of the elaborated design, so that `depth - 1` is known for a number and `a - b` for hardware.
What each trap is and what to write instead stands in docs/myhdl-traps.md; the numbers are the same.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import FunctionType

from rtl.convert.lines import relative_path
from rtl.convert.meaning import HARDWARE, environment
from rtl.convert.ports import holds_signals
from rtl.convert.trap_expressions import DIVISIONS, ExpressionTraps

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


def check_process(function: FunctionType, combinational: bool) -> list[str]:
    """Problems of one process and of the functions it calls: `file:line: trap N: what; do this instead`."""
    return _Checker(function, combinational).run()


class _Checker(ExpressionTraps):
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
        if isinstance(node.op, DIVISIONS):
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
