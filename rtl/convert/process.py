"""One conversion for each process, with a fixed hash seed: MyHDL's names and orders depend on both."""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rtl.convert.elaborate import intercepted, reported
from rtl.convert.errors import ConvertError
from rtl.convert.hierarchy import convert_block
from rtl.convert.lines import ROOT
from rtl.convert.result import Conversion, read

BAD_INPUT = 2


def convert_in_subprocess(
    target: str, out_dir: Path, *, arguments: Sequence[str] = (), name: str = "", path: Sequence[Path] = ()
) -> Conversion:
    """Convert `module:function` in a fresh interpreter; see `main` for what the function returns.

    `arguments` are passed to the function as strings; `path` is searched for the module before the
    repository. Raises ConvertError with the child's message, OSError when the child broke down.
    """
    command = [sys.executable, "-m", "rtl.convert", target, *arguments, "--out", str(out_dir)]
    command += ["--name", name] if name else []
    search = [*map(str, path), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(search)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode == BAD_INPUT:
        raise ConvertError(result.stderr.strip())
    if result.returncode:
        last = result.stderr.strip().rpartition("\n")[2]
        raise OSError(f"the converter of {target} ended with status {result.returncode}: {last}")
    return read(out_dir)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line. The function returns a block instance, or a pair of it and the top module's name."""
    parser = argparse.ArgumentParser(prog="python -m rtl.convert", description=__doc__)
    parser.add_argument("target", help="MODULE:FUNCTION; the function returns a block, or (block, name)")
    parser.add_argument("arguments", nargs="*", help="strings passed to the function")
    parser.add_argument("--out", type=Path, required=True, help="folder for the Verilog files")
    parser.add_argument("--name", default="", help="top module's name (default: the block's own)")
    options = parser.parse_args(argv)
    _require_fixed_hash_seed()
    try:
        conversion = _convert(options)
    except ConvertError as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    print(f"{conversion.top}: {len(conversion.files)} modules in {options.out}")
    return 0


def _require_fixed_hash_seed() -> None:
    """Start again with PYTHONHASHSEED=0, if this process has another one."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "rtl.convert", *sys.argv[1:]])


def _convert(options: argparse.Namespace) -> Conversion:
    function = _function(options.target)
    with intercepted(), reported():
        made = function(*options.arguments)
    block, name = made if isinstance(made, tuple) else (made, "")
    return convert_block(block, name=options.name or name or getattr(block, "name", ""), out_dir=options.out)


def _function(target: str) -> Callable[..., object]:
    module, separator, name = target.partition(":")
    if not separator:
        raise ConvertError(f"{target!r}: expected MODULE:FUNCTION")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConvertError(f"{target!r}: {error}") from error
