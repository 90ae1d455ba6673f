"""What `assay size` does: a configuration file for a network, chosen by the variant's back end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from compiler import networks
from compiler.configurations import FILE_SUFFIX, variants
from compiler.errors import AssayError, BadData, UnknownName
from regress.network import check_output
from rtl.variants import optional_part, part


@dataclass(frozen=True)
class Limits:
    """cycles: from image to image; luts, brams: of the FPGA, None for any number."""

    cycles: int
    luts: int | None = None
    brams: int | None = None


def size(
    variant: str, network: str, limits: Limits, memory_bytes: int, output: Path, console: Console
) -> None:
    """Choose, write the file, print what each layer takes. Raises AssayError."""
    chooser = _chooser(variant)
    if output.suffix != FILE_SUFFIX:
        raise BadData(f"a configuration is a {FILE_SUFFIX} file", file=str(output))
    check_output(output)
    bounds = chooser.Bounds(limits.cycles, limits.luts or math.inf, limits.brams or math.inf)
    loaded = networks.load(network)
    try:
        config = chooser.choose(loaded.graph, bounds, str(output.resolve()), memory_bytes)
    except AssayError as error:
        raise error.in_file(network) from None
    output.write_text(part(variant, "config").to_json(config) + "\n", encoding="utf-8")
    console.print(_table(config, chooser.table(config)))
    console.print(f"{escape(str(output))}: {len(config.layers)} layers", highlight=False)


def _chooser(variant: str) -> ModuleType:
    """The module that chooses configurations. Raises UnknownName."""
    if variant not in variants():
        raise UnknownName(f"no accelerator '{variant}': there are {', '.join(variants())}")
    chooser = optional_part(variant, "choose")
    if chooser is None:
        raise UnknownName(f"{variant} has configurations of its own, none is chosen for a network")
    return chooser


def _table(config: Any, rows: list[tuple[str, ...]]) -> Table:
    """rows: heads, then one for each layer, then the whole."""
    heads, *lines = rows
    made = Table(box=box.SIMPLE, title=f"estimated, at {config.clock_mhz} MHz")
    for number, head in enumerate(heads):
        made.add_column(head, justify="right" if number else "left")
    for line in lines:
        made.add_row(*line)
    return made
