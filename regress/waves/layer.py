"""Waves of one layer of a network: `assay waves` and `make waves`.

The layer runs alone, fed with golden tensors; where the configuration is a pipeline of its whole network, the network
runs, and the cycles in which the layer works are recorded. The file is small enough to be looked at at once: where not
all cycles fit, it has those up to the first mismatch, or the layer's first ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from compiler.configurations import config_of, configs_of, short_name
from compiler.errors import AssayError, BadData
from compiler.networks import load
from compiler.program import Program
from regress.simulators import SimulatorError
from regress.simulators.cache import ROOT, locked
from regress.waves.fst import TOP, Wave
from regress.waves.labels import read_labels
from regress.waves.save_file import write_save_file
from tb.finding import Finding, from_plain
from tb.launch import run_network
from tb.recording import Recording
from tb.records import EVENT
from tb.slicing import layer_number
from tb.variants import compile_for, find_config, fixed_network
from tb.waves import Picture, picture

LARGEST = 20_000_000  # bytes
FILLED = 0.8  # of LARGEST, for the size of a cycle is measured on others
SAMPLE = 1000  # cycles
AFTER = 40  # cycles after the last that matters
EVERYTHING = 99  # levels of scopes
PROGRAM = "network.program"


@dataclass(frozen=True)
class Asked:
    """What is to be recorded. config: '' for the first one that the network fits; layer: name or number; cycles: "a:b",
    '' for all or as many as fit; deep: every signal; options: of compiler.networks.load."""

    variant: str
    network: str
    layer: str
    config: str = ""
    cycles: str = ""
    simulator: str = "verilator"
    seed: int = 1
    input: str = ""
    deep: bool = False
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Recorded:
    """The wave file and its save file; cycles: those recorded, of the layer's all; result: of the run; finding: the
    first mismatch."""

    wave: Path
    save: Path
    cycles: tuple[int, int]
    all_cycles: tuple[int, int]
    result: Mapping[str, Any]
    finding: Finding | None


def record_layer(asked: Asked, base: Path = ROOT / "build" / "waves") -> Recorded:
    """Run and record, in a folder under `base`. Raises AssayError, BuildError and SimulatorError."""
    window = parse_cycles(asked.cycles)
    asked = replace(asked, config=asked.config or fitting_config(asked.variant, asked.network, asked.options))
    words = (asked.variant, Path(asked.network).stem, short_name(asked.config), asked.layer)
    folder = base / re.sub(r"[^\w.-]", "_", "-".join(words))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock")):
        return _Session(asked, folder).record(window)


def parse_cycles(text: str) -> tuple[int, int] | tuple[()]:
    """ "a:b" as two cycles, b included; '' as (). Raises BadData."""
    first, colon, last = text.partition(":")
    if not text:
        return ()
    if not (colon and first.isdigit() and last.isdigit() and int(first) <= int(last)):
        raise BadData(f"--cycles is {text!r}, must be a:b with a <= b")
    return int(first), int(last)


def fitting_config(variant: str, network: str, options: Mapping[str, Any] | None) -> str:
    """`small`, or else the first configuration that the network can be compiled for; the first of all where layers run
    alone, and the network as a whole fits none. Raises AssayError."""
    names = configs_of(variant)
    if "small" in names:
        return "small"
    graph, errors = load(network, **(options or {})).graph, []
    for name in names:
        try:
            compile_for(variant, graph, config_of(variant, name))
            return name
        except AssayError as error:
            errors.append(error)
    if not fixed_network(config_of(variant, names[0])):
        return names[0]
    raise errors[-1]


@dataclass(frozen=True)
class _Session:
    asked: Asked
    folder: Path

    def record(self, window: tuple[int, int] | tuple[()]) -> Recorded:
        """First without a file, to see when the layer works and what is wrong; then with one."""
        result = self._run(Recording(on=False, deep=self.asked.deep))
        program = Program.load(self.folder / PROGRAM)
        number = layer_number(program, self.asked.layer) if self._fixed else None
        works, finding = self._works(number), first_finding(result)
        wave = self._small_enough(window or self._fitting(works, finding, number), number)
        at = finding.cycle if finding else None
        save = write_save_file(wave, self.asked.variant, read_labels(self.folder / PROGRAM, number), at)
        return Recorded(wave.path, save, wave.window, works, result, finding)

    @property
    def _sizes(self) -> Any:
        return find_config(self.asked.variant, self.asked.config)

    @property
    def _fixed(self) -> bool:
        return fixed_network(self._sizes)

    def _run(self, recording: Recording) -> dict[str, Any]:
        asked = self.asked
        return run_network(
            asked.variant, asked.network, asked.config, asked.simulator, "" if self._fixed else asked.layer,
            images=1, input_path=asked.input or None, seed=asked.seed, folder=self.folder,
            recording=recording, **(asked.options or {}),
        )  # fmt: skip

    def _works(self, number: int | None) -> tuple[int, int]:
        """The cycles in which a layer of a pipeline works, from the end of the one before; or all there are."""
        events = np.fromfile(self.folder / "events.bin", EVENT)
        if number is None or not len(events):
            return 0, int(events["cycle"].max(initial=0)) + AFTER
        before = events["cycle"][events["layer"] == number - 1]
        ends = events["cycle"][events["layer"] == number]
        first = int(before[0]) if len(before) else 0
        return first, int(ends.max(initial=first)) + AFTER

    def _fitting(
        self, works: tuple[int, int], finding: Finding | None, number: int | None
    ) -> tuple[int, int]:
        """All cycles, or as many as fit."""
        first, last = works
        middle = (first + last) // 2
        sample = max(first, middle - SAMPLE // 2), min(last, middle + SAMPLE // 2)
        size = self._recorded(sample, number).stat().st_size
        most = int(FILLED * LARGEST / size * (sample[1] - sample[0] + 1))
        if last - first < most:
            return works
        if finding is None or finding.cycle is None:
            return first, first + most
        return max(first, finding.cycle - most + AFTER), min(last, finding.cycle + AFTER)

    def _small_enough(self, window: tuple[int, int], number: int | None) -> Wave:
        """Record; a file that is too large all the same is made anew with fewer cycles, the later ones."""
        first, last = window
        while (
            path := self._recorded((first, last), number)
        ).stat().st_size > LARGEST and not self.asked.cycles:
            first = (first + last) // 2
        kept = path.with_name(f"{self.folder.name}.fst")
        path.replace(kept)
        return Wave(kept)

    def _recorded(self, window: tuple[int, int], number: int | None) -> Path:
        scopes = () if self.asked.deep else recorded_scopes(picture(self.asked.variant), number)
        result = self._run(Recording(window, scopes, self.asked.deep))
        if not result["trace"]:
            raise SimulatorError(f"no waves were written; see {result['log']}")
        return Path(result["trace"])


def recorded_scopes(shown: Picture, number: int | None) -> tuple[tuple[str, int], ...]:
    """The scopes that a picture shows, with all below them where it asks for some of that; and the bench's own."""
    found = {TOP: 1, f"{TOP}.tracks": EVERYTHING}
    for stage in shown.stages:
        for scope in stage.scopes:
            fixed = scope.format(layer="*" if number is None else number).partition("*")[0]
            whole = "*" in scope.format(layer="*" if number is None else number)
            name = fixed.rpartition(".")[0] if whole else fixed
            levels = EVERYTHING if whole else 1
            full = f"{TOP}.dut.{name}".rstrip(".")
            found[full] = max(levels, found.get(full, 0))
    return tuple(found.items())


def first_finding(result: Mapping[str, Any]) -> Finding | None:
    """What a result's first failure says."""
    listed = result["findings"]
    return from_plain(listed[0]) if listed else None
