"""What docs/host.md and the example show works as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from regress.simulators import find

ROOT = Path(__file__).parents[2]


def test_every_line_of_the_document_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usable, reason = find("verilator").available()
    if not usable:
        pytest.skip(reason)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/host.md").read_text(), re.DOTALL)
    assert len(blocks) == 6
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/host.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "4 images: " in shown and "block1_conv1" in shown
    assert "input 'image' is int8 (28, 28, 1), needed int8 ('n', 28, 28, 1)" in shown


def test_the_example_classifies_images() -> None:
    command = [sys.executable, str(ROOT / "examples/accelerator.py"), "--images", "3"]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    classes = re.search(r"classes \[(.*?)\] labels \[(.*?)\]", done.stdout)
    assert classes and classes[1] == classes[2]
    assert "3 images: 0 cycles" in done.stdout
