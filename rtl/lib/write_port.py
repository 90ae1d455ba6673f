"""The write channels of AXI4 as the write DMA sees them: INCR bursts of full words."""

from dataclasses import dataclass

from rtl.lib.stream import bit, word


@dataclass(frozen=True)
class WritePort:
    """Write address, write data and response; `awuser` is the layer that the bytes are for."""

    awvalid: object
    awready: object
    awid: object
    awaddr: object
    awlen: object
    awuser: object
    wvalid: object
    wready: object
    wdata: object
    wstrb: object
    wlast: object
    bvalid: object
    bready: object
    bresp: object


def write_port(memory_bytes):
    """A WritePort of `memory_bytes` bytes a beat."""
    return WritePort(
        bit(),
        bit(),
        word(2),
        word(32),
        word(8),
        word(12),
        bit(),
        bit(),
        word(8 * memory_bytes),
        word(memory_bytes),
        bit(),
        bit(),
        bit(),
        word(2),
    )
