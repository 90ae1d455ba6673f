"""Tests of blocks as a job: what passes, fails, cannot be converted, or is no test at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from regress.simulators import SimulatorError
from tb.blocks import run
from tb.finding import Checker, from_plain


def job(folder: Path, text: str) -> Mapping[str, Any]:
    """What the job tells of a file of tests."""
    file = folder / "test_it.py"
    file.write_text(text)
    return run(variant="", config="", simulator="icarus", seeds=(1,), folder=folder, tests=[str(file)])


def test_what_passes_is_counted(tmp_path: Path) -> None:
    told = job(tmp_path, "def test_a(): pass\ndef test_b(): pass\n")
    assert (told["verdict"], told["checked"], told["failures"]) == ("pass", 2, [])


def test_it_is_told_which_simulator_is_asked_for(tmp_path: Path) -> None:
    told = job(tmp_path, "import os\ndef test_a(): assert os.environ['ASSAY_BLOCKS_SIMULATOR'] == 'icarus'\n")
    assert told["verdict"] == "pass"


def test_what_fails_is_a_finding_of_the_data_checker(tmp_path: Path) -> None:
    told = job(tmp_path, "def test_a(): assert 1 == 2, 'wrong sum'\n")
    (found,) = map(from_plain, told["findings"])
    assert (told["verdict"], found.kind.checker) == ("fail", Checker.DATA)
    assert "test_a" in found.text and "wrong sum" in found.text


def test_what_cannot_be_converted_is_one_of_the_build(tmp_path: Path) -> None:
    text = "from rtl.convert.errors import TrapError\ndef test_a(): raise TrapError('rtl/a.py:3: x')\n"
    (found,) = map(from_plain, job(tmp_path, text)["findings"])
    assert found.kind.checker is Checker.BUILD and "rtl/a.py:3" in found.text


@pytest.mark.parametrize("text", ["", "import nothing_of_that_name\n"])
def test_no_test_is_no_pass(tmp_path: Path, text: str) -> None:
    with pytest.raises(SimulatorError, match="pytest"):
        job(tmp_path, text)
