"""Requests that overlap: what the bench asks of the queue's interrupt, and counters that begin anew between two."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from host.protocol import Host
from rtl.lib.registers import BY_NAME, Control, Interrupt, Status
from tb.contract import ContractSequence
from tb.sequences import RequestSequence

NONE = Interrupt(0)
STEP = 10  # cycles of a register access


class Device:
    """An accelerator of one register access at a time. `raised`: interrupts that a RUN brings; `gone_idle`: the
    access, counted from 1, at which the request before completes, 0 for long ago, None for not at all."""

    def __init__(self, raised: Interrupt = NONE, gone_idle: int | None = None) -> None:
        self.raised, self.gone_idle = raised, gone_idle
        self.cycle, self.accesses, self.asked, self.began = 1000, 0, 0, 0
        self.status = NONE
        self.runs = 1

    @property
    def _idle(self) -> bool:
        return self.gone_idle is not None and self.accesses >= self.gone_idle

    async def read(self, address: int) -> int:
        """COMPLETED, CYCLES_LO and IRQ_STATUS; 5 for all else."""
        self._pass()
        names = {register.address: name for name, register in BY_NAME.items()}
        values = {
            "COMPLETED": 1 if self._idle else 0,
            "CYCLES_LO": self.cycle - self.began,
            "IRQ_STATUS": int(self.status),
        }
        return values.get(names[address], 5)

    async def write(self, address: int, value: int) -> None:
        """A RUN begins the counters anew when it finds the accelerator idle."""
        self.asked = self.cycle
        self._pass()
        if address == BY_NAME["CTRL"].address and value == Control.RUN:
            self.began = self.cycle if self._idle else self.began
            self.status |= self.raised
            self.runs += 1
        elif address == BY_NAME["IRQ_STATUS"].address:
            self.status &= ~Interrupt(value)

    async def load(self, address: int, data: bytes) -> None:
        """Nothing happens."""

    async def dump(self, address: int, length: int) -> bytes:
        """Zeros."""
        return bytes(length)

    async def interrupt(self, cycles: int) -> bool:
        """At once."""
        return True

    def _pass(self) -> None:
        self.cycle += STEP
        self.accesses += 1


# Told, and whether with the counters: idle before, idle while the registers are written, busy, idle only afterwards.
@pytest.mark.parametrize(("gone_idle", "known"), [(0, [True]), (3, [False]), (None, []), (9, [])])
def test_a_run_that_finds_the_accelerator_idle_is_told(gone_idle: int | None, known: list[bool]) -> None:
    device = Device(gone_idle=gone_idle)
    calls: list[tuple[int, Mapping[str, int] | None]] = []
    order: list[str] = []

    def restarted(cycle: int, counters: Mapping[str, int] | None) -> None:
        order.append("restarted")
        calls.append((cycle, counters))

    sequence: Any = object.__new__(RequestSequence)
    host = Host(device, started=1)
    sequence.env = SimpleNamespace(
        bench=device,
        transport=device,
        host=host,
        scoreboard=SimpleNamespace(restarted=restarted),
        catch_up=lambda: order.append("caught up"),
    )
    asyncio.run(sequence._follow(0, 64, 1))
    assert device.runs == 2
    assert [counters is not None for _, counters in calls] == known
    assert order == ["caught up", "restarted"] * len(known), "ends before the restart are counted before it"
    assert all(1000 <= cycle <= device.began for cycle, _ in calls)
    assert all(counters["MACS"] == 5 << 32 | 5 for _, counters in calls if counters is not None)


@pytest.mark.parametrize(
    ("raised", "failures"),
    [
        (Interrupt.ACCEPTED | Interrupt.COMPLETED, 0),
        (Interrupt.COMPLETED, 1),
        (Interrupt.ACCEPTED | Interrupt.COMPLETED | Interrupt.CONFIGURED, 1),
    ],
)
def test_a_descriptor_that_leaves_without_an_interrupt_breaks_the_contract(
    raised: Interrupt, failures: int
) -> None:
    sequence = contract(Device(raised))
    asyncio.run(sequence.accepted())
    assert sequence.checked == 3 and len(sequence.failures) == failures
    assert all("IRQ_STATUS after a RUN" in str(found) for found in sequence.failures)


class Full(Device):
    """Its queue is full with two descriptors, the first of which has left it if ACCEPTED is raised, or `wrong` ones."""

    def __init__(self, raised: Interrupt, wrong: int) -> None:
        super().__init__(raised)
        self.runs, self.most = 0, 2 + bool(raised) + wrong

    async def read(self, address: int) -> int:
        """STATUS as the queue is."""
        if address == BY_NAME["STATUS"].address:
            return int(Status.QUEUE_FULL) if self.runs >= self.most else 0
        return await super().read(address)


@pytest.mark.parametrize("raised", [NONE, Interrupt.ACCEPTED])
@pytest.mark.parametrize("wrong", [-1, 0, 1])
def test_a_queue_of_another_depth_breaks_the_contract(raised: Interrupt, wrong: int) -> None:
    device = Full(raised, wrong)
    sequence = contract(device)
    asyncio.run(sequence.queue_full())
    assert len(sequence.failures) == abs(wrong)
    assert device.runs == 3 + bool(raised)


def contract(device: Device) -> Any:
    """The contract's checks on a device, with nothing around them."""

    async def nothing(*_: Any) -> None:
        pass

    sequence: Any = object.__new__(ContractSequence)
    around = {"memory": SimpleNamespace(apply=nothing), "bench": SimpleNamespace(cycles=nothing, cycle=7)}
    sequence.env = SimpleNamespace(host=Host(device), **around)
    sequence.memory_map, sequence.seed = SimpleNamespace(inputs=0, outputs=64), 1
    sequence.checked, sequence.failures = 0, []
    sequence._configured = sequence._clean = sequence._bad_request = nothing
    return sequence
