"""The first bad layer of a network: `assay bisect`.

The whole network says which layer is wrong first; every layer alone, fed with golden tensors and side by side, says
which of them is wrong by itself. A layer that is wrong only in the network depends on state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from regress.simulators.cache import ROOT, locked
from regress.waves.fst import Wave
from regress.waves.labels import read_labels
from regress.waves.layer import AFTER, PROGRAM, Asked, Recorded, first_finding, record_layer
from regress.waves.save_file import write_save_file
from tb.apart import run_apart
from tb.finding import Finding, from_plain
from tb.launch import run_network
from tb.recording import Recording
from tb.variants import find_config, fixed_network

BEFORE = 2000  # cycles recorded before what was found in the network
Told = Callable[[str], None]


class Cause(StrEnum):
    """What the first bad layer is bad from."""

    NONE = "every layer is right"
    ALONE = "wrong by itself"
    STATE = "depends on state: wrong in the network, right alone"
    PIPELINE = "wrong in its pipeline, which cannot be taken apart"


@dataclass(frozen=True)
class Found:
    """layer: the first bad one, '' for none; finding: of it; wave, save: files, None for none."""

    cause: Cause
    layer: str = ""
    finding: Finding | None = None
    wave: Path | None = None
    save: Path | None = None


@dataclass(frozen=True)
class Bisection:
    """asked: variant, network, config and so on; `layer` of it is not looked at. jobs: simulations side by side; told:
    called with a line at each step."""

    asked: Asked
    jobs: int
    told: Told

    def find(self) -> Found:
        """Raises AssayError, BuildError and SimulatorError."""
        with locked(self._folder.with_suffix(".lock")):
            return self._find()

    def _find(self) -> Found:
        seen = first_finding(self._network(None))
        self.told(f"the network: {seen or 'every layer is right'}")
        if seen is None:
            return Found(Cause.NONE)
        if fixed_network(find_config(self.asked.variant, self.asked.config)):
            return self._with_waves(Cause.PIPELINE, seen.layer, seen)
        apart = self._apart()
        bad = list(wrong_layers(apart))
        self.told(f"alone: {', '.join(bad) or 'none'} of {len(apart['layers'])} layers wrong")
        if not bad:
            return self._in_network(seen)
        found = next(each for raw in apart["findings"] if (each := from_plain(raw)).layer == bad[0])
        return self._with_waves(Cause.ALONE, bad[0], found)

    @property
    def _folder(self) -> Path:
        asked = self.asked
        words = (asked.variant, Path(asked.network).stem, Path(asked.config).stem)
        return ROOT / "build" / "bisect" / "-".join(words)

    def _network(self, recording: Recording | None) -> dict[str, Any]:
        asked = self.asked
        return run_network(
            asked.variant, asked.network, asked.config, asked.simulator, images=1, input_path=asked.input or None,
            seed=asked.seed, folder=self._folder / "network", recording=recording, **(asked.options or {}),
        )  # fmt: skip

    def _apart(self) -> dict[str, Any]:
        asked = self.asked
        return run_apart(
            asked.variant, asked.network, asked.config, asked.simulator, 1, asked.input or None, asked.seed,
            self._folder / "apart", self.jobs, **(asked.options or {}),
        )  # fmt: skip

    def _with_waves(self, cause: Cause, layer: str, finding: Finding) -> Found:
        made: Recorded = record_layer(replace(self.asked, layer=layer), self._folder / "waves")
        return Found(cause, layer, made.finding or finding, made.wave, made.save)

    def _in_network(self, seen: Finding) -> Found:
        """Waves of the network around what is wrong only in it."""
        last = 0 if seen.cycle is None else seen.cycle
        window: tuple[int, int] | tuple[()] = (max(last - BEFORE, 0), last + AFTER) if last else ()
        result = self._network(Recording(window, deep=False))
        wave = Path(result["trace"])
        labels = read_labels(wave.with_name(PROGRAM), seen.layer)
        save = write_save_file(Wave(wave), self.asked.variant, labels, seen.cycle)
        return Found(Cause.STATE, seen.layer, seen, wave, save)


def wrong_layers(result: Mapping[str, Any]) -> Iterator[str]:
    """Names of the layers that are not equal to golden, or that something was found in."""
    found = {from_plain(raw).layer for raw in result["findings"]}
    for layer in result["layers"]:
        if layer["equal"] is False or layer["name"] in found:
            yield layer["name"]
