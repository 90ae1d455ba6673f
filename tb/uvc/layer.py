"""Layer UVC: one item for each layer end, with everything that the taps showed of that layer and image.

obs_event, obs_tap -> recorder.sv -> events.bin, taps.bin -> LayerMonitor -> analysis port
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from cocotb.triggers import Timer
from pyuvm import uvm_agent, uvm_analysis_port, uvm_monitor

from rtl.lib.registers import COUNTERS
from tb.records import EVENT, LAYER_TAGS, RecordReader, Records, tap_type

GATHERED_NS = 1_000_000
COUNTER_NAMES = [name for name, _ in COUNTERS]


@dataclass(frozen=True)
class LayerItem:
    """The end of a layer: its cycle, the counters of its event lane then, and its tap records in the order of time.
    image: its number within its RUN."""

    layer: int
    image: int
    cycle: int
    counters: dict[str, int]
    taps: Records
    lane: int = 0


class TapStore:
    """Tap records that no layer end has claimed yet, by layer and image. They are kept as rows of bytes, which NumPy
    joins sooner than records."""

    def __init__(self, path: Path, tap_bytes: int) -> None:
        self._reader = RecordReader(path, tap_type(tap_bytes))
        self._nothing = np.empty((0, self._reader.dtype.itemsize), np.uint8)
        self._pending: dict[tuple[int, int], list[npt.NDArray[np.uint8]]] = {}

    def collect(self) -> None:
        """Read what has come."""
        new = self._reader.read()
        if not len(new):
            return
        keys = new["image"] * LAYER_TAGS + new["layer"]
        order = np.argsort(keys, kind="stable")
        rows, keys = new.view(np.uint8).reshape(len(new), -1)[order], keys[order]
        edges = np.flatnonzero(np.diff(keys)) + 1
        for first, last in pairwise([0, *edges.tolist(), len(new)]):
            image, layer = divmod(int(keys[first]), LAYER_TAGS)
            self._pending.setdefault((layer, image), []).append(rows[first:last])

    def claim(self, layer: int, image: int, cycle: int) -> Records:
        """Take all records of a layer of an image up to a cycle: later ones are those of a later RUN's image."""
        rows = np.concatenate([self._nothing, *self._pending.pop((layer, image), ())])
        records: Records = rows.view(self._reader.dtype)[:, 0]
        mine = records["cycle"] <= cycle
        if mine.all():
            return records
        self._pending[layer, image] = [rows[~mine]]
        claimed: Records = records[mine]
        return claimed

    def drop(self) -> int:
        """Forget what is pending; the number of records."""
        self.collect()
        count = sum(len(part) for parts in self._pending.values() for part in parts)
        self._pending.clear()
        return count


class LayerMonitor(uvm_monitor):
    """Reads the recorder's files some time after the number of events has changed, with all that has come until then:
    each time that Python wakes up, the simulator finds its caches cold. Who has to know of every end asks for it."""

    def __init__(self, name: str, parent: Any, control: Any, tap_bytes: int, folder: Path) -> None:
        super().__init__(name, parent)
        self._control = control
        self._events = RecordReader(folder / "events.bin", EVENT)
        self.taps = TapStore(folder / "taps.bin", tap_bytes)
        self.layers = uvm_analysis_port("layers", self)

    async def run_phase(self) -> None:
        """Forever: wait for events, publish an item for each."""
        while True:
            await self._control.event_count.value_change
            await Timer(GATHERED_NS, "ns")
            self.publish()

    def publish(self) -> None:
        """Publish an item for every event that stands in the file and was not published yet."""
        events = np.sort(self._events.read(), order=("cycle", "lane")).tolist()
        self.taps.collect()  # after the events, for what their layers showed stands in the file before they do
        for lane, layer, cycle, image, _, values in events:
            counters = dict(zip(COUNTER_NAMES, values.tolist(), strict=True))
            taps = self.taps.claim(layer, image, cycle)
            self.layers.write(LayerItem(layer, image, cycle, counters, taps, lane))

    def record_taps(self, wanted: bool) -> None:
        """Whether what the taps show from now on is written down."""
        self._control.record_taps.value = int(wanted)


class LayerAgent(uvm_agent):
    """The monitor; there is nothing to drive."""

    def __init__(self, name: str, parent: Any, control: Any, tap_bytes: int, folder: Path) -> None:
        super().__init__(name, parent)
        self._place = (control, tap_bytes, folder)

    def build_phase(self) -> None:
        """Make the monitor."""
        self.monitor = LayerMonitor("monitor", self, *self._place)
