"""Every place of the RTL in which one operator, constant, condition or assignment can be changed."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("lib", "systolic", "bcnn")
# What the compiler and the testbench read too: a change there is one of the specification.
PLAIN_DATA = ("config.py", "isa.py", "registers.py", "states.py", "__init__.py")
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change. file: below rtl/; start, end: (line, column) of the text that is replaced, lines from 1, columns in
    bytes from 0."""

    file: str
    start: tuple[int, int]
    end: tuple[int, int]
    kind: str
    before: str
    after: str

    @property
    def name(self) -> str:
        """Unlike that of any other."""
        return f"{self.file}:{self.start[0]}:{self.start[1]} {self.kind}: {self.before} -> {self.after}"

    def apply(self, text: str) -> str:
        """The file's text with the change."""
        lines = [line.encode() for line in text.splitlines(keepends=True)]
        (first, left), (last, right) = self.start, self.end
        changed = lines[first - 1][:left] + self.after.encode() + lines[last - 1][right:]
        return b"".join([*lines[: first - 1], changed, *lines[last:]]).decode()


def mutants(rtl: Path) -> list[Mutant]:
    """All there are, in the order of files and lines."""
    files = [file for folder in FOLDERS for file in sorted((rtl / folder).glob("*.py"))]
    return [
        mutant
        for file in files
        if file.name not in PLAIN_DATA
        for mutant in of_source(file.relative_to(rtl).as_posix(), file.read_text(encoding="utf-8"))
    ]


def of_source(file: str, text: str) -> list[Mutant]:
    """Those of one file, each once."""
    found = {
        mutant.name: mutant
        for function in blocks(ast.parse(text))
        for node in statements(function)
        for mutant in of_node(file, text, node)
    }
    return sorted(found.values(), key=lambda mutant: (mutant.start, mutant.end, mutant.after))


def blocks(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """The functions that make hardware: those at the top that are decorated as blocks."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(_name(each) == "block" for each in node.decorator_list):
            yield node


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def statements(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Every node of a block's body, but for docstrings, decorators, annotations and what only refuses bad input."""
    pending: list[ast.AST] = list(_body(function.body))
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.FunctionDef):
            pending += _body(node.body)
        elif isinstance(node, ast.AnnAssign):
            pending += [node.value] if node.value else []
        elif not isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr)):
            pending += ast.iter_child_nodes(node)


def _body(body: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    first = body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if documented else body


def of_node(file: str, text: str, node: ast.AST) -> Iterator[Mutant]:
    """The changes of one node."""
    for kind, target, changed in changes(node):
        before = ast.get_source_segment(text, target)
        if before is None or target.end_lineno is None or target.end_col_offset is None:
            continue
        start, end = (target.lineno, target.col_offset), (target.end_lineno, target.end_col_offset)
        after = "pass" if changed is None else ast.unparse(changed)
        wrapped = (
            f"({after})" if isinstance(changed, (ast.BinOp, ast.BoolOp, ast.Compare, ast.UnaryOp)) else after
        )
        yield Mutant(file, start, end, kind, " ".join(before.split()), wrapped)


def changes(node: ast.AST) -> Iterator[tuple[str, ast.expr | ast.stmt, ast.expr | None]]:
    """Kind, what is replaced, and by what; None: the statement goes."""
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            yield "operator", node, ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
            yield "operator", node, ast.Compare(left, [COMPARISONS[type(op)]()], [right])
        case ast.BoolOp(op=op, values=values):
            yield "operator", node, ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
            yield "operator", node, operand
        case ast.Constant(value=bool(value)):
            yield "constant", node, ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield "constant", node, ast.Constant(value + 1)
        case ast.If(test=test) | ast.IfExp(test=test):
            yield "condition", test, ast.UnaryOp(ast.Not(), test)
        case (
            ast.Assign(targets=[ast.Attribute(attr="next")])
            | ast.Assign(targets=[ast.Subscript(value=ast.Attribute(attr="next"))])
        ):
            yield "assignment", node, None
