"""Verilator's run-time library, compiled once for each set of flags instead of once for each model.

Its sources do not depend on the model; compiling them takes longer than most of our models do.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from regress.simulators.seal import is_intact, seal_file


def copy_command(library: Path, folder: Path) -> list[list[str]]:
    """The command that puts the objects in a build folder, newer than what make compares them with."""
    objects = sorted(str(file) for file in library.glob("verilated*.o") if is_intact(file))
    return [["cp", *objects, str(folder)]] if objects else []


def keep(library: Path, folder: Path) -> None:
    """Add to the library what this build had to compile. Safe with other processes doing the same."""
    library.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("verilated*.o"):
        kept = library / file.name
        if not is_intact(kept):
            scratch = library / f"{file.name}.{os.getpid()}"
            shutil.copyfile(file, scratch)
            scratch.rename(kept)
            seal_file(kept)
