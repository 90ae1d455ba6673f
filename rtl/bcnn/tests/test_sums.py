"""Counting of ones, and the sums of products that a lane makes of its steps."""

import random
from itertools import chain

import numpy as np
import pytest

from rtl.bcnn.popcount import FIELD, FIELDS_BITS
from rtl.bcnn.tests.designs import COMPRESSED, WEIGHED
from rtl.bcnn.tests.driving import START, pack, run, signed, unpack
from rtl.lib.counters import COUNTER_WIDTH

LANE, NUMBERS = 5, 4  # cycles from a step's data to the total
WIDTH = 14


def test_compress_keeps_how_many_ones_each_bit_has(tmp_path):
    rng = random.Random(1)
    total = sum(width * words for width, words in COMPRESSED)
    rows = [{"bits": value} for value in (0, (1 << total) - 1, *(rng.getrandbits(total) for _ in range(60)))]
    seen = run("compressors_all", rows, tmp_path, settle=2)
    for given, row in zip(rows, seen[1:], strict=False):
        bits, left = given["bits"], row["left"]
        for width, count in COMPRESSED:
            words, kept = unpack(bits, width, count), unpack(left, width, count.bit_length())
            for place in range(width):
                ones = sum(word >> place & 1 for word in words)
                assert ones == sum((word >> place & 1) << n for n, word in enumerate(kept)), (width, count)
            bits, left = bits >> width * count, left >> width * count.bit_length()


def weighable(rng, count):
    """Words of two fields whose weighted sum fits a field."""
    most = ((1 << FIELD) - 1) // ((1 << count) - 1)
    return [pack([rng.choice([0, most, rng.randint(0, most)]) for _ in range(2)], FIELD) for _ in range(count)]


@pytest.mark.parametrize("width", [1, 8, 17, 32])
def test_fields_count_ones_and_weigh_adds_them(width, tmp_path):
    rng = random.Random(width)
    values = [0, (1 << width) - 1, *(rng.getrandbits(width) for _ in range(80))]
    fields = [[weighable(rng, count) for count in WEIGHED] for _ in values]
    rows = [
        {"bits": bits, "enable": int(n < 4 or rng.random() < 0.8), "fields": pack(chain(*words), FIELDS_BITS)}
        for n, (bits, words) in enumerate(zip(values, fields, strict=True))
    ]
    seen, held = run(f"field_counters_of {width}", rows, tmp_path, settle=2), 0
    for n, row in enumerate(rows[:-1]):
        held = row["bits"] if row["enable"] else held
        assert unpack(seen[n + 1]["ones"], FIELD, 2) == [(held & 0xFFFF).bit_count(), (held >> 16).bit_count()]
        for words, result in zip(fields[n], unpack(seen[n]["totals"], FIELDS_BITS, len(WEIGHED)), strict=True):
            pairs = [unpack(word, FIELD, 2) for word in words]
            assert unpack(result, FIELD, 2) == [sum(pair[n] << k for k, pair in enumerate(pairs)) for n in (0, 1)]


def filters_of_steps(rng, count, most):
    """For each step whether it is its filter's first; pauses are None."""
    steps = []
    for _ in range(count):
        steps += [None] * (rng.random() < 0.3) * rng.randint(1, 3)
        steps += [n == 0 for n in range(rng.randint(1, most))]
    return steps


@pytest.mark.parametrize(("lanes", "columns", "chunk"), [(3, 5, 32), (1, 1, 1), (2, 12, 20), (1, 48, 32), (2, 3, 7)])
def test_binary_lanes_add_the_steps_of_a_filter(lanes, columns, chunk, tmp_path):
    """Every product of +-1 counts; `gain` is how many there are."""
    rng = random.Random(3)
    steps = filters_of_steps(rng, 40, 4)
    # What a pause leaves in the stages must not be added, nor the `first` of one forget a filter.
    rows = [
        {"valid": 0, "first": rng.getrandbits(1), "gain": 77, "activations": 0, "weights": 0}
        for _ in range(len(steps) + START + 8)
    ]
    for n, first in enumerate(steps):
        for name, count in (("activations", lanes + columns - 1), ("weights", columns)):
            rows[START + n][name] = rng.choice([0, -1, rng.getrandbits(2048)]) & (1 << chunk * count) - 1
        if first is not None:
            for stage in range(4):
                rows[START + n + 1 + stage]["valid"] |= 1 << stage
            rows[START + n + 4] |= {"first": int(first), "gain": rng.choice([chunk * columns, rng.randint(0, 1000)])}
    seen = run(f"elaborate_lanes {lanes} {columns} {chunk}", rows, tmp_path, settle=START + 12)
    totals, looked = [0] * lanes, 0
    for n, first in enumerate(steps):
        if first is None:
            continue
        row, gain = rows[START + n], rows[START + n + 4]["gain"]
        for lane in range(lanes):
            seen_bits = row["activations"] >> chunk * lane & (1 << chunk * columns) - 1
            step = gain - 2 * (seen_bits ^ row["weights"]).bit_count()
            totals[lane] = step + (0 if first else totals[lane])
        got = unpack(seen[START + n + LANE]["totals"], WIDTH, lanes)
        assert [signed(value, WIDTH) for value in got] == totals, n
        looked += 1
    assert looked > 60


@pytest.mark.parametrize(("count", "bits"), [(1, 6), (9, 8), (27, 6), (20, 8)])
def test_number_lanes_add_or_subtract(count, bits, tmp_path):
    rng, low = random.Random(4), -(1 << bits - 1)
    steps = filters_of_steps(rng, 50, 3)
    rows = [
        {"valid": 0, "first": rng.getrandbits(1), "window": 0, "weights": 0} for _ in range(len(steps) + START + 8)
    ]
    numbers = {}
    for n, first in enumerate(steps):
        kind = rng.choice([[low], [-low - 1], range(low, -low)])
        numbers[n] = [rng.choice(kind) for _ in range(count)]
        rows[START + n]["window"] = pack(numbers[n], bits)
        rows[START + n]["weights"] = rng.choice([0, (1 << count) - 1, rng.getrandbits(count)])
        if first is not None:
            for stage in range(4):
                rows[START + n + stage]["valid"] |= 1 << stage
            rows[START + n + 3]["first"] = int(first)
    seen, total, looked = run(f"number_lane_of {count} {bits}", rows, tmp_path, settle=START + 12), 0, 0
    for n, first in enumerate(steps):
        if first is not None:
            signs = [1 if bit else -1 for bit in unpack(rows[START + n]["weights"], 1, count)]
            total = int(np.dot(signs, numbers[n])) + (0 if first else total)
            assert signed(seen[START + n + NUMBERS]["total"], 20) == total, n
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
