"""The post-processor's pipeline in MyHDL, Icarus and Verilator, against TFLite's formulas in Python's integers."""

import random

import pytest

from rtl.lib.tests.test_requantiser import rescale
from rtl.systolic.isa import PoolKind
from rtl.systolic.post_lane import POOLED, RESULT, TAPPED, VALUE
from rtl.systolic.tests.test_array import run, to_signed

START, COUNT, WINDOW = 60, 300, 6
SCALARS = {
    "output_zero_point": -5,
    "low": -100,
    "high": 110,
    "multiplier_1": 1518500250,
    "shift_1": 3,
    "zero_point_1": 4,
    "multiplier_2": 1073741824,
    "shift_2": 1,
    "zero_point_2": -9,
    "multiplier_out": 1400000000,
    "shift_out": 19,
    "add_zero_point": 7,
    "add_low": -120,
    "add_high": 99,
    "divisor_multiplier": ((1 << 24) + WINDOW - 1) // WINDOW,
    "divisor_shift": 8,
    "divisor_half": WINDOW // 2,
}
SETS = [(1000, 1200000000, -7), (-5000, 2000000000, -8), (0, 1073741824, -9), (123456, (1 << 31) - 1, -10)]
STEPS = ("from_map", "hold", "add", "add_late", "pool", "first", "average")


def stimulus(**steps):
    """Parameters written first, then a random accumulator or byte a cycle; a step is a value or a function of cycle."""
    rng, rows = random.Random(1), []
    writes = [
        (enable, index, SETS[index][part]) for part, enable in enumerate((1, 2, 4)) for index in range(4)
    ]
    for n in range(START + COUNT + RESULT + 2):
        enable, index, data = writes[n - 4] if 4 <= n < 4 + len(writes) else (0, 0, 0)
        row = {"enable": 1, "write_enable": enable, "write_index": index, "write_data": data & 0xFFFFFFFF}
        row |= {"index": rng.randrange(4) if n >= START else 0, "map_byte": rng.getrandbits(8)}
        row |= {"accumulated": rng.randint(-40000, 40000) & 0xFFFFFFFF}
        row |= {f"scalars_{name}": value for name, value in SCALARS.items()}
        given = {name: steps.get(name, 0) for name in STEPS}
        row |= {f"steps_{name}": step(n) if callable(step) else step for name, step in given.items()}
        rows.append(row)
    return rows


def clamp(value, low, high):
    return min(max(value, low), high)


def requantised(rows, n):
    """The clamped value of the accumulator whose index came at cycle n."""
    bias, multiplier, shift = SETS[rows[n]["index"]]
    total = to_signed(rows[n + 1]["accumulated"], 32) + bias
    return clamp(
        rescale(total, multiplier, shift) + SCALARS["output_zero_point"], SCALARS["low"], SCALARS["high"]
    )


def added(first, second):
    """TFLite's ADD with left shift 20."""
    one = rescale((first - SCALARS["zero_point_1"]) << 20, SCALARS["multiplier_1"], -SCALARS["shift_1"])
    two = rescale((second - SCALARS["zero_point_2"]) << 20, SCALARS["multiplier_2"], -SCALARS["shift_2"])
    total = rescale(one + two, SCALARS["multiplier_out"], -SCALARS["shift_out"])
    return clamp(total + SCALARS["add_zero_point"], SCALARS["add_low"], SCALARS["add_high"])


def results(rows, folder):
    """For each value from START on: what was tapped, and the result."""
    seen = run("post_lane_4", rows, folder, settle=START + RESULT)
    cycles = range(START, START + COUNT)
    return [
        (to_signed(seen[n + TAPPED]["tapped"], 8), to_signed(seen[n + RESULT]["result"], 8)) for n in cycles
    ]


def test_accumulators_are_requantised(tmp_path):
    rows = stimulus(first=1)
    expected = [requantised(rows, n) for n in range(START, START + COUNT)]
    assert results(rows, tmp_path) == [(value, value) for value in expected]
    assert len(set(expected)) > 50


def test_map_bytes_are_clamped(tmp_path):
    rows = stimulus(first=1, from_map=1)
    taken = [to_signed(rows[n + VALUE]["map_byte"], 8) for n in range(START, START + COUNT)]
    assert [result for _, result in results(rows, tmp_path)] == [clamp(value, -100, 110) for value in taken]


def test_operand_is_added(tmp_path):
    rows = stimulus(first=1, add=1, add_late=1)
    operands = [to_signed(rows[n + VALUE]["map_byte"], 8) for n in range(START, START + COUNT)]
    values = [requantised(rows, START + n) for n in range(COUNT)]
    expected = [(one, added(one, two)) for one, two in zip(values, operands, strict=True)]
    assert results(rows, tmp_path) == expected
    assert len({total for _, total in expected}) > 50


def average(window):
    total = sum(window)
    size = (abs(total) + SCALARS["divisor_half"]) * SCALARS["divisor_multiplier"] >> 16 + SCALARS[
        "divisor_shift"
    ]
    return -size if total < 0 else size


@pytest.mark.parametrize("kind", [PoolKind.MAX, PoolKind.AVERAGE])
def test_windows_are_pooled(kind, tmp_path):
    """The result of a window stands where its last value would."""
    rows = stimulus(
        first=lambda n: int((n - POOLED - START) % WINDOW == 0),
        pool=int(kind),
        average=int(kind == PoolKind.AVERAGE),
    )
    shown = results(rows, tmp_path)
    for last in range(WINDOW - 1, COUNT, WINDOW):
        window = [requantised(rows, START + n) for n in range(last - WINDOW + 1, last + 1)]
        assert shown[last][1] == (max(window) if kind == PoolKind.MAX else average(window)), window
