"""The pieces below Accelerator: the register protocol, its synchronous use, the connection, the layout."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import replace

import numpy as np
import pytest

from compiler.errors import DoesNotFit, WrongDevice
from host import Accelerator, DeviceError, DeviceTimeout, LayerEnd, TransportError, golden
from host.golden_device import GoldenDevice
from host.layout import SLOTS, layout
from host.profile import profile
from host.protocol import Host
from host.remote import Remote, serve
from host.tests.devices import Thread, chain
from host.transport import Awaitable, finish
from rtl.lib.registers import BY_NAME, Control, Interrupt, Status


class Script:
    """An asynchronous transport whose COMPLETED is read from a list; the interrupt is always high."""

    def __init__(self, completed: list[int]) -> None:
        self.completed = completed

    async def read(self, address: int) -> int:
        """COMPLETED from the list, the interrupt of a completion, 0 for all else."""
        if address == BY_NAME["COMPLETED"].address:
            return self.completed.pop(0)
        return int(Interrupt.COMPLETED) if address == BY_NAME["IRQ_STATUS"].address else 0

    async def write(self, address: int, value: int) -> None:
        """Nothing happens."""

    async def load(self, address: int, data: bytes) -> None:
        """Nothing happens."""

    async def dump(self, address: int, length: int) -> bytes:
        """Zeros."""
        return bytes(length)

    async def interrupt(self, cycles: int) -> bool:
        """At once."""
        return True


def test_two_completions_seen_at_once_are_two_waits() -> None:
    script = Script([5, 7])
    host = Host(script)
    finish(host.start())
    finish(host.wait())
    finish(host.wait())
    assert (host.completed, script.completed) == (7, [])


class Queue:
    """An asynchronous transport in front of a queue that is full until `left` descriptors have left it, each with an
    interrupt; a request completes with the interrupt of the one that leaves after it."""

    def __init__(self, left: int) -> None:
        self.left, self.runs, self.pending = left, 0, Interrupt(0)
        self.completed = 0

    async def read(self, address: int) -> int:
        """STATUS, IRQ_STATUS and COMPLETED."""
        names = {register.address: name for name, register in BY_NAME.items()}
        values = {
            "STATUS": int(Status.QUEUE_FULL) if self.left else 0,
            "IRQ_STATUS": int(self.pending),
            "COMPLETED": self.completed,
        }
        return values.get(names[address], 0)

    async def write(self, address: int, value: int) -> None:
        """Acknowledge, or count a RUN."""
        if address == BY_NAME["IRQ_STATUS"].address:
            self.pending &= ~Interrupt(value)
        elif address == BY_NAME["CTRL"].address and value == Control.RUN:
            assert not self.left, "RUN with the queue full"
            self.runs += 1

    async def load(self, address: int, data: bytes) -> None:
        """Nothing happens."""

    async def dump(self, address: int, length: int) -> bytes:
        """Zeros."""
        return bytes(length)

    async def interrupt(self, cycles: int) -> bool:
        """One more descriptor has left, and one request has completed."""
        assert not self.pending, "an interrupt was not acknowledged"
        self.left -= 1
        self.completed += 1
        self.pending = Interrupt.ACCEPTED | Interrupt.COMPLETED
        return self.left >= 0


def test_a_request_waits_for_room_and_forgets_no_completion() -> None:
    device = Queue(2)
    host = Host(device)
    finish(host.submit(0, 64, 1))
    assert (device.runs, device.left, host.completed) == (1, 0, 2)
    finish(host.wait(2))  # taken while it waited for room
    assert device.pending == 0 and not finish(host.idle())


def test_a_queue_that_stays_full_is_a_timeout() -> None:
    class Stuck(Queue):
        async def interrupt(self, cycles: int) -> bool:
            """Never."""
            return False

    with pytest.raises(DeviceTimeout, match="no interrupt in 50 cycles"):
        finish(Host(Stuck(1), patience=50).submit(0, 64, 1))


def test_a_coroutine_that_needs_an_event_loop_is_no_synchronous_call() -> None:
    with pytest.raises(RuntimeError, match="waits for an event loop"):
        finish(asyncio.sleep(0))


class Broken:
    """An asynchronous transport whose interrupt never comes, and whose registers raise."""

    def __init__(self) -> None:
        self.waited = 0

    async def read(self, address: int) -> int:
        """Refused."""
        raise ValueError(f"no register at {address}")

    async def write(self, address: int, value: int) -> None:
        """Nothing happens."""

    async def load(self, address: int, data: bytes) -> None:
        """Nothing happens."""

    async def dump(self, address: int, length: int) -> bytes:
        """Some bytes."""
        return bytes(range(256)) * (length // 256)

    async def interrupt(self, cycles: int) -> bool:
        """Never."""
        self.waited += cycles
        return False


def served(device: Broken) -> tuple[Remote, threading.Thread]:
    """The asking end, and the thread that serves a device."""
    here, there = socket.socketpair()

    def run() -> None:
        with there:
            asyncio.run(serve(device, there))

    thread = threading.Thread(target=run)
    thread.start()
    return Remote(here, lambda: "the other end has gone"), thread


def test_what_a_request_raises_is_its_reply() -> None:
    remote, thread = served(Broken())
    with pytest.raises(TransportError, match="ValueError: no register at 8"):
        remote.read(8)
    assert remote.dump(0, 1 << 22) == bytes(range(256)) * (1 << 14)
    remote.close()
    thread.join(5)
    assert not thread.is_alive()


def test_waiting_ends_after_the_cycles_asked_for() -> None:
    device = Broken()
    remote, thread = served(device)
    assert not remote.interrupt(5001)
    assert device.waited == 5001
    remote.close()
    thread.join(5)
    assert not thread.is_alive()


def test_serving_ends_when_the_asking_end_goes_while_it_waits() -> None:
    device = Broken()
    here, there = socket.socketpair()
    thread = threading.Thread(target=lambda: asyncio.run(serve(device, there)))
    thread.start()
    asker = threading.Thread(target=Remote(here, lambda: "gone").interrupt, args=(1 << 62,), daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda arguments: None)
        asker.start()
        while device.waited == 0:
            pass
        here.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        asker.join(5)
    assert not thread.is_alive() and not asker.is_alive()
    here.close()
    there.close()


def test_a_connection_that_ends_is_explained_and_stays_closed() -> None:
    here, there = socket.socketpair()
    there.close()
    remote = Remote(here, lambda: "the other end has gone")
    with pytest.raises(TransportError, match="the other end has gone"):
        remote.read(0)
    with pytest.raises(TransportError, match="closed"):
        remote.read(0)


class Impostor(GoldenDevice):
    """Something else that answers at register addresses."""

    def read(self, address: int) -> int:
        """All ones."""
        return 0xFFFFFFFF


def test_what_is_no_accelerator_is_refused() -> None:
    case = chain()
    device = Impostor(case.program, case.graph, 1 << 20)
    with pytest.raises(WrongDevice, match="register ID reads 0xffffffff, must be 0x41535359"):
        Accelerator(device)
    with pytest.raises(TransportError, match="closed"):
        device.dump(0, 1)


def test_slots_are_aligned_and_do_not_overlap() -> None:
    program = chain().program
    placed = layout(program, 8, 1 << 20)
    spans = []
    for number in range(SLOTS):
        spans.append((placed.inputs(number), placed.capacity * program.input_bytes))
        spans.append((placed.outputs(number), placed.capacity * program.output_bytes))
    end = len(program.image)
    for address, size in sorted(spans):
        assert address % 8 == 0 and address >= end
        end = address + size
    assert end <= 1 << 20 < end + SLOTS * (program.input_bytes + program.output_bytes) + 8
    assert placed.inputs(SLOTS) == placed.inputs(0)


def test_a_layout_needs_an_image_in_each_slot() -> None:
    program = chain().program
    least = -(-len(program.image) // 8) * 8 + SLOTS * (program.input_bytes + program.output_bytes)
    assert layout(program, 8, least).capacity == 1
    with pytest.raises(DoesNotFit):
        layout(program, 8, least - 1)


def test_what_comes_after_the_last_end_belongs_to_the_last_layer() -> None:
    program = chain().program
    assert len(program.layers) == 2
    ends = [LayerEnd(0, {"CYCLES": 10}), LayerEnd(1, {"CYCLES": 14}), LayerEnd(0, {"CYCLES": 30})]
    made = profile(program, 2, 100, {"CYCLES": 50}, [*ends, LayerEnd(1, {"CYCLES": 45})])
    assert [layer.cycles for layer in made.layers] == [10 + 16, 4 + 15 + 5]
    assert made.seconds == 50 / 100e6
    assert made == profile(
        program, 2, 100, {"CYCLES": 50}, [LayerEnd(0, {"CYCLES": 7}), *ends, LayerEnd(1, {"CYCLES": 45})]
    )
    assert profile(program, 3, 100, {"CYCLES": 50}, ends).layers == ()


def test_lanes_are_counted_apart_and_have_no_tail() -> None:
    program = chain().program
    counted = ((0, 10, 0), (0, 20, 0), (1, 30, 1), (1, 70, 1))
    ends = [LayerEnd(layer, {"CYCLES": cycles}, lane) for layer, cycles, lane in counted]
    made = profile(program, 2, 100, {"CYCLES": 500}, ends)
    assert [layer.cycles for layer in made.layers] == [20, 70] and made.cycles == 500


def test_golden_stores_scores_of_32_bits() -> None:
    """The device writes and the program reads what golden computes, whatever the width."""
    case = chain()
    (given,), (wanted,) = case.graph.inputs, case.graph.outputs
    (place,) = case.program.outputs
    wide = replace(
        case.program, outputs=(replace(place, bits=32),), output_bytes=4 * case.program.output_bytes
    )
    image = wide.image[:16] + wide.output_bytes.to_bytes(4, "little") + wide.image[20:]
    wide = replace(wide, image=image)
    images = case.inputs(3)
    with Accelerator(golden(wide, case.graph)) as device:
        device.configure(wide)
        scores = device.infer(images[given])
    assert scores.dtype == np.int32 and np.array_equal(scores, case.expected(images)[wanted])


def test_golden_checks_addresses() -> None:
    case = chain()
    device = golden(case.program, case.graph, 1 << 16)
    for access in (
        lambda: device.load(4, b"x"),
        lambda: device.load(1 << 16, b"x"),
        lambda: device.dump(-8, 8),
    ):
        with pytest.raises(TransportError):
            access()


def test_golden_knows_one_program() -> None:
    """Another program of the same configuration is accepted, as by the RTL, but cannot be run."""
    case = chain()
    other = replace(case.program, image=case.program.image[:-1] + b"\x55")
    (given,) = case.graph.inputs
    with Accelerator(Thread(golden(case.program, case.graph))) as device:
        device.configure(other)
        device.write(given, case.inputs(1)[given])
        device.run()
        with pytest.raises(DeviceError, match="ILLEGAL_INSTRUCTION"):
            device.wait()


def test_a_transport_over_awaitable_gives_what_the_transport_gives() -> None:
    case = chain()
    device = golden(case.program, case.graph)
    finish(Awaitable(device).load(64, b"abcdefgh"))
    assert finish(Awaitable(device).dump(66, 3)) == b"cde"
