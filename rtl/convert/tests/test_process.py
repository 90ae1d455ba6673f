"""A conversion gives the same bytes whatever happened before it; bad input ends with exit code 2."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rtl.convert import ConvertError, convert_block, convert_in_subprocess
from rtl.convert.lines import ROOT
from rtl.convert.tests import designs

TARGET = "rtl.convert.tests.designs:elaborate"
FILTER = """
import pathlib, sys
from rtl.convert import convert_block
from rtl.convert.tests import designs
convert_block(designs.elaborate()[0], name="filter_top", out_dir=pathlib.Path(sys.argv[1]))
"""


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted(folder.iterdir())}


def run(arguments: list[str], seed: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True
    )


def test_trap_11_names_do_not_depend_on_hash_seed(tmp_path):
    for seed in ("0", "1", "12345"):
        assert run(["-m", "rtl.convert", TARGET, "--out", str(tmp_path / seed)], seed).returncode == 0
        assert run(["-c", FILTER, str(tmp_path / f"here_{seed}")], seed).returncode == 0
    folders = sorted(tmp_path.iterdir())
    assert len(folders) == 6
    assert all(contents(folder) == contents(folders[0]) for folder in folders)
    assert "filter_top.v" in contents(folders[0])


def test_trap_11_names_do_not_depend_on_what_was_converted_before(tmp_path):
    convert_block(lambda: designs.elaborate()[0], name="filter_top", out_dir=tmp_path / "first")
    convert_block(lambda: designs.elaborate_array(2, 3), name="array", out_dir=tmp_path / "between")
    convert_block(lambda: designs.elaborate()[0], name="filter_top", out_dir=tmp_path / "second")
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_no_path_of_this_machine_is_in_the_text(tmp_path):
    convert_in_subprocess(TARGET, tmp_path)
    assert all(str(ROOT) not in text and str(tmp_path) not in text for text in contents(tmp_path).values())


def test_arguments_and_name_reach_the_function(tmp_path):
    conversion = convert_in_subprocess(TARGET, tmp_path, arguments=["2"], name="short")
    assert conversion.top == "short"
    assert (tmp_path / "short.v").exists()
    assert "taps=2" in (tmp_path / "chain.v").read_text()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("rtl.convert.tests.designs", "expected MODULE:FUNCTION"),
        ("rtl.convert.tests.designs:nothing", "has no attribute 'nothing'"),
        ("no.such.module:top", "No module named"),
        ("rtl.convert.tests.designs:Config", "expected a block instance, got Config"),
    ],
)
def test_bad_targets_end_with_2_and_one_line(target, message, tmp_path):
    result = run(["-m", "rtl.convert", target, "--out", str(tmp_path / "out")], "0")
    assert result.returncode == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    with pytest.raises(ConvertError, match=re.escape(message)):
        convert_in_subprocess(target, tmp_path / "out")
