"""`assay size`: the file that it writes is a configuration that the network compiles for."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from compiler import networks
from compiler.api import compile_network
from compiler.network import Inputs, Network
from compiler.tests.binary_graphs import binary_graph, random_images
from regress.cli import app
from regress.endings import guarded
from rtl.bcnn.config import CONFIGS

TINY = CONFIGS["tiny"]


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever network is asked for, the layers of `tiny`."""
    graph = binary_graph(TINY, 1)
    loaded = Network("layers", graph, lambda count, seed: Inputs(random_images(TINY, count, seed)))
    monkeypatch.setattr(networks, "load", lambda name, **options: loaded)


def test_the_file_is_a_configuration_to_compile_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["size", "bcnn", "layers", "--cycles", "9200", "-o", "pipe.json"])
    assert done.exit_code == 0, done.output
    assert all(f"conv{number}" in done.output for number in range(1, 5)) and "whole" in done.output
    program = compile_network("bcnn", "layers", "pipe.json").program
    assert program.config == str(tmp_path / "pipe.json")
    done = CliRunner().invoke(app, ["compile", "bcnn", "layers", "--config", "pipe.json"])
    assert (tmp_path / "layers.bcnn.pipe.program").is_file(), done.output
    listed = CliRunner().invoke(app, ["disasm", "layers.bcnn.pipe.program"])
    assert f"pipeline {tmp_path / 'pipe.json'}" in listed.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("bcnn", "layers", "--cycles", "10", "-o", "pipe.json"),
            "node 'conv1.0' (Conv2D): takes at least 896",
        ),
        (("bcnn", "layers", "--cycles", "9200", "--luts", "50", "-o", "pipe.json"), "LUTs, allowed are 50"),
        (("bcnn", "layers", "--cycles", "9200", "--bram", "1", "-o", "pipe.json"), "BRAMs, allowed are 1"),
        (
            ("bcnn", "layers", "--cycles", "9200", "-o", "pipe.txt"),
            "pipe.txt: a configuration is a .json file",
        ),
        (
            ("bcnn", "layers", "--cycles", "9200", "-o", "/nowhere/p.json"),
            "/nowhere/p.json: cannot be written",
        ),
        (("systolic", "layers", "--cycles", "9200", "-o", "pipe.json"), "configurations of its own"),
        (("nowhere", "layers", "--cycles", "9200", "-o", "pipe.json"), "no accelerator 'nowhere'"),
        (
            ("bcnn", "layers", "--cycles", "9200", "--memory-bytes", "7", "-o", "pipe.json"),
            "memory_bytes is 7",
        ),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert guarded(lambda: app(["size", *words], standalone_mode=False)) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
    assert not (tmp_path / "pipe.json").exists()
