"""Mutants: every change is one, is where it says, and leaves the rest of the file as it was."""

from __future__ import annotations

import ast
import difflib
from pathlib import Path

import pytest

from regress.mutants.sites import Mutant, mutants, of_source
from regress.simulators.cache import ROOT

BLOCK = '''
LIMIT = 7

@block
def counter(clk, count, step=3):
    """Counts 1, 2, 3."""
    limit = word(4)

    @always(clk.posedge)
    def up():
        """Up by 1."""
        if count == 9 and not step:
            count.next = count + step
        elif count < limit:
            count.next[2] = False

    unused(count(8, 4), "never so large")
    if step > 1:
        unused(limit, "not needed")

    return up


def helper(x):
    return x + 1
'''


def changed(kind: str) -> list[tuple[str, str]]:
    return [(mutant.before, mutant.after) for mutant in of_source("x.py", BLOCK) if mutant.kind == kind]


def test_operators() -> None:
    assert changed("operator") == [
        ("count == 9", "(count != 9)"),
        ("count == 9 and not step", "(count == 9 or not step)"),
        ("not step", "step"),
        ("count + step", "(count - step)"),
        ("count < limit", "(count <= limit)"),
    ]


def test_constants_of_blocks_alone() -> None:
    assert changed("constant") == [("4", "3"), ("9", "10"), ("2", "3"), ("False", "True")]


def test_widths_become_smaller() -> None:
    text = "@block\ndef a(x):\n    b, c = word(8), Signal(modbv(0)[24:])\n    d = x[3:]\n    return d(2, 1)\n"
    found = [(mutant.before, mutant.after) for mutant in of_source("x.py", text)]
    assert found == [("8", "7"), ("0", "1"), ("24", "23"), ("3", "2"), ("2", "3"), ("1", "2")]


def test_conditions() -> None:
    assert changed("condition") == [
        ("count == 9 and not step", "(not (count == 9 and (not step)))"),
        ("count < limit", "(not count < limit)"),
    ]


def test_assignments_of_signals() -> None:
    assert changed("assignment") == [("count.next = count + step", "pass"), ("count.next[2] = False", "pass")]


@pytest.mark.parametrize("mutant", of_source("x.py", BLOCK), ids=lambda mutant: mutant.name)
def test_a_mutant_changes_one_place(mutant: Mutant) -> None:
    text = mutant.apply(BLOCK)
    ast.parse(text)
    lines = list(difflib.unified_diff(BLOCK.splitlines(), text.splitlines(), n=0, lineterm=""))[2:]
    assert sum(line.startswith("+") for line in lines) == 1
    assert mutant.after in next(line for line in lines if line.startswith("+"))


def test_equal_changes_of_a_function_are_numbered_and_names_have_no_lines() -> None:
    text = "@block\ndef a(x, y):\n    b = x + y\n    c = [x + y for _ in range(4)]\n    return b\n"
    names = [mutant.name for mutant in of_source("x.py", text)]
    assert names == [
        "x.py a operator: x + y -> (x - y)",
        "x.py a operator: x + y -> (x - y) #2",
        "x.py a constant: 4 -> 5",
    ]
    assert [mutant.name for mutant in of_source("x.py", "import a\n" + text)] == names
    assert [mutant.place for mutant in of_source("x.py", text)] == ["rtl/x.py:3", "rtl/x.py:4", "rtl/x.py:4"]


def test_a_change_over_several_lines_and_behind_wide_letters() -> None:
    text = '@block\ndef a():\n    b = ("é", c +\n         d, e)\n    return b\n'
    (mutant,) = of_source("x.py", text)
    assert mutant.apply(text) == '@block\ndef a():\n    b = ("é", (c - d), e)\n    return b\n'


def test_the_tree_has_mutants_that_python_reads() -> None:
    found = mutants(ROOT / "rtl")
    assert len(found) > 3000 and len({mutant.name for mutant in found}) == len(found)
    assert {Path(mutant.file).parts[0] for mutant in found} == {"lib", "systolic", "bcnn"}
    for mutant in found[::97]:
        text = (ROOT / "rtl" / mutant.file).read_text()
        assert mutant.apply(text) != text
        compile(mutant.apply(text), mutant.file, "exec")
