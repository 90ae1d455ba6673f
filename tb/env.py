"""The environment of every accelerator: wiring only.

control agent --+                                   +-- layer agent --> scoreboard
                +--> host --> accelerator --> DRAM --+
memory agent ---+                                   +-- layer coverage
"""

from __future__ import annotations

from typing import Any

from pyuvm import uvm_env

from host.protocol import Host
from tb.bench import Bench, SimulatorTransport
from tb.scoreboard import Scoreboard
from tb.settings import ControlTiming
from tb.uvc.control import ControlAgent
from tb.uvc.layer import LayerAgent
from tb.uvc.memory import MemoryAgent


class Environment(uvm_env):
    """One accelerator's bench."""

    def __init__(self, name: str, parent: Any, bench: Bench, timing: ControlTiming, seed: int) -> None:
        super().__init__(name, parent)
        self.bench, self._timing, self._seed = bench, timing, seed

    def build_phase(self) -> None:
        """Make agents and scoreboard."""
        bench = self.bench
        self.control = ControlAgent("control", self, bench.control, self._timing, self._seed)
        self.memory = MemoryAgent("memory", self, bench.control, bench.memory_bytes, bench.folder)
        self.layer = LayerAgent("layer", self, bench.control, bench.tap_bytes, bench.folder)
        self.scoreboard = Scoreboard("scoreboard", self)

    def connect_phase(self) -> None:
        """Layer ends go to the scoreboard; the host gets its transport."""
        self.layer.monitor.layers.connect(self.scoreboard.analysis_export)
        self.transport = SimulatorTransport(self.bench, self.control, self.memory)
        self.host = Host(self.transport)

    def catch_up(self) -> None:
        """Every end of a layer up to now is with the scoreboard."""
        self.layer.monitor.publish()
