"""Verilog of processes: MyHDL's own visitors, with source lines and without their known faults.

What differs from MyHDL: a `` `line `` directive before every statement; always_comb is `always @*`;
literals keep their sign beyond 31 bits; conditional expressions stand in parentheses; registers are reset
in the order of their names; blocks are named only where they must be.
"""

from __future__ import annotations

import ast
import re
from contextlib import ExitStack, contextmanager
from io import StringIO

import myhdl.conversion._toVerilog as verilog
from myhdl import EnumItemType
from myhdl.conversion._misc import _kind

from rtl.convert.expressions import Expressions
from rtl.convert.lines import directive
from rtl.convert.literals import literal
from rtl.convert.myhdl_state import replaced
from rtl.convert.statements import Statements


class _Lines:
    """Statement visitors that say which line of Python each statement comes from."""

    def source_line(self, node: ast.AST) -> None:
        line = self.tree.lineoffset + node.lineno
        self.buf.write("\n" + directive(self.tree.sourcefile, line))

    def visit_stmt(self, body) -> None:
        for statement in body:
            self.source_line(statement)
            self.writeline()
            self.visit(statement)

    def mapToIf(self, node) -> None:
        for position, (test, suite) in enumerate(node.tests):
            if position:
                self.source_line(test)
                self.writeline()
            self.write("if (" if position == 0 else "else if (")
            self.visit(test)
            self.write(") begin")
            self._suite(suite)
        if node.else_:
            self.writeline()
            self.write("else begin")
            self._suite(node.else_)

    def _suite(self, suite) -> None:
        self.indent()
        self.visit_stmt(suite)
        self.dedent()
        self.writeline()
        self.write("end")

    def IntRepr(self, n, radix="") -> str:
        return literal(n, radix)

    def writeDoc(self, node) -> None:
        super().writeDoc(node)
        self.source_line(node)
        self.writeline()


class _Combinational(_Lines, Statements, Expressions, verilog._ConvertAlwaysCombVisitor):
    def writeSensitivityList(self, senslist) -> None:
        self.write("@*")


class _Continuous(_Lines, Statements, Expressions, verilog._ConvertSimpleAlwaysCombVisitor):
    pass


class _Clocked(_Lines, Statements, Expressions, verilog._ConvertAlwaysDecoVisitor):
    pass


class _Function(_Lines, Statements, Expressions, verilog._ConvertFunctionVisitor):
    pass


class _Task(_Lines, Statements, Expressions, verilog._ConvertTaskVisitor):
    pass


class _ClockedWithReset(_Lines, Statements, Expressions, verilog._ConvertAlwaysSeqVisitor):
    def visit_FunctionDef(self, node) -> None:
        tree = self.tree
        driven = {id(tree.symdict[name]) for name in tree.outputs}
        driven |= {id(word) for name in tree.outmems for word in tree.symdict[name]}
        left = [signal for signal in tree.sigregs if id(signal) in driven]
        tree.sigregs = sorted(left, key=lambda signal: signal._name)
        super().visit_FunctionDef(node)


def _reset_value(register, init) -> str:
    return literal(init if isinstance(init, EnumItemType) else int(init))


_VISITORS = {
    _kind.SIMPLE_ALWAYS_COMB: _Continuous,
    _kind.ALWAYS_COMB: _Combinational,
    _kind.ALWAYS_DECO: _Clocked,
    _kind.ALWAYS_SEQ: _ClockedWithReset,
}


_NEEDS_NAME = re.compile(r"^\s*(integer|reg|disable)\b", re.MULTILINE)  # variables, and where to return to
_NAMED = re.compile(r"\bbegin: (\w+)")


@contextmanager
def _own_visitors():
    with ExitStack() as stack:
        stack.enter_context(replaced(verilog, "_ConvertFunctionVisitor", _Function))
        stack.enter_context(replaced(verilog, "_ConvertTaskVisitor", _Task))
        stack.enter_context(replaced(verilog, "_intRepr", literal))
        stack.enter_context(replaced(verilog, "_convertInitVal", _reset_value))
        yield


def write_process(tree) -> tuple[str, str]:
    """Verilog of one analysed process: the functions it calls, and the process itself."""
    functions, process = StringIO(), StringIO()
    with _own_visitors():
        _VISITORS[tree.kind](tree, process, functions).visit(tree)
    return functions.getvalue(), _unnamed(process.getvalue())


def _unnamed(process: str) -> str:
    """The process with its name in a comment, unless something in it needs a named block.

    Icarus starts a thread for a named block each time: that cost it more than half of its speed.
    """
    if _NEEDS_NAME.search(process):
        return process
    return _NAMED.sub(r"begin // \1", process, count=1)
