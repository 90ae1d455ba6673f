"""The registers of the contract in front of any executor: configure, run queue, errors, interrupts, reset."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from host.transport import TransportError
from rtl.lib.registers import (
    COUNTERS,
    IDENTIFIER,
    REGISTERS,
    VERSION,
    Access,
    Control,
    Error,
    Interrupt,
    Status,
)

QUEUED = 3  # descriptors that may be unfinished: one running, two waiting
BY_ADDRESS = {register.address: register for register in REGISTERS}


@dataclass(frozen=True)
class Descriptor:
    """A RUN: addresses of inputs and outputs, number of images."""

    inputs: int
    outputs: int
    count: int


@dataclass(frozen=True)
class Failed(Exception):
    """The error that stops the accelerator, and the instruction it names."""

    code: Error
    index: int = 0


class Registers:
    """Holds what the host writes; `accept` checks the program at PROG_ADDR, PROG_LEN, and `execute` does a
    descriptor and returns what it adds to the counters. Both raise Failed.

    Requests are done when the host waits for the interrupt: until then they are queued."""

    def __init__(
        self,
        config_hash: int,
        accept: Callable[[int, int], None],
        execute: Callable[[Descriptor], dict[str, int]],
    ) -> None:
        self._values = {register.name: register.reset for register in REGISTERS}
        self._values |= {"ID": IDENTIFIER, "VERSION": VERSION, "CONFIG_HASH": config_hash}
        self._accept, self._execute = accept, execute
        self._forget()

    def read(self, address: int) -> int:
        """The register's value; the low half of a counter latches its high half. Raises TransportError."""
        register = BY_ADDRESS.get(address)
        if register is None:
            raise TransportError(f"error answer: read 0x{address:03x}")
        if register.access is Access.WRITE_ONLY:
            return 0
        if register.counter and register.name.endswith("_LO"):
            name = register.name.removesuffix("_LO")
            self._values[f"{name}_HI"] = self._counters[name] >> 32
            return self._counters[name] & 0xFFFFFFFF
        return int(self._status()) if register.name == "STATUS" else self._values[register.name]

    def write(self, address: int, value: int) -> None:
        """Write a register; a request in CTRL is obeyed or refused at once. Raises TransportError."""
        register = BY_ADDRESS.get(address)
        if register is None:
            raise TransportError(f"error answer: write 0x{address:03x}")
        if register.access is Access.READ_WRITE:
            self._values[register.name] = value & 0xFFFFFFFF
        elif register.access is Access.WRITE_ONE_TO_CLEAR:
            self._values[register.name] &= ~value
        elif register.access is Access.WRITE_ONLY:
            self._request(Control(value & sum(Control)))

    def interrupt(self) -> bool:
        """Whether the interrupt is high, once everything that could raise it has been done."""
        while not self._irq and self._queue and not self._failed:
            self._obey(self._run_next)
        return self._irq

    @property
    def _irq(self) -> bool:
        return bool(self._values["IRQ_STATUS"] & self._values["IRQ_ENABLE"])

    @property
    def _failed(self) -> bool:
        return self._values["ERROR"] != Error.NONE

    def _forget(self) -> None:
        """Everything but what the host wrote."""
        for name in ("IRQ_STATUS", "ERROR", "ERROR_PC", "LAYER", "COMPLETED"):
            self._values[name] = 0
        self._counters = {name: 0 for name, _ in COUNTERS}
        self._queue: deque[Descriptor] = deque()
        self._configured = False

    def _status(self) -> Status:
        status = Status.CONFIGURED if self._configured else Status(0)
        if self._failed:
            status |= Status.ERROR
        elif self._queue:
            status |= Status.BUSY
        return status | (Status.QUEUE_FULL if len(self._queue) == QUEUED else Status(0))

    def _request(self, control: Control) -> None:
        if control & Control.SOFT_RESET:
            self._forget()
        elif control and not self._failed:
            self._obey(self._configure if control & Control.CONFIGURE else self._push, control)

    def _obey(self, step: Callable[..., None], *arguments: Control) -> None:
        try:
            step(*arguments)
        except Failed as error:
            self._values["ERROR"], self._values["ERROR_PC"] = int(error.code), error.index
            self._raise(Interrupt.ERROR)

    def _configure(self, control: Control) -> None:
        if self._queue or control & Control.RUN:
            raise Failed(Error.BAD_REQUEST)
        self._configured = False
        self._accept(self._values["PROG_ADDR"], self._values["PROG_LEN"])
        self._configured = True
        self._raise(Interrupt.CONFIGURED)

    def _push(self, control: Control) -> None:
        values = self._values
        if not self._configured or len(self._queue) == QUEUED or values["COUNT"] == 0:
            raise Failed(Error.BAD_REQUEST)
        if not self._queue:
            self._counters = {name: 0 for name, _ in COUNTERS}
            self._raise(Interrupt.ACCEPTED)  # it is begun at once
        self._queue.append(Descriptor(values["IN_ADDR"], values["OUT_ADDR"], values["COUNT"]))

    def _run_next(self) -> None:
        for name, value in self._execute(self._queue[0]).items():
            self._counters[name] += value
        self._queue.popleft()
        self._values["COMPLETED"] += 1
        self._raise(Interrupt.COMPLETED)
        if self._queue:
            self._raise(Interrupt.ACCEPTED)  # the next one is begun

    def _raise(self, interrupt: Interrupt) -> None:
        self._values["IRQ_STATUS"] |= int(interrupt)
