"""Every place of the RTL in which one operator, constant, condition or assignment can be changed."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
    """One change. file: below rtl/; function: the innermost one around it; start, end: (line, column) of the text that
    is replaced, lines from 1, columns in bytes from 0; number: among equal changes of a function."""

    file: str
    function: str
    start: tuple[int, int]
    end: tuple[int, int]
    kind: str
    before: str
    after: str
    number: int = 1

    @property
    def name(self) -> str:
        """Unlike that of any other, and the same when other lines of the file change."""
        again = f" #{self.number}" if self.number > 1 else ""
        return f"{self.file} {self.function} {self.kind}: {self.before} -> {self.after}{again}"

    @property
    def place(self) -> str:
        """File and line."""
        return f"rtl/{self.file}:{self.start[0]}"

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
    """Those of one file, each once, in the order of its lines."""
    found = {
        (mutant.start, mutant.end, mutant.after): mutant
        for block in blocks(ast.parse(text))
        for function, node in statements(block)
        for mutant in of_node(file, function, text, node)
    }
    seen: Counter[str] = Counter()
    numbered = []
    for _, mutant in sorted(found.items()):
        seen[mutant.name] += 1
        numbered.append(replace(mutant, number=seen[mutant.name]))
    return numbered


def blocks(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """The functions that make hardware: those at the top that are decorated as blocks."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(_name(each) == "block" for each in node.decorator_list):
            yield node


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def statements(function: ast.FunctionDef) -> Iterator[tuple[str, ast.AST]]:
    """Every node of a block's body with the innermost function around it, but for docstrings, decorators, annotations,
    what only refuses bad input and what only says which bits are meant to be unused: none of it makes hardware."""
    pending: list[tuple[str, ast.AST]] = [(function.name, node) for node in _body(function.body)]
    while pending:
        name, node = pending.pop()
        if _only_remarks(node):
            continue
        yield name, node
        if isinstance(node, ast.FunctionDef):
            pending += [(node.name, each) for each in _body(node.body)]
        elif isinstance(node, ast.AnnAssign):
            pending += [(name, node.value)] if node.value else []
        elif not isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr)):
            width = width_of(node)
            pending += [(name, each) for each in ast.iter_child_nodes(node) if each is not width]
            pending += [(name, Width(width))] if width else []


class Width(ast.AST):
    """A signal's number of bits. One more is rarely seen by anybody; one less is the mistake that people make."""

    def __init__(self, constant: ast.Constant) -> None:
        super().__init__()
        self.constant = constant


def width_of(node: ast.AST) -> ast.Constant | None:
    """The width in word(8), signed(8), and in what intbv(0)[8:] is cut by."""
    match node:
        case ast.Call(func=ast.Name(id="word" | "signed"), args=[ast.Constant(value=int()) as width, *_]):
            return width
        case ast.Slice(lower=ast.Constant(value=int()) as width, upper=None):
            return width
    return None


def _only_remarks(node: ast.AST) -> bool:
    """Is it a call of unused(), or a statement around nothing but such calls?"""
    if isinstance(node, (ast.If, ast.For)):
        return all(_only_remarks(each) for each in [*node.body, *node.orelse])
    return (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _name(node.value.func) == "unused"
    )


def _body(body: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    first = body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if documented else body


def of_node(file: str, function: str, text: str, node: ast.AST) -> Iterator[Mutant]:
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
        yield Mutant(file, function, start, end, kind, " ".join(before.split()), wrapped)


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
        case Width(constant=ast.Constant(value=int(value)) as width):
            yield "constant", width, ast.Constant(value - 1)
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
