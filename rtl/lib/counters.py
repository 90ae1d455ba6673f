"""The 64-bit counters of the contract."""

from enum import IntEnum

from rtl.lib.registers import COUNTERS

COUNTER_WIDTH = 64
COUNTER_BITS = COUNTER_WIDTH * len(COUNTERS)


class Activity(IntEnum):
    """What the compute array does in a cycle."""

    COMPUTE = 0
    READ_STALL = 1
    WRITE_STALL = 2
    DEPENDENCY_STALL = 3
