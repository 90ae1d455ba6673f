"""Source positions in generated Verilog: `` `line `` directives that name Python files.

Paths are relative to the repository, or, for a variant kept outside it, to the import path entry that
holds it: generated text never depends on where a tree was cloned.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def relative_path(source_file: str) -> str:
    """The name by which generated text speaks of a source file."""
    path = Path(source_file).resolve()
    if path.is_relative_to(ROOT):
        return path.relative_to(ROOT).as_posix()
    roots = [Path(entry).resolve() for entry in sys.path if entry]
    holding = [root for root in roots if path.is_relative_to(root)]
    if not holding:
        return path.name
    return path.relative_to(max(holding, key=lambda root: len(root.parts))).as_posix()


def directive(source_file: str, line: int) -> str:
    """A `` `line `` directive: the next line of Verilog comes from this line of Python."""
    return f'`line {line} "{relative_path(source_file)}" 0'


def definition_line(function: Callable[..., object]) -> int:
    """The line of `def`, not of the decorators above it."""
    source, first = inspect.getsourcelines(function)
    return first + next((n for n, text in enumerate(source) if text.lstrip().startswith("def ")), 0)


@cache
def assignment_lines(function: Callable[..., object]) -> dict[str, int]:
    """Line of the first assignment to each local name of a block function."""
    source, first = inspect.getsourcelines(function)
    tree = ast.parse(textwrap.dedent("".join(source)))
    lines: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            lines[node.id] = min(lines.get(node.id, sys.maxsize), first + node.lineno - 1)
    return lines
