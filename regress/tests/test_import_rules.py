"""The direction of imports that docs/architecture.md draws holds, and the check of it can fail."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("golden", "rtl", "compiler", "host", "tb", "regress")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter with the configuration and on the packages of `folder`."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False
    )


def test_the_tree_keeps_the_rules() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("golden/ops.py", "compiler.errors"),
        ("rtl/lib/fifo.py", "golden.ops"),
        ("rtl/systolic/config.py", "myhdl"),
        ("rtl/variants.py", "rtl.contract"),
        ("compiler/tiling.py", "rtl.systolic.top"),
        ("compiler/tiling.py", "regress.cli"),
        ("compiler/tiling.py", "host.protocol"),
        ("host/accelerator.py", "tb.bench"),
        ("host/accelerator.py", "rtl.systolic.config"),
        ("tb/bench.py", "host.accelerator"),
        ("tb/bench.py", "rtl.systolic.top"),
        ("regress/simulators/base.py", "compiler.errors"),
    ],
)
def test_each_rule_can_fail(tmp_path: Path, module: str, imported: str) -> None:
    skeleton(tmp_path)
    assert lint(tmp_path).returncode == 0
    (tmp_path / module).write_text(f"import {imported}\n")
    done = lint(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr


def skeleton(folder: Path) -> None:
    """The six packages with the modules that the rules name, and no import in them."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    modules = ["rtl/systolic/config.py", "rtl/systolic/isa.py", "rtl/systolic/top.py", "rtl/lib/registers.py"]
    modules += ["rtl/lib/fifo.py", "rtl/convert/__init__.py", "rtl/contract.py", "golden/ops.py"]
    modules += ["compiler/errors.py", "compiler/tiling.py", "tb/bench.py", "regress/cli.py"]
    modules += ["rtl/variants.py", "host/protocol.py", "host/accelerator.py"]
    modules += ["regress/simulators/base.py", "rtl/lib/states.py"]
    for module in modules:
        file = folder / module
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    for package in {parent for module in modules for parent in (folder / module).relative_to(folder).parents}:
        if package != Path():
            (folder / package / "__init__.py").touch()
