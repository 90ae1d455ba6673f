"""The sums of products that a lane makes of its steps, and what is counted of them."""

import random

import numpy as np
import pytest

from rtl.bcnn.tests.driving import START, pack, run, signed, unpack
from rtl.lib.counters import COUNTER_WIDTH

LANE = 4  # cycles from a step's data to the total
WIDTH = 14


def filters_of_steps(rng, count, most):
    """For each step whether it is its filter's first; pauses are None."""
    steps = []
    for _ in range(count):
        steps += [None] * (rng.random() < 0.3) * rng.randint(1, 3)
        steps += [n == 0 for n in range(rng.randint(1, most))]
    return steps


@pytest.mark.parametrize(
    ("lanes", "channels", "columns"), [(3, 32, 5), (1, 1, 1), (2, 20, 12), (1, 96, 11), (1, 320, 4), (2, 7, 3)]
)
def test_binary_lanes_add_the_steps_of_a_filter(lanes, channels, columns, tmp_path):
    """Every product of +-1 counts; `gain` is how many there are."""
    rng, size = random.Random(3), channels * columns
    steps = filters_of_steps(rng, 40, 4)
    # What a pause leaves in the stages must not be added, nor the `first` of one forget a filter.
    rows = [
        {"valid": 0, "first": rng.getrandbits(1), "gain": 77, "activations": 0, "weights": 0}
        for _ in range(len(steps) + START + 8)
    ]
    for n, first in enumerate(steps):
        for name, count in (("activations", channels * (lanes + columns - 1)), ("weights", size)):
            rows[START + n][name] = rng.choice([0, -1, rng.getrandbits(2048)]) & (1 << count) - 1
        if first is not None:
            for stage in range(3):
                rows[START + n + 1 + stage]["valid"] |= 1 << stage
            rows[START + n + 3] |= {"first": int(first), "gain": rng.choice([size, rng.randint(0, 1000)])}
    seen = run(f"elaborate_lanes {lanes} {channels} {columns}", rows, tmp_path, settle=START + 12)
    totals, looked = [0] * lanes, 0
    for n, first in enumerate(steps):
        if first is None:
            continue
        row, gain = rows[START + n], rows[START + n + 3]["gain"]
        for lane in range(lanes):
            seen_bits = row["activations"] >> channels * lane & (1 << size) - 1
            step = gain - 2 * (seen_bits ^ row["weights"]).bit_count()
            totals[lane] = step + (0 if first else totals[lane])
        got = unpack(seen[START + n + LANE]["totals"], WIDTH, lanes)
        assert [signed(value, WIDTH) for value in got] == totals, n
        looked += 1
    assert looked > 60


@pytest.mark.parametrize(("rows", "count", "bits"), [(1, 1, 6), (3, 3, 8), (1, 27, 6), (2, 11, 8), (3, 21, 6)])
def test_number_lanes_add_or_subtract(rows, count, bits, tmp_path):
    """Numbers of several rows, half their range added to each, times +-1."""
    rng, low, size = random.Random(4), -(1 << bits - 1), rows * count
    steps = filters_of_steps(rng, 50, 3)
    given = [
        {"valid": 0, "first": rng.getrandbits(1), "numbers": 0, "weights": 0} for _ in range(len(steps) + START + 8)
    ]
    numbers = {}
    for n, first in enumerate(steps):
        kind = rng.choice([[low], [-low - 1], range(low, -low)])
        numbers[n] = [rng.choice(kind) for _ in range(size)]
        given[START + n]["numbers"] = pack([number - low for number in numbers[n]], bits)
        given[START + n]["weights"] = rng.choice([0, (1 << size) - 1, rng.getrandbits(size)])
        if first is not None:
            for stage in range(3):
                given[START + n + 1 + stage]["valid"] |= 1 << stage
            given[START + n + 3]["first"] = int(first)
    seen, total, looked = run(f"number_sum_of {rows} {count} {bits}", given, tmp_path, settle=START + 12), 0, 0
    for n, first in enumerate(steps):
        if first is not None:
            signs = [1 if bit else -1 for bit in unpack(given[START + n]["weights"], 1, size)]
            total = int(np.dot(signs, numbers[n])) + (0 if first else total)
            assert signed(seen[START + n + LANE]["total"], 20) == total, n
            looked += 1
    assert looked > 80


def test_products_of_all_engines_are_added(tmp_path):
    rng = random.Random(5)
    kinds = [(0, 0, 0), (4, 1, 1), (0, 1, 1), (0, 0, 1)]
    rows = [
        dict(zip(("amounts", "busy", "reads", "writes"), (rng.getrandbits(85), *kinds[n % 4]), strict=True))
        for n in range(60)
    ]
    seen = run("sums_5", rows, tmp_path)
    for n in range(START, 60):
        assert seen[n]["total"] == sum(unpack(rows[n - 3]["amounts"], 17, 5))
        # registers.py: COMPUTE 0, READ_STALL 1, WRITE_STALL 2, DEP_STALL 3
        assert seen[n]["activity"] == {0: 3, 1: 0, 2: 1, 3: 2}[(n - 1) % 4]


def test_a_pipeline_tells_of_all_its_engines(tmp_path):
    """Products of all; the last layer of those that end; what the first waits for, then what the last waits for."""
    rng = random.Random(7)
    rows = [
        {
            "ends": rng.choice([0, rng.getrandbits(3)]), "busy": rng.choice([0, 0, rng.getrandbits(3)]),
            "no_input": rng.getrandbits(3), "no_room": rng.getrandbits(3), "macs": rng.getrandbits(51),
            "skipped": pack([rng.getrandbits(30) for _ in range(3)], 32),
        }
        for _ in range(150)
    ]  # fmt: skip
    seen = run("reported_3", rows, tmp_path)
    for n in range(START, 150):
        now, before, long_before = rows[n], rows[n - 1], rows[n - 2]
        assert seen[n]["told_layer_event"] == (now["ends"] != 0)
        assert seen[n]["told_layer"] == max(0, now["ends"].bit_length() - 1)
        assert seen[n]["told_macs"] == sum(unpack(long_before["macs"], 17, 3))
        assert seen[n]["told_macs_skipped"] == sum(unpack(long_before["skipped"], 32, 3))
        waits = 1 if before["no_input"] & 1 else 2 if before["no_room"] & 4 else 3
        assert seen[n]["told_activity"] == (0 if before["busy"] else waits)


@pytest.mark.parametrize("first", [True, False])
def test_an_engine_counts_its_own_cycles_and_products(first, tmp_path):
    """In the order of the registers: cycles, compute, read, write, dependency, bytes (2), products, skipped."""
    rng, count = random.Random(6), 120
    rows = [
        {
            "counting": int(n >= START and n not in range(60, 70)),
            "work_busy": rng.getrandbits(1),
            "work_no_input": rng.getrandbits(1),
            "work_no_room": rng.getrandbits(1),
            "work_macs": rng.getrandbits(17),
            "work_skipped": rng.getrandbits(29),
        }
        for n in range(count)
    ]
    seen = run(f"count_work_of {'first' if first else 'other'}", rows, tmp_path)
    totals = [0] * 9
    for n in range(START, count - 1):
        row = rows[n]
        waits = [row["work_no_input"], row["work_no_room"], 0]
        waits = waits if first else [0, row["work_no_room"], row["work_no_input"]]
        amounts = [row["work_busy"], row["work_busy"], *waits, 0, 0, row["work_macs"], row["work_skipped"]]
        totals = [a + b for a, b in zip(totals, amounts, strict=True)] if row["counting"] else [0] * 9
        assert unpack(seen[n + 1]["counters"], COUNTER_WIDTH, 9) == totals, n
