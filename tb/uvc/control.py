"""Control UVC: accesses to an accelerator's AXI4-Lite registers through cocotb-bus.

sequence -> ControlSequencer -> ControlDriver -> LiteBus (cocotb-bus) -> pins
"""

from __future__ import annotations

import random
import warnings
from typing import Any

from cocotb_bus.drivers.amba import AXI4LiteMaster, AXIProtocolError
from pyuvm import uvm_agent, uvm_analysis_port, uvm_driver, uvm_sequence, uvm_sequence_item, uvm_sequencer

from tb.settings import ControlTiming


class ControlItem(uvm_sequence_item):
    """One register access. `okay` is False when the answer was an error."""

    def __init__(self, write: bool, address: int, data: int = 0) -> None:
        super().__init__("access")
        self.write, self.address, self.data, self.okay = write, address, data, True

    def __str__(self) -> str:
        return f"{'write' if self.write else 'read'} 0x{self.address:03x} 0x{self.data:08x}"


class LiteBus:
    """The thin adapter around cocotb-bus: the only place that knows it."""

    def __init__(self, control: Any, timing: ControlTiming, seed: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self._master = AXI4LiteMaster(control, "ctrl", control.ctrl_clk)
        self._skew = timing.skew
        self._random = random.Random(seed)
        control.ctrl_stall.value = timing.stall

    async def write(self, address: int, data: int) -> bool:
        """Write 32 bits; False when the answer was an error."""
        late, later = self._random.randint(0, self._skew), self._random.randint(0, self._skew)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                await self._master.write(address, data, address_latency=late, data_latency=later)
            except AXIProtocolError:
                return False
        return True

    async def read(self, address: int) -> tuple[int, bool]:
        """Read 32 bits; the second value is False when the answer was an error."""
        try:
            return int(await self._master.read(address)), True
        except AXIProtocolError:
            return 0, False


class ControlDriver(uvm_driver):
    """Carries items to the bus, one at a time, and tells the analysis port."""

    def __init__(self, name: str, parent: ControlAgent, bus: LiteBus) -> None:
        super().__init__(name, parent)
        self.bus = bus
        self.accesses = uvm_analysis_port("accesses", self)

    async def run_phase(self) -> None:
        """Forever: take an item, do it, give it back."""
        while True:
            item = await self.seq_item_port.get_next_item()
            await self._access(item)
            self.accesses.write(item)
            self.seq_item_port.item_done()

    async def _access(self, item: ControlItem) -> None:
        if item.write:
            item.okay = await self.bus.write(item.address, item.data)
        else:
            item.data, item.okay = await self.bus.read(item.address)


class AccessSequence(uvm_sequence):
    """One item."""

    def __init__(self, item: ControlItem) -> None:
        super().__init__("access")
        self.item = item

    async def body(self) -> None:
        """Start and finish the item."""
        await self.start_item(self.item)
        await self.finish_item(self.item)


class ControlAgent(uvm_agent):
    """Sequencer and driver of the control port."""

    def __init__(self, name: str, parent: Any, control: Any, timing: ControlTiming, seed: int) -> None:
        super().__init__(name, parent)
        self._bus = LiteBus(control, timing, seed)

    def build_phase(self) -> None:
        """Make the children."""
        self.sequencer = uvm_sequencer("sequencer", self)
        self.driver = ControlDriver("driver", self, self._bus)

    def connect_phase(self) -> None:
        """Join driver and sequencer."""
        self.driver.seq_item_port.connect(self.sequencer.seq_item_export)

    async def access(self, item: ControlItem) -> ControlItem:
        """Do one access through the sequencer."""
        await AccessSequence(item).start(self.sequencer)
        return item
