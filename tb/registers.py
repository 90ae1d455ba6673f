"""The pyuvm register model, made from rtl/lib/registers.py, and the adapter to the control agent's items."""

from __future__ import annotations

from typing import Any

from pyuvm import (
    uvm_access_e,
    uvm_endianness_e,
    uvm_reg,
    uvm_reg_adapter,
    uvm_reg_block,
    uvm_reg_bus_op,
    uvm_reg_field,
    uvm_status_e,
)

from rtl.lib.registers import REGISTERS, Access, Register
from tb.uvc.control import ControlAgent, ControlItem

ACCESS = {
    Access.READ_ONLY: "RO",
    Access.READ_WRITE: "RW",
    Access.WRITE_ONLY: "WO",
    Access.WRITE_ONE_TO_CLEAR: "W1C",
}
VOLATILE = (Access.READ_ONLY, Access.WRITE_ONE_TO_CLEAR)


class ControlAdapter(uvm_reg_adapter):
    """Register operations to control items and back."""

    def reg2bus(self, operation: uvm_reg_bus_op) -> ControlItem:
        """The item that carries out an operation."""
        return ControlItem(operation.kind is uvm_access_e.UVM_WRITE, operation.addr, operation.data)

    def bus2reg(self, item: ControlItem, operation: uvm_reg_bus_op) -> None:
        """What came back."""
        operation.data = item.data
        operation.status = uvm_status_e.UVM_IS_OK if item.okay else uvm_status_e.UVM_NOT_OK


class ModelRegister(uvm_reg):
    """One 32-bit register with one field."""

    def __init__(self, register: Register, reset: int) -> None:
        super().__init__(register.name, 32)
        self._register, self._reset = register, reset

    def build(self) -> None:
        """Make the field."""
        field = uvm_reg_field("value")
        access = self._register.access
        field.configure(self, 32, 0, ACCESS[access], access in VOLATILE, self._reset, True)


class RegisterModel(uvm_reg_block):
    """Every register of the contract by name. config_hash: what CONFIG_HASH reads."""

    def __init__(self, config_hash: int) -> None:
        super().__init__("registers")
        self.by_name: dict[str, Any] = {}
        self.map = self.create_map("map", 0, 4, uvm_endianness_e.UVM_LITTLE_ENDIAN)
        for register in REGISTERS:
            self._add(register, config_hash if register.name == "CONFIG_HASH" else register.reset)
        self.lock_model()

    def _add(self, register: Register, reset: int) -> None:
        made = ModelRegister(register, reset)
        made.configure(self)
        made.build()
        self.map.add_reg(made, register.address, ACCESS[register.access])
        self.by_name[register.name] = made

    def connect(self, agent: ControlAgent) -> None:
        """Accesses go through the control agent's sequencer; the mirror follows them."""
        self.map.set_sequencer(agent.sequencer, ControlAdapter("adapter"))
        self.map.set_auto_predict(True)

    async def read(self, name: str) -> tuple[int, bool]:
        """A register's value, and whether the answer was not an error."""
        status, value = await self.by_name[name].read()
        return int(value), status is uvm_status_e.UVM_IS_OK

    async def write(self, name: str, value: int) -> bool:
        """Write a register; False when the answer was an error."""
        status = await self.by_name[name].write(value)
        return status is uvm_status_e.UVM_IS_OK

    def mirrored(self, name: str) -> int:
        """What the model expects a register to hold."""
        return int(self.by_name[name].get_mirrored_value())

    def forget(self) -> None:
        """The model as after a hard reset."""
        self.reset()
