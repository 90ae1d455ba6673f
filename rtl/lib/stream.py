"""The one handshake between blocks.

Four rules: a beat passes when valid and ready are both 1 at a clock edge; valid and what goes with it hold
until then; valid never waits for ready; ready may depend on valid. Data is undefined while valid is 0.
"""

from dataclasses import dataclass

from myhdl import ResetSignal, Signal, intbv


@dataclass(frozen=True)
class Stream:
    """Beats of one word."""

    data: object
    valid: object
    ready: object


@dataclass(frozen=True)
class Transfer:
    """Stream of requests to a DMA: `length` bytes (at least 1) from byte `address`, on behalf of `layer`."""

    address: object
    length: object
    layer: object
    valid: object
    ready: object


@dataclass(frozen=True)
class Beats:
    """Stream of memory words: `keep` marks the bytes asked for, `last` the last word of a transfer."""

    data: object
    keep: object
    last: object
    valid: object
    ready: object


def bit():
    """A one-bit signal, 0 after reset."""
    return Signal(bool(0))


def word(width):
    """An unsigned signal, 0 after reset."""
    return Signal(intbv(0)[width:])


def signed(width):
    """A two's complement signal, 0 after reset."""
    return Signal(intbv(0, min=-(1 << (width - 1)), max=1 << (width - 1)))


def reset():
    """The synchronous, active-high reset that every block takes as `rst`."""
    return ResetSignal(0, active=1, isasync=False)


def stream(width):
    """A Stream of `width` bits."""
    return Stream(word(width), bit(), bit())


def transfer(length_width=24):
    """A Transfer of up to 2**length_width - 1 bytes."""
    return Transfer(word(32), word(length_width), word(12), bit(), bit())


def beats(memory_bytes):
    """A stream of memory words of `memory_bytes` bytes."""
    return Beats(word(8 * memory_bytes), word(memory_bytes), bit(), bit(), bit())
