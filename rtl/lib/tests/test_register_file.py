"""The register file at its bus: all bits of all counters, which no simulation of a program ever reaches."""

import random

from rtl.lib.counters import COUNTER_BITS, COUNTER_WIDTH
from rtl.lib.registers import BY_NAME, COUNTERS
from rtl.lib.tests.agents import Wires
from rtl.lib.tests.replay import check

ACCESS = 2  # cycles: the register is selected, then read
HALF = COUNTER_WIDTH // 2


def access(name, counters):
    """A read of a register while the counters have these values."""
    place = {"bus_read_number": BY_NAME[name].address >> 2, "counters": counters}
    return [{**place, "bus_read": 0}, {**place, "bus_read": 1}]


def test_a_counter_is_read_in_halves_of_one_moment(tmp_path):
    rng = random.Random(11)
    rows, expected = [], []
    for number, (name, _) in enumerate(COUNTERS):
        first, then = rng.getrandbits(COUNTER_BITS), rng.getrandbits(COUNTER_BITS)
        rows += access(f"{name}_LO", first) + access(f"{name}_HI", then)
        value = first >> COUNTER_WIDTH * number & (1 << COUNTER_WIDTH) - 1
        expected += [value & (1 << HALF) - 1, value >> HALF]
    recording = check("registers", lambda ports: [Wires(ports, rows)], len(rows) + 1, tmp_path)
    data = [row["bus_read_data"] for row in recording.rows]
    begin = next(n for n, row in enumerate(recording.rows) if row["bus_read"]) - 1
    assert data[begin + 1 : begin + len(rows) : ACCESS] == expected
