"""What is kept of compiler and golden is made again exactly when what made it has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from compiler.program import Program
from golden.ir import Graph, Node, Pool2D, Quantisation, Tensor
from tb import prepare

KIND = Quantisation((1.0,))
GRAPH = Graph(
    "pool",
    ("image",),
    ("pooled",),
    {name: Tensor(name, (1, size, size, 1), KIND) for name, size in (("image", 2), ("pooled", 1))},
    (Node("pool", Pool2D("max", (2, 2), (2, 2)), ("image",), "pooled"),),
)
IMAGES = {"image": np.zeros((1, 2, 2, 1), np.int8)}
SOURCES = (
    "compiler/systolic/post.py",
    "golden/arithmetic.py",
    "rtl/systolic/config.py",
    "rtl/systolic/isa.py",
    "rtl/lib/registers.py",
    "golden/tests/test_run.py",
    "rtl/systolic/post.py",
    "tb/prepare.py",
)


@dataclass(frozen=True)
class Size:
    """A configuration, as far as a cache asks."""

    name: str
    hash: int = 1


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of these sources, with a cache of its own."""
    for name in SOURCES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def compiled(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[Size]:
    """For what the compiler was called, which compiles nothing here."""
    calls: list[Size] = []

    def compile_for(variant: str, graph: Graph, size: Size) -> Made:
        calls.append(size)
        return Made()

    monkeypatch.setattr(prepare, "compile_for", compile_for)
    monkeypatch.setattr(Program, "load", staticmethod(lambda path: path.read_text()))
    return calls


class Made:
    """A program, as far as a cache asks."""

    def save(self, path: Path) -> None:
        path.write_text("program")


def made_again(root: Path, use: Callable[[], object], kind: str) -> set[str]:
    """Sources whose change makes `use` make one more of a kind."""
    use()
    again = set()
    for name in SOURCES:
        before = len(list((root / "cache").glob(f"{kind}-*")))
        (root / name).write_text("after")
        use()
        if len(list((root / "cache").glob(f"{kind}-*"))) > before:
            again.add(name)
    return again


def test_golden_tensors_depend_on_golden_alone(root: Path) -> None:
    assert made_again(root, lambda: prepare.golden(GRAPH, IMAGES), "golden") == {SOURCES[1]}


def test_programs_depend_on_compiler_and_golden_and_plain_data(root: Path, compiled: list[Size]) -> None:
    found = made_again(root, lambda: prepare.compiled("systolic", GRAPH, Size("tiny")), "program")
    assert found == set(SOURCES[:5])
    assert len(compiled) == 1 + len(found)


def test_files_of_one_name_and_other_contents_have_programs_of_their_own(compiled: list[Size]) -> None:
    sizes = [Size("/somewhere/pipe.json", number) for number in (1, 2, 1)]
    for size in sizes:
        prepare.compiled("bcnn", GRAPH, size)
    assert compiled == sizes[:2]
