"""A damaged entry of the cache: noticed, told in one line and made anew, whatever is wrong with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from golden.ir import Graph, Node, Pool2D, Quantisation, Tensor
from regress import synthesis
from regress.job import Job, Result, Verdict
from regress.memory import REMEMBERED, Memory, place
from regress.simulators import Build, icarus, runtime_objects
from regress.simulators.cache import cache_root, get_or_build
from regress.simulators.seal import SEAL, damage, seal
from regress.tests.fake_icarus import fake_icarus
from rtl.systolic.config import CONFIGS
from tb import prepare
from tb.coverage import RECORDS
from tb.systolic.programs import contract_graph

KIND = Quantisation((1.0,))
POOL = Graph(
    "pool",
    ("image",),
    ("pooled",),
    {name: Tensor(name, (1, size, size, 1), KIND) for name, size in (("image", 2), ("pooled", 1))},
    (Node("pool", Pool2D("max", (2, 2), (2, 2)), ("image",), "pooled"),),
)
IMAGES = {"image": np.array([[[[1], [2]], [[3], [4]]]], np.int8)}
JOB = Job("a", "t", "m:f", "systolic", "tiny", "fake", 0, (5,), 60.0)
Damage = Callable[[Path], object]
DAMAGES: dict[str, Damage] = {
    "missing": lambda file: file.unlink(),
    "truncated": lambda file: os.truncate(file, file.stat().st_size // 2),
    "empty": lambda file: os.truncate(file, 0),
    "one bit": lambda file: file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:]),
    "no seal": lambda file: (file.parent / SEAL).unlink(),
    "seal truncated": lambda file: os.truncate(file.parent / SEAL, 5),
    "seal of another form": lambda file: (file.parent / SEAL).write_text("[1, 2]"),
    "half-written": lambda file: shutil.move(file, file.with_name(SEAL)),
}
damaged = pytest.mark.parametrize("spoil", DAMAGES.values(), ids=DAMAGES.keys())


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))


def warned(capsys: pytest.CaptureFixture[str], folder: Path) -> bool:
    """Whether exactly one line told of the entry."""
    lines = capsys.readouterr().err.splitlines()
    return (
        len(lines) == 1 and lines[0].startswith(f"assay: {folder} is damaged (") and "made anew" in lines[0]
    )


@damaged
def test_an_entry(capsys: pytest.CaptureFixture[str], spoil: Damage) -> None:
    folder = cache_root() / "entry"
    made: list[Path] = []

    def make(scratch: Path) -> None:
        made.append(scratch)
        (scratch / "data").write_text("what was made")

    get_or_build(folder, make)
    spoil(folder / "data")
    assert damage(folder)
    for _ in range(2):
        assert (get_or_build(folder, make) / "data").read_text() == "what was made"
    assert len(made) == 2 and warned(capsys, folder)
    assert [each.name for each in cache_root().iterdir() if each.is_dir()] == ["entry"]


def test_what_is_added_later_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    seal(tmp_path)
    (tmp_path / "b").touch()
    assert damage(tmp_path) == ""


def test_a_failure_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(scratch: Path) -> None:
        (scratch / "half").touch()
        (scratch / f"{SEAL}.part").symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left on device"):
        get_or_build(cache_root() / "entry", make)
    assert [each.name for each in cache_root().iterdir()] == ["entry.lock"]


def test_a_folder_of_somebody_elses_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis").touch()
    with pytest.raises(FileExistsError, match="nothing that was built here"):
        get_or_build(tmp_path / "mine", lambda scratch: None)
    assert (tmp_path / "mine/thesis").exists()


@damaged
def test_a_built_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], spoil: Damage
) -> None:
    monkeypatch.setenv("PATH", fake_icarus(tmp_path / "bin"))
    icarus._version.cache_clear()
    folder = icarus.Icarus().build(Build((), "top"))
    spoil(folder / icarus.PRODUCT)
    assert (icarus.Icarus().build(Build((), "top")) / icarus.PRODUCT).read_text() == "model\n"
    icarus._version.cache_clear()
    assert warned(capsys, folder)


@damaged
def test_golden_tensors(capsys: pytest.CaptureFixture[str], spoil: Damage) -> None:
    before = prepare.golden(POOL, IMAGES)
    (folder,) = (each for each in cache_root().iterdir() if each.is_dir())
    spoil(folder / prepare.TENSORS)
    after = prepare.golden(POOL, IMAGES)
    assert int(after["pooled"].item()) == 4 and before.keys() == after.keys()
    assert warned(capsys, folder)


@damaged
def test_a_program(capsys: pytest.CaptureFixture[str], spoil: Damage) -> None:
    graph, config = contract_graph(CONFIGS["tiny"], 1), CONFIGS["tiny"]
    before = prepare.compiled("systolic", graph, config)
    (folder,) = (each for each in cache_root().iterdir() if each.is_dir())
    spoil(folder / prepare.PROGRAM)
    assert prepare.compiled("systolic", graph, config) == before
    assert warned(capsys, folder)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A remembered pass of JOB that left records."""
    (tmp_path / RECORDS).write_text("records")
    Memory("first").keep(JOB, Result("a", Verdict.PASS, "", 1.0), tmp_path)
    return place(JOB)


@damaged
def test_a_remembered_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kept: Path, spoil: Damage
) -> None:
    spoil(kept / REMEMBERED)
    assert Memory("second").recall(JOB, tmp_path / "again") is None
    assert warned(capsys, kept) and not kept.exists()


def test_what_a_remembered_result_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kept: Path
) -> None:
    os.truncate(kept / "files" / RECORDS, 3)
    assert Memory("second").recall(JOB, tmp_path / "again") is None
    assert warned(capsys, kept) and not kept.exists()


alone = pytest.mark.parametrize("how", ["missing", "truncated", "empty", "one bit"])


@alone
def test_an_object_of_verilators_library(tmp_path: Path, how: str) -> None:
    library, folder = tmp_path / "library", tmp_path / "build"
    folder.mkdir()
    (folder / "verilated.o").write_text("machine code")
    runtime_objects.keep(library, folder)
    assert runtime_objects.copy_command(library, folder)
    DAMAGES[how](library / "verilated.o")
    assert runtime_objects.copy_command(library, folder) == []  # so that it is compiled
    runtime_objects.keep(library, folder)
    assert (library / "verilated.o").read_text() == "machine code"
    assert runtime_objects.copy_command(library, folder)


@alone
def test_what_synthesis_said(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    calls: list[str] = []

    def yosys(script: str, texts: object, results: object) -> list[str]:
        calls.append(script)
        return ["what Yosys said"]

    monkeypatch.setattr(synthesis, "_run", yosys)
    monkeypatch.setattr(synthesis, "yosys_command", lambda: "yosys")
    monkeypatch.setattr(synthesis, "yosys_version", lambda command: "1.0")
    synthesis.report("stat", "top", {})
    (kept,) = (cache_root() / "synthesis").glob("*.txt")
    DAMAGES[how](kept)
    assert [synthesis.report("stat", "top", {}) for _ in range(2)] == ["what Yosys said"] * 2
    assert len(calls) == 2
