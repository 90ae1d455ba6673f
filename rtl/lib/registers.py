"""Control registers of every accelerator, defined once: RTL, UVM register model and document are made from
here.

Plain data: standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag

IDENTIFIER = 0x41535359  # "ASSY"
VERSION = 1
HEADER_MAGIC = 0x52505341  # "ASPR", first word of the device header of a program
HEADER_VERSION = 1
PROGRAM_LAYER = 0xFFF  # the layer tag of header and instruction reads


class Access(IntEnum):
    READ_ONLY = 0
    READ_WRITE = 1
    WRITE_ONLY = 2
    WRITE_ONE_TO_CLEAR = 3


class Control(IntFlag):
    CONFIGURE = 1
    RUN = 2
    SOFT_RESET = 4


class Interrupt(IntFlag):
    CONFIGURED = 1
    COMPLETED = 2
    ERROR = 4
    ACCEPTED = 8  # a RUN descriptor has left the queue


class Status(IntFlag):
    CONFIGURED = 1  # a program has been accepted
    BUSY = 2  # configuring, running, or waiting for owed bursts
    ERROR = 4
    QUEUE_FULL = 8  # two RUN descriptors are waiting
    RESETTING = 16


class Error(IntEnum):
    NONE = 0
    ILLEGAL_INSTRUCTION = 1
    OPERAND_RANGE = 2
    CONFIG_MISMATCH = 3
    BUS_READ = 4
    BUS_WRITE = 5
    WATCHDOG = 6
    # RUN before CONFIGURE, with the queue full or COUNT = 0; CONFIGURE unless idle; both at once
    BAD_REQUEST = 7


@dataclass(frozen=True)
class Register:
    """One 32-bit register. `counter` registers are pairs: reading the low half latches the high one."""

    name: str
    address: int
    access: Access
    text: str
    reset: int = 0
    counter: bool = False


_RO, _RW, _WO, _W1C = Access.READ_ONLY, Access.READ_WRITE, Access.WRITE_ONLY, Access.WRITE_ONE_TO_CLEAR

COUNTERS = (
    ("CYCLES", "cycles from RUN to its completion"),
    ("COMPUTE", "cycles in which the compute array took data"),
    ("READ_STALL", "cycles the array waited for data or instructions from memory"),
    ("WRITE_STALL", "cycles the array waited for results to be written"),
    ("DEP_STALL", "cycles the array waited for another unit on chip"),
    ("BYTES_READ", "bytes read from memory"),
    ("BYTES_WRITTEN", "bytes written to memory (strobed)"),
    ("MACS", "multiply-accumulates executed"),
    ("MACS_SKIPPED", "nominal multiply-accumulates not executed (padding, zeros)"),
)
COUNTER_BASE = 0x040


def _counter_registers() -> tuple[Register, ...]:
    halves = ((0, "_LO", "low half; reading latches the high half"), (4, "_HI", "high half, as latched"))
    return tuple(
        Register(name + suffix, COUNTER_BASE + 8 * index + offset, _RO, f"{text}: {half}", counter=True)
        for index, (name, text) in enumerate(COUNTERS)
        for offset, suffix, half in halves
    )


REGISTERS = (
    Register("ID", 0x000, _RO, "identifier, 'ASSY'", IDENTIFIER),
    Register("VERSION", 0x004, _RO, "version of this contract", VERSION),
    Register("CONFIG_HASH", 0x008, _RO, "hash of variant and configuration; a program carries the same"),
    Register("CTRL", 0x00C, _WO, "start: bit 0 CONFIGURE, 1 RUN, 2 SOFT_RESET"),
    Register("IRQ_ENABLE", 0x010, _RW, "bit 0 CONFIGURED, 1 COMPLETED, 2 ERROR, 3 ACCEPTED"),
    Register("IRQ_STATUS", 0x014, _W1C, "bits as IRQ_ENABLE"),
    Register("STATUS", 0x018, _RO, "bit 0 CONFIGURED, 1 BUSY, 2 ERROR, 3 QUEUE_FULL, 4 RESETTING"),
    Register("ERROR", 0x01C, _RO, "code of the first error since reset"),
    Register("ERROR_PC", 0x020, _RO, "index of the instruction that was at fault, or the last one issued"),
    Register("WATCHDOG", 0x024, _RW, "cycles without progress before error 6; 0 turns it off"),
    Register("PROG_ADDR", 0x028, _RW, "byte address of the program image, aligned to the memory port"),
    Register("PROG_LEN", 0x02C, _RW, "bytes of the program image"),
    Register("IN_ADDR", 0x030, _RW, "byte address of the first input image"),
    Register("OUT_ADDR", 0x034, _RW, "byte address of the first output"),
    Register("COUNT", 0x038, _RW, "number of images of the next RUN"),
    Register("LAYER", 0x03C, _RO, "layer that ended last"),
    *_counter_registers(),
    Register("COMPLETED", 0x088, _RO, "RUN descriptors completed since reset"),
)
VARIANT_BASE = 0x100
BY_NAME = {register.name: register for register in REGISTERS}
