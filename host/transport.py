"""What a way to an accelerator has to offer: the interface that a board's driver implements."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


class TransportError(Exception):
    """The way to the accelerator is broken, or an access was answered with an error."""


@dataclass(frozen=True)
class LayerEnd:
    """A layer of an image has ended: its number in the layer table, and the counters then. An accelerator that ends
    several layers at once has counters for each event lane; those of the only lane are the registers'."""

    layer: int
    counters: Mapping[str, int]
    lane: int = 0


class Transport(Protocol):
    """Registers, memory and the interrupt of one accelerator. Every method may raise TransportError."""

    @property
    def alignment(self) -> int:
        """Bytes of the memory port, a power of two: addresses of programs and images are multiples of it."""

    @property
    def memory_size(self) -> int:
        """Bytes of memory that the accelerator and the host share, from address 0."""

    @property
    def clock_mhz(self) -> float:
        """The accelerator's clock."""

    def read(self, address: int) -> int:
        """The 32 bits of the register at a byte address."""

    def write(self, address: int, value: int) -> None:
        """Write the 32 bits of the register at a byte address."""

    def load(self, address: int, data: bytes) -> None:
        """Write memory; the address is a multiple of `alignment`. Bytes behind `data` up to the next multiple
        may become zero."""

    def dump(self, address: int, length: int) -> bytes:
        """Read memory, from any address."""

    def interrupt(self, cycles: int) -> bool:
        """Wait until the interrupt is high; False if it is not within that many cycles of the clock."""

    def layer_ends(self) -> Sequence[LayerEnd]:
        """Every layer end since the first RUN, in order; empty where it cannot be told."""

    def close(self) -> None:
        """Let the accelerator go; closing twice is allowed."""


class Awaitable:
    """The asynchronous face of a Transport, for `host.protocol.Host`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def read(self, address: int) -> int:
        """See Transport."""
        return self._transport.read(address)

    async def write(self, address: int, value: int) -> None:
        """See Transport."""
        self._transport.write(address, value)

    async def load(self, address: int, data: bytes) -> None:
        """See Transport."""
        self._transport.load(address, data)

    async def dump(self, address: int, length: int) -> bytes:
        """See Transport."""
        return self._transport.dump(address, length)

    async def interrupt(self, cycles: int) -> bool:
        """See Transport."""
        return self._transport.interrupt(cycles)


def finish(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that awaits nothing but coroutines over an Awaitable: it runs to its end at
    once, without an event loop. Raises what it raises."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    coroutine.close()
    raise RuntimeError(f"{coroutine} waits for an event loop")
