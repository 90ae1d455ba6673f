"""Words for the numbers of a wave file's tracks, from the program that ran and what its taps showed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from compiler.program import Program
from tb.finding import Finding
from tb.records import Records, tap_type
from tb.tracks import LAYER_SHIFT, TILE_SHIFT, element_words, layer_words, tile_words
from tb.variants import find_config

Words = Mapping[int, str]
TAPS = "taps.bin"
WRITER = "instruction "  # how a finding names it


@dataclass(frozen=True)
class Labels:
    """layer: the number of the one that is looked at, None for all."""

    layers: Words = field(default_factory=dict)
    tiles: Words = field(default_factory=dict)
    elements: Words = field(default_factory=dict)
    layer: int | None = None

    def tile(self, finding: Finding) -> str:
        """The instruction that wrote what is wrong, with its operands, and the elements that the write holds; '' where
        nobody knows."""
        number = finding.writer.removeprefix(WRITER)
        if self.layer is None or finding.address is None or not number.isdigit():
            return ""
        key = self.layer << LAYER_SHIFT | int(number) << TILE_SHIFT | finding.address
        held = self.elements.get(key, "")  # of the last tap with that address: it may be of another tensor
        told = [self.tiles.get(int(number), ""), held if held.startswith(f"{finding.node} ") else ""]
        return f"{finding.writer}: {', '.join(filter(None, told))}" if any(told) else ""


def read_labels(file: Path, layer: int | str | None) -> Labels:
    """Of a program's file in the folder of its simulation; layer: the number or the name of the one that is looked at.
    Raises AssayError."""
    program = Program.load(file)
    names = layer_words(program)
    number = (
        layer if isinstance(layer, int) else next((n for n, name in names.items() if name == layer), None)
    )
    config = find_config(program.variant, program.config)
    taps: Records = np.fromfile(file.parent / TAPS, tap_type(config.tap_bytes))
    return Labels(names, tile_words(program), element_words(program, taps), number)
