"""The read channels of AXI4 as a client of the memory port sees them: INCR bursts of full words."""

from dataclasses import dataclass

from rtl.lib.stream import bit, word


@dataclass(frozen=True)
class ReadPort:
    """Read address and read data; `aruser` is the layer that the bytes are for."""

    arvalid: object
    arready: object
    arid: object
    araddr: object
    arlen: object
    aruser: object
    rvalid: object
    rready: object
    rdata: object
    rresp: object
    rlast: object


def read_port(memory_bytes):
    """A ReadPort of `memory_bytes` bytes a beat."""
    return ReadPort(
        bit(),
        bit(),
        word(2),
        word(32),
        word(8),
        word(12),
        bit(),
        bit(),
        word(8 * memory_bytes),
        word(2),
        bit(),
    )
