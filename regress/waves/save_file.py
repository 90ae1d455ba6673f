"""A GTKWave save file: tracks on top, signals grouped by stage in the order of the data, words for values, a cursor.

Words are in filter files beside it (GTKWave looks a value up as it shows it: in hexadecimal, all digits).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from math import log2
from pathlib import Path

from vcd.gtkw import GTKWSave

from regress.waves.fst import CLOCK, CYCLE, TOP, Wave
from regress.waves.labels import Labels, Words
from tb.waves import Picture, Stage, picture

ACCELERATOR = f"{TOP}.dut"
TRACKS = f"{TOP}.tracks"
NAMES_WIDTH = 240  # pixels
CLOSED = 16  # signals from which on a group is shown closed
SHOWN_CYCLES = 60
FRAMES = 6  # of 200 pixels, the unit of GTKWave's zoom
TRACK = ("shown", "ended", "image", "layer", "tile", "element")
PLAIN = ("clk", "rst", "unused_*")


def write_save_file(wave: Wave, variant: str, labels: Labels, cursor: int | None) -> Path:
    """Write `<name>.gtkw` and filter files beside the wave file, whole or not at all. cursor: the cycle to open at."""
    path = wave.path.with_suffix(".gtkw")
    scratch = path.with_suffix(f".{os.getpid()}")
    with scratch.open("w") as file:
        _Writer(GTKWSave(file), wave, path.with_suffix("")).write(picture(variant), labels, cursor)
    scratch.replace(path)
    return path


def groups(names: Sequence[str], stages: Sequence[Stage], layer: int | None) -> dict[str, list[str]]:
    """The signals of each stage that has any, by stage name; a signal is in the first stage that asks for it."""
    left, found = list(names), {}
    for stage in stages:
        mine = sorted(
            (name for name in left if belongs(name, stage, layer)), key=lambda name: name.rpartition(".")[0]
        )
        left = [name for name in left if name not in set(mine)]
        if mine:
            found[stage.name] = mine
    return found


def belongs(name: str, stage: Stage, layer: int | None) -> bool:
    """Whether a full name is of a stage."""
    if not name.startswith(f"{ACCELERATOR}."):
        return False
    scope, _, signal = name.removeprefix(f"{ACCELERATOR}.").rpartition(".")
    scopes = [each.format(layer="*" if layer is None else layer) for each in stage.scopes]
    if any(fnmatchcase(signal, plain) for plain in PLAIN):
        return False
    return any(fnmatchcase(scope, each) for each in scopes) and any(
        fnmatchcase(signal, each) for each in stage.signals
    )


@dataclass
class _Writer:
    """Writes one file; `stem`: of the filter files' names."""

    save: GTKWSave
    wave: Wave
    stem: Path
    filters: int = 0

    def write(self, shown: Picture, labels: Labels, cursor: int | None) -> None:
        """All of it."""
        self._open(cursor)
        self._trace(CLOCK)
        self._trace(CYCLE, datafmt="dec")
        self._tracks(labels)
        named = {f"{ACCELERATOR}.{name}": self._filter(name, words) for name, words in shown.names.items()}
        for name, signals in groups(list(self.wave.widths), shown.stages, labels.layer).items():
            with self.save.group(name, closed=len(signals) > CLOSED):
                self._stage(signals, named)

    def _open(self, cursor: int | None) -> None:
        first, last = self.wave.window
        at = first if cursor is None else min(max(cursor, first), last)
        begin, end = self.wave.time(at) or 0, self.wave.time(min(at + 1, last)) or 0
        cycle = max(end - begin, 1)
        self.save.dumpfile(str(self.wave.path.name), abspath=False)
        self.save.savefile(str(self.stem.with_suffix(".gtkw").name), abspath=False)
        self.save.timestart(max(begin - SHOWN_CYCLES // 2 * cycle, 0))
        self.save.zoom_markers(-log2(SHOWN_CYCLES * cycle / FRAMES), marker=begin)
        self.save.treeopen(f"{ACCELERATOR}.")
        self.save.signals_width(NAMES_WIDTH)

    def _tracks(self, labels: Labels) -> None:
        """Of every tap and event lane, or of those of the layer that is looked at."""
        words = {"layer": labels.layers, "tile": labels.tiles, "element": labels.elements}
        filters = {name: self._filter(name, of_name) for name, of_name in words.items()}
        with self.save.group("tracks"):
            for lane in self._lanes():
                if not self._shows(lane, labels.layer):
                    continue
                alias = lane.removeprefix(f"{TRACKS}.g_").replace("[", " ").rstrip("]")
                for name in TRACK:
                    self._trace(f"{lane}.{name}", alias=f"{alias} {name}", words=filters.get(name))

    def _lanes(self) -> Iterator[str]:
        scopes = (name.rpartition(".")[0] for name in self.wave.widths if name.startswith(f"{TRACKS}.g_"))
        yield from dict.fromkeys(scopes)

    def _shows(self, lane: str, layer: int | None) -> bool:
        return layer is None or layer in self.wave.changes(f"{lane}.layer").values

    def _stage(self, signals: Sequence[str], named: Mapping[str, str | None]) -> None:
        """Its signals, under the name of their scope where there are several."""
        scopes = {signal: signal.rpartition(".")[0] for signal in signals}
        several = len(set(scopes.values())) > 1
        for scope, mine in groupby(signals, scopes.__getitem__):
            if several:
                self.save.blank(scope.removeprefix(f"{ACCELERATOR}."))
            for signal in mine:
                self._decoded(signal, named)

    def _decoded(self, signal: str, named: Mapping[str, str | None]) -> None:
        found = next((file for glob, file in named.items() if fnmatchcase(signal, glob)), None)
        self._trace(signal, words=found)

    def _trace(self, name: str, datafmt: str = "hex", alias: str = "", words: str | None = None) -> None:
        width = self.wave.widths.get(name)
        if width is None:
            return
        shown = f"{name}[{width - 1}:0]" if width > 1 else name
        self.save.trace(shown, alias=alias or None, datafmt=datafmt, translate_filter_file=words)

    def _filter(self, name: str, words: Words) -> str | None:
        """Write a filter file; digits: as many as the widest signal of that name needs."""
        if not words:
            return None
        self.filters += 1
        digits = max(self._digits(name), 1)
        path = self.stem.with_name(f"{self.stem.name}.{self.filters}.filter")
        path.write_text("".join(f"{value:0{digits}x} {word}\n" for value, word in sorted(words.items())))
        return path.name

    def _digits(self, name: str) -> int:
        glob = f"{ACCELERATOR}.{name}"
        mine = (
            width
            for signal, width in self.wave.widths.items()
            if fnmatchcase(signal, glob) or (signal.startswith(TRACKS) and signal.endswith(f".{name}"))
        )
        return -(-max(mine, default=0) // 4)
