"""MyHDL keeps counters and maps in module globals; each module is converted with its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import myhdl._extractHierarchy
import myhdl.conversion._misc
from myhdl import EnumItemType
from myhdl.conversion._analyze import _access, _AnalyzeVisitor


def _analyse_conditional(visitor: _AnalyzeVisitor, node: ast.IfExp) -> None:
    """Type of `a if test else b`, which MyHDL's analysis leaves out."""
    visitor.generic_visit(node)
    truth = isinstance(node.body.obj, bool) and isinstance(node.orelse.obj, bool)
    node.obj = False if truth else -1


def _analyse_comparison(visitor: _AnalyzeVisitor, node: ast.Compare) -> None:
    """As MyHDL's, which fails on `v == 0` where v is a variable passed to a function."""
    node.obj = False
    for side in (node.left, *node.comparators):
        visitor.visit(side)
    value = node.comparators[0].obj
    value = int(value) if isinstance(value, bool) else value
    if (
        isinstance(node.ops[0], ast.Eq)
        and isinstance(node.left, ast.Name)
        and isinstance(value, (EnumItemType, int))
    ):
        node.case = (node.left, value)


def _analyse_call(visitor: _AnalyzeVisitor, node: ast.Call) -> None:
    """As MyHDL's, which after `len(x)` does not count the next Signals as read: they were no ports."""
    _visit_call(visitor, node)
    visitor.access = _access.INPUT


_visit_call = _AnalyzeVisitor.visit_Call
_AnalyzeVisitor.visit_Call = _analyse_call
_AnalyzeVisitor.visit_IfExp = _analyse_conditional
_AnalyzeVisitor.visit_Compare = _analyse_comparison


@contextmanager
def replaced(holder: object, name: str, value: object) -> Iterator[None]:
    """The attribute has another value inside the block."""
    before = getattr(holder, name)
    setattr(holder, name, value)
    try:
        yield
    finally:
        setattr(holder, name, before)


@contextmanager
def fresh_state() -> Iterator[None]:
    """No memory, label or suffix of another module is seen inside: names do not depend on history."""
    misc = myhdl.conversion._misc
    suffixes = misc._UniqueSuffixGenerator()
    with ExitStack() as stack:
        stack.enter_context(replaced(myhdl._extractHierarchy, "_memInfoMap", {}))
        stack.enter_context(replaced(misc, "_genLabel", misc._LabelGenerator()))
        stack.enter_context(replaced(misc._genUniqueSuffix, "i", suffixes.i))
        yield
