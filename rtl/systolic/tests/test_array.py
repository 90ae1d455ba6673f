"""Blocks of the array unit, in MyHDL, Icarus and Verilator, against plain formulas."""

import random

import pytest

from rtl.lib.tests.agents import Source, Wires
from rtl.lib.tests.replay import check, replay
from rtl.systolic.feeder import FEEDER_LATENCY
from rtl.systolic.scratchpad import SCRATCHPAD_LATENCY
from rtl.systolic.weights import LOADER_LATENCY

DESIGNS = "rtl.systolic.tests.designs:"


def run(name, rows, folder, settle=5):
    """Rows of port values of a design driven with these inputs."""
    return check(DESIGNS + name, lambda ports: [Wires(ports, rows)], len(rows), folder, settle=settle).rows


def to_signed(value, width):
    return value - (1 << width) if value >> (width - 1) else value


def test_element_multiplies_with_the_weight_swapped_in(tmp_path):
    rng = random.Random(1)
    rows = [
        {
            "control_in": 3 if n < 4 else rng.getrandbits(3),
            "activation_in": rng.randint(-16, 15),
            "weight_in": rng.getrandbits(4),
            "north": rng.randint(-700, 700),
        }
        for n in range(400)
    ]
    seen, shadow, active = run("element_1", rows, tmp_path), 0, 0
    for n, (row, after) in enumerate(zip(rows, seen[1:], strict=False)):
        if row["control_in"] & 2:
            active = to_signed(shadow, 4) if row["control_in"] & 4 else shadow
        if n > 3:
            assert to_signed(after["south"], 11) == row["north"] + row["activation_in"] * active
            assert (after["control_out"], to_signed(after["activation_out"], 5)) == (
                row["control_in"],
                row["activation_in"],
            )
        shadow = row["weight_in"] if row["control_in"] & 1 else shadow


def test_skew_delays_each_lane_by_one_more(tmp_path):
    rng = random.Random(2)
    rows = [{"bus_in": rng.getrandbits(32)} for _ in range(120)]
    seen = run("skew_4", rows, tmp_path, settle=12)
    for n in range(12, 120):
        for lane in range(4):
            then = rows[n - lane - 1]["bus_in"]
            assert seen[n]["bus_out"] >> 8 * lane & 255 == then >> 8 * lane & 255


def test_one_changed_bit_of_a_record_is_told(tmp_path):
    rng = random.Random(2)
    rows = [{"bus_in": rng.getrandbits(32)} for _ in range(120)]
    recording = check(DESIGNS + "skew_4", lambda ports: [Wires(ports, rows)], 120, tmp_path, settle=12)
    recording.rows[60]["bus_out"] ^= 1 << 17
    with pytest.raises(AssertionError, match="cycle 60: bus_out"):
        replay(DESIGNS + "skew_4", recording, tmp_path, settle=12)


def test_long_delay_is_as_long_as_said(tmp_path):
    rng = random.Random(3)
    rows = [{"lane_in": rng.getrandbits(9)} for _ in range(120)]
    seen = run("long_delay_11", rows, tmp_path, settle=24)
    assert [row["lane_out"] for row in seen[24:]] == [row["lane_in"] for row in rows[13:109]]


def test_weight_loader_keeps_one_tile_ahead(tmp_path):
    """Tiles come in order, row by row, each LOADER_LATENCY after it was taken, and none without being used."""
    rng = random.Random(4)
    words = [rng.getrandbits(64) for _ in range(30)]
    rows = [{"used": 0} for _ in range(8)] + [{"used": int(n % 7 == 6)} for n in range(150)]
    seen = check(
        DESIGNS + "weight_loader_4",
        lambda ports: [Source(ports, "beats", [(item,) for item in words]), Wires(ports, rows)],
        158,
        tmp_path,
        settle=LOADER_LATENCY + 12,
    ).rows
    loaded = [(row["load_rows"], row["weights"]) for row in seen[6:] if row["load_rows"]]
    assert len(loaded) > 60
    for n, (marker, weights) in enumerate(loaded):
        assert marker == 1 << n % 4
        assert weights == words[n // 4] >> 16 * (n % 4) & 0xFFFF


def test_accumulator_adds_forwards_and_drains_the_other_bank(tmp_path):
    """Every accumulator written first, then random passes: FORWARD_1 and FORWARD_2 follow the distance."""
    rng, memory, sums, rows = random.Random(5), {}, [], []
    history = []
    order = [*range(16), *(rng.randrange(16) for _ in range(400))]
    controls = [0] * 4
    products = [0] * 5
    for n, index in enumerate(order):
        first = n < 16 or rng.random() < 0.1
        distance = next((d for d in (1, 2) if len(history) >= d and history[-d] == index), 0)
        shift, product = rng.randrange(3), rng.randint(-1000, 1000)
        controls.append(
            1 | first << 1 | (distance == 1) << 2 | (distance == 2) << 3 | shift << 4 | index << 6
        )
        products.append(product)
        memory[index] = (0 if first else memory[index]) + (product << 4 * shift)
        history.append(index)
        sums.append((index, memory[index]))
    rows = [
        {"control_in": control, "products": product, "drain_index": 0}
        for control, product in zip(controls, products, strict=False)
    ]
    rows += [
        {"control_in": 0, "products": products[-1], "drain_index": 0},
        *[{"control_in": 0, "products": 0, "drain_index": 0}] * 4,
    ]
    rows += [{"control_in": 0, "products": 0, "drain_index": index} for index in range(16)] * 2
    seen = run("accumulator_16", rows, tmp_path, settle=26)
    start = len(rows) - 16
    for index in range(15):
        assert to_signed(seen[start + index + 1]["drained"], 32) == memory[index]


def flow(row, lane, byte):
    """Activation of a lane by the rule of docs/architecture.md."""
    inside = (
        row["pixel_in_range"]
        and 0 <= row["pixel_x"] + lane < row["pixel_row_elements"]
        and lane < row["pixel_k_lanes"]
    )
    difference = to_signed(byte, 8) - row["pixel_zero_point"]
    part = difference >> 4 if row["pixel_high"] else difference & 15 if row["pixel_wide"] else difference
    return part & 31 if inside else 0


def test_feeder_clips_and_takes_nibbles(tmp_path):
    rng = random.Random(6)
    rows = [
        {
            "pixel_valid": 1,
            "pixel_x": rng.randint(-6, 30) if rng.random() < 0.9 else rng.choice((-65536, 65535)),
            "pixel_in_range": int(rng.random() < 0.9),
            "pixel_row_elements": rng.randint(1, 30),
            "pixel_k_lanes": rng.randint(1, 4),
            "pixel_zero_point": rng.randint(-128, 127),
            "pixel_wide": rng.getrandbits(1),
            "pixel_high": rng.getrandbits(1),
            "pixel_swap": rng.getrandbits(1),
            "pixel_weight_signed": rng.getrandbits(1),
            "data": rng.getrandbits(32),
        }
        for _ in range(500)
    ]
    seen = run("feeder_4", rows, tmp_path, settle=8)
    for n in range(8, 500):
        row, data = rows[n - FEEDER_LATENCY], rows[n - FEEDER_LATENCY + SCRATCHPAD_LATENCY]["data"]
        for lane in range(4):
            lanes = (
                row["pixel_weight_signed"] << 6
                | row["pixel_swap"] << 5
                | flow(row, lane, data >> 8 * lane & 255)
            )
            assert seen[n]["flows"] >> 7 * lane & 127 == lanes, (n, lane, row)
