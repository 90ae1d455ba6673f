"""The cap on what is kept: the oldest goes first, what is in use stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from compiler.errors import BadData
from regress.disk import RECENT, RUN, prune
from regress.regression import new_folder
from regress.simulators.cache import get_or_build

GONE = 2**22 + 1  # no process has this number


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))


def run(base: Path, day: int, process: int = GONE, size: int = 100, suite: str = "ci") -> Path:
    folder = base / f"202601{day:02}-120000-{suite}-{process}"
    folder.mkdir(parents=True)
    (folder / "results.json").write_bytes(bytes(size))
    return folder


def test_the_oldest_runs_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_KEEP_RUNS", "2")
    runs = [run(tmp_path / "runs", day) for day in (1, 2, 3)]
    (tmp_path / "runs/latest").symlink_to(runs[0].name)
    (tmp_path / "runs/notes").mkdir()
    assert prune(tmp_path / "runs") == [runs[0]]
    assert not runs[0].exists() and runs[1].exists() and (tmp_path / "runs/notes").exists()


def test_runs_have_a_number_of_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_KEEP_RUN_BYTES", "250")
    runs = [run(tmp_path / "runs", day) for day in (1, 2, 3)]
    assert prune(tmp_path / "runs") == [runs[0]]


def test_a_shard_is_a_run_that_tells_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert RUN.match(new_folder("smoke", (2, 3)).name) and "-smoke-2of3-" in new_folder("smoke", (2, 3)).name
    assert "of" not in new_folder("smoke").name
    monkeypatch.setenv("ASSAY_KEEP_RUNS", "0")
    shards = [run(tmp_path / "runs", day, suite=f"ci-{day}of2") for day in (1, 2)]
    assert sorted(prune(tmp_path / "runs")) == shards


def test_a_run_that_goes_on_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_KEEP_RUNS", "0")
    mine = run(tmp_path / "runs", 1, os.getpid())
    other = run(tmp_path / "runs", 2)
    assert prune(tmp_path / "runs") == [other] and mine.exists()


def write(scratch: Path) -> None:
    (scratch / "x").write_bytes(bytes(100))


def entry(name: str, age: float) -> Path:
    folder = get_or_build(Path(os.environ["ASSAY_CACHE"]) / name, write)
    os.utime(folder, (time.time() - age,) * 2)
    return folder


def test_what_of_the_cache_was_not_used_for_longest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_KEEP_CACHE_BYTES", "250")
    old, middle, remembered = entry("a", 4 * RECENT), entry("b", 3 * RECENT), entry("passed/c", 2 * RECENT)
    recent = entry("d", 0)
    assert prune(tmp_path / "runs") == [old]
    assert middle.exists() and remembered.exists() and recent.exists()


def test_what_is_found_in_the_cache_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_KEEP_CACHE_BYTES", "0")
    old = entry("a", 4 * RECENT)
    get_or_build(old, write)
    assert prune(tmp_path / "runs") == []


def test_a_cap_is_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_KEEP_RUNS", "many")
    with pytest.raises(BadData, match="ASSAY_KEEP_RUNS is 'many'"):
        prune(tmp_path)
