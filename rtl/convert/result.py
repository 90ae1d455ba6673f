"""What a conversion leaves in its folder: one file for each module, and `conversion.json` about them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rtl.convert.design import Module, Port

MANIFEST = "conversion.json"


@dataclass(frozen=True)
class Conversion:
    """What a conversion wrote.

    `files` has one file for each module, children before parents; `top` is the top module's name; `ports`
    its ports in order; `sources` the Python files it was made from, relative to the repository.
    """

    top: str
    files: tuple[Path, ...]
    ports: tuple[Port, ...]
    sources: tuple[str, ...]


def write(modules: Iterable[Module], top: Module, out_dir: Path) -> Conversion:
    """Write all modules and the manifest; modules of an earlier conversion disappear."""
    modules = list(modules)
    out_dir.mkdir(parents=True, exist_ok=True)
    _remove_earlier(out_dir)
    for module in modules:
        (out_dir / f"{module.name}.v").write_text(module.text)
    sources = tuple(sorted({source for module in modules for source in module.sources}))
    files = tuple(out_dir / f"{module.name}.v" for module in modules)
    conversion = Conversion(top.name, files, top.ports, sources)
    record = {**asdict(conversion), "files": [file.name for file in files]}
    (out_dir / MANIFEST).write_text(json.dumps(record, indent=1) + "\n")
    return conversion


def read(out_dir: Path) -> Conversion:
    """The conversion that was written to this folder."""
    record = json.loads((out_dir / MANIFEST).read_text())
    return Conversion(
        top=record["top"],
        files=tuple(out_dir / name for name in record["files"]),
        ports=tuple(Port(**port) for port in record["ports"]),
        sources=tuple(record["sources"]),
    )


def _remove_earlier(out_dir: Path) -> None:
    if (out_dir / MANIFEST).exists():
        for file in read(out_dir).files:
            file.unlink(missing_ok=True)
