"""What the tests of bcnn's blocks share: running a design by its inputs, and bits in buses."""

from rtl.lib.tests.agents import Wires
from rtl.lib.tests.replay import check

DESIGNS = "rtl.bcnn.tests.designs:"
START = 6  # the first cycle that a test uses, after reset
# Builds for Verilator take long: one of each kind of block; all others are run under Icarus only.
VERILATED = {"walk_of sliced", "collect_of pooled", "pool_of pooled", "loaded_all", "requests_16"}


def run(name, rows, folder, settle=START, resets=()):
    """Rows of port values of a design driven with these inputs, in MyHDL, checked to be the same in Verilog."""
    return drive(name, lambda ports: [Wires(ports, rows)], len(rows), folder, settle, resets)


def drive(name, agents, cycles, folder, settle=START, resets=()):
    """The same with agents, given by a function of the ports."""
    return check(DESIGNS + name, agents, cycles, folder, resets, settle, name in VERILATED).rows


def signed(value, width):
    """Bits as two's complement."""
    return value - (1 << width) if value >> (width - 1) else value


def unpack(value, width, count):
    """So many fields of `width` bits, the first lowest."""
    return [value >> width * n & (1 << width) - 1 for n in range(count)]


def pack(values, width):
    """Fields of `width` bits, the first lowest, as one number; two's complement."""
    return sum((int(value) & (1 << width) - 1) << width * n for n, value in enumerate(values))
