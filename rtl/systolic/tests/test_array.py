"""Blocks of the array unit, in MyHDL, Icarus and Verilator, against plain formulas."""

import random

import pytest

from rtl.lib.tests.agents import Source, Wires
from rtl.lib.tests.replay import check, replay
from rtl.systolic.array import array_latency
from rtl.systolic.feeder import FEEDER_LATENCY
from rtl.systolic.scratchpad import SCRATCHPAD_LATENCY
from rtl.systolic.weights import LOADER_LATENCY

DESIGNS = "rtl.systolic.tests.designs:"


def run(name, rows, folder, settle=5):
    """Rows of port values of a design driven with these inputs."""
    return check(DESIGNS + name, lambda ports: [Wires(ports, rows)], len(rows), folder, settle=settle).rows


def to_signed(value, width):
    return value - (1 << width) if value >> (width - 1) else value


def split_bits(value, widths):
    """Fields of a word, the lowest first."""
    fields = []
    for width in widths:
        fields.append(value & (1 << width) - 1)
        value >>= width
    return fields


class Elements:
    """A rectangle of weights by the rule of docs/architecture.md: loaded in pairs of rows, swapped all at once."""

    def __init__(self, rows, columns):
        self.shadow = {(row, column): (0, 0) for row in range(rows) for column in range(columns)}
        self.active = dict(self.shadow)

    def swap(self, extend):
        self.active = {
            where: (to_signed(weight, 4) if extend else weight, position)
            for where, (weight, position) in self.shadow.items()
        }

    def load(self, pair, weights, positions):
        """weights, positions: of the upper row, then of the lower, each by column."""
        columns = len(weights) // 2
        for row in (0, 1):
            for column in range(columns):
                value = weights[row * columns + column], positions[row * columns + column]
                self.shadow[2 * pair + row, column] = value

    def sum(self, column, bundles):
        """bundles: for each row four activations."""
        return sum(
            bundle[self.active[row, column][1]] * self.active[row, column][0] for row, bundle in enumerate(bundles)
        )


def random_bundles(rng, rows):
    return [[rng.randint(-16, 15) for _ in range(4)] for _ in range(rows)]


def packed(bundles):
    values = [value for bundle in bundles for value in bundle]
    return sum((value & 31) << 5 * n for n, value in enumerate(values))


@pytest.mark.parametrize("size", [2, 4])
def test_cluster_adds_the_products_of_the_weights_swapped_in(size, tmp_path):
    rng = random.Random(size)
    pairs, width = size // 2, 14
    rows, facts = [], []
    for n in range(300):
        bundles = random_bundles(rng, size)
        loads = (1 << pairs) - 1 if n < 4 else rng.getrandbits(pairs)
        swap, extend = (1, 0) if n < 6 else (int(rng.random() < 0.3), rng.getrandbits(1))
        north = [rng.randint(-6000, 6000) for _ in range(size)]
        weights = [rng.getrandbits(4) for _ in range(2 * size)]
        positions = [rng.getrandbits(2) for _ in range(2 * size)]
        flow = packed(bundles) | (loads | swap << pairs | extend << pairs + 1) << 20 * size
        lanes = sum(value << 4 * n for n, value in enumerate(weights))
        lanes |= sum(value << 2 * n for n, value in enumerate(positions)) << 8 * size
        facts.append((bundles, loads, swap, extend, north, weights, positions))
        rows.append({
            "flow_in": flow,
            "weights": lanes,
            "north": sum((value & (1 << width) - 1) << width * n for n, value in enumerate(north)),
        })  # fmt: skip
    seen, elements, sums = run(f"cluster_{size}", rows, tmp_path, settle=12), Elements(size, size), []
    for n, (bundles, loads, swap, extend, _, weights, positions) in enumerate(facts):
        sums.append([elements.sum(column, bundles) for column in range(size)])
        if swap:
            elements.swap(extend)
        for pair in range(pairs):
            if loads >> pair & 1:
                elements.load(pair, weights, positions)
        if n > 12:
            assert seen[n]["flow_out"] == rows[n - 1]["flow_in"]
            south = [to_signed(value, width) for value in split_bits(seen[n]["south"], [width] * size)]
            assert south == [north + total for north, total in zip(facts[n - 1][4], sums[n - 2], strict=True)]


def test_array_multiplies_each_pixel_by_its_tile(tmp_path):
    """Tiles loaded and swapped while pixels stream: the sums of a pixel leave when array_latency says."""
    rng, period, elements = random.Random(7), 5, Elements(4, 4)
    rows, expected = [], []
    for n in range(300):
        phase, bundles = n % period, random_bundles(rng, 4)
        swap, extend = int(phase == 0), rng.getrandbits(1)
        weights, positions = [rng.getrandbits(4) for _ in range(8)], [rng.getrandbits(2) for _ in range(8)]
        loads = 1 << phase - 1 if phase in (1, 2) else 0
        groups = [packed(bundles[0:2]) | (swap | extend << 1) << 40, packed(bundles[2:4]) | (swap | extend << 1) << 40]
        lanes = [
            sum(weights[4 * row + 2 * group + n] << 4 * (2 * row + n) for row in (0, 1) for n in (0, 1))
            | sum(positions[4 * row + 2 * group + n] << 16 + 2 * (2 * row + n) for row in (0, 1) for n in (0, 1))
            for group in (0, 1)
        ]
        rows.append({
            "flows": groups[0] | groups[1] << 42, "load_pairs": loads, "weights": lanes[0] | lanes[1] << 24,
        })  # fmt: skip
        expected.append([elements.sum(column, bundles) for column in range(4)])
        if swap:
            elements.swap(extend)
        if loads:
            elements.load(loads >> 1, weights, positions)
    seen, latency = run("array_4", rows, tmp_path, settle=24), array_latency(4, 2)
    for n in range(24, 300):
        for column in range(4):
            got = to_signed(seen[n]["sums"] >> 11 * column & 0x7FF, 11)
            assert got == expected[n - latency - column // 2][column], (n, column)


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


def loader_words(rng, tiles, groups, shared):
    """Words of tiles, each at random with or without positions: (words with their mark, positions or 0 by word)."""
    words, places = [], []
    for _ in range(tiles):
        indexed = rng.random() < 0.5
        for _ in range(groups):
            position = rng.getrandbits(64) if indexed else 0
            if indexed:
                words.append(1 << 64 | position)
            words += [indexed << 64 | rng.getrandbits(64) for _ in range(shared)]
            places += [(words[n - shared] & (1 << 64) - 1, position, n) for n in range(shared)]
    return words, places


@pytest.mark.parametrize(("columns", "size", "groups", "shared"), [(4, 2, 1, 1), (8, 4, 2, 2)])
def test_weight_loader_keeps_one_tile_ahead(columns, size, groups, shared, tmp_path):
    """Tiles come in order, a pair of rows a cycle, and none without being used; positions belong to their rows."""
    rng, pairs = random.Random(4), columns // 2
    words, places = loader_words(rng, 40, groups, shared)
    rows = [{"used": 0} for _ in range(20)] + [{"used": int(n % 15 == 14)} for n in range(400)]
    seen = check(
        DESIGNS + f"weight_loader_{columns}",
        lambda ports: [Source(ports, "beats", [(item,) for item in words]), Wires(ports, rows)],
        len(rows),
        tmp_path,
        settle=LOADER_LATENCY + 12,
    ).rows
    loaded = [(row["load_pairs"], row["lanes"]) for row in seen[6:] if row["load_pairs"]]
    pair_bits, per_word = 8 * columns, 64 // (8 * columns)
    stream = [
        (word >> pair_bits * n, position >> 4 * columns * (per_word * index + n))
        for word, position, index in places
        for n in range(per_word)
    ]
    assert len(loaded) > 20 * pairs
    for n, (marker, lanes) in enumerate(loaded):
        weights, positions = stream[n]
        assert marker == 1 << n % pairs
        for column in range(columns):
            lane = lanes >> 12 * size * (column // size)
            for row in (0, 1):
                got = lane >> 4 * (row * size + column % size) & 15
                assert got == weights >> 4 * (row * columns + column) & 15
                place = lane >> 8 * size + 2 * (row * size + column % size) & 3
                assert place == positions >> 2 * (row * columns + column) & 3


def test_accumulator_adds_forwards_and_drains_the_other_bank(tmp_path):
    """Every accumulator written first, then random passes: FORWARD_1 and FORWARD_2 follow the distance."""
    rng, memory, rows, history = random.Random(5), {}, [], []
    order = [*range(16), *(rng.randrange(16) for _ in range(400))]
    controls = [0] * 4
    products = [0] * 5
    for n, index in enumerate(order):
        first = n < 16 or rng.random() < 0.1
        distance = next((d for d in (1, 2) if len(history) >= d and history[-d] == index), 0)
        shift, values = rng.randrange(3), [rng.randint(-1000, 1000) for _ in range(2)]
        controls.append(
            1 | first << 1 | (distance == 1) << 2 | (distance == 2) << 3 | shift << 4 | index << 6
        )
        products.append(values[0] & 0x7FF | (values[1] & 0x7FF) << 11)
        old = [0, 0] if first else memory[index]
        memory[index] = [value + (new << 4 * shift) for value, new in zip(old, values, strict=True)]
        history.append(index)
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
        drained = seen[start + index + 1]["drained"]
        assert [to_signed(drained >> 32 * n & 0xFFFFFFFF, 32) for n in (0, 1)] == memory[index]


def activation(row, lane, data):
    """Activation of a lane by the rule of docs/architecture.md; data: bytes from the pixel's two addresses on."""
    behind = lane >= row["pixel_split"]
    x = row["pixel_x"] + lane - (row["scalars_kernel_row"] if behind else 0)
    inside = row["pixel_next_in_range" if behind else "pixel_in_range"] and 0 <= x < row["scalars_row_end"]
    byte = data["next_data" if behind else "data"] >> 8 * lane & 255
    difference = to_signed(byte, 8) - row["scalars_zero_point"]
    part = difference >> 4 if row["pixel_high"] else difference & 15 if row["scalars_wide"] else difference
    return part & 31 if inside and lane < row["pixel_k_lanes"] else 0


def bundle(row, number, data):
    """The bits from which row `number` of the array picks."""
    if row["scalars_sparsity"] == 0:
        return activation(row, number, data)
    first = 4 * (number if row["scalars_sparsity"] == 2 else number // 2)
    return sum(activation(row, first + n, data) << 5 * n for n in range(4))


def test_feeder_clips_takes_nibbles_and_bundles_them(tmp_path):
    rng, rows = random.Random(6), []
    for _ in range(600):
        lanes = rng.randint(1, 16)
        rows.append({
            "pixel_valid": 1,
            "pixel_x": rng.randint(-6, 30) if rng.random() < 0.9 else rng.choice((-65536, 65535)),
            "pixel_in_range": int(rng.random() < 0.9),
            "pixel_next_in_range": int(rng.random() < 0.9),
            "pixel_k_lanes": lanes,
            "pixel_split": rng.choice((lanes, rng.randint(1, lanes))),
            "pixel_high": rng.getrandbits(1),
            "scalars_row_end": rng.randint(1, 30),
            "scalars_kernel_row": rng.randint(1, 20),
            "scalars_zero_point": rng.randint(-128, 127),
            "scalars_wide": rng.getrandbits(1),
            "scalars_sparsity": rng.randrange(3),
            "swap": rng.getrandbits(1),
            "extend": rng.getrandbits(1),
            "data": rng.getrandbits(128),
            "next_data": rng.getrandbits(128),
        })  # fmt: skip
    seen = run("feeder_4", rows, tmp_path, settle=8)
    for n in range(8, 600):
        row, data = rows[n - FEEDER_LATENCY], rows[n - FEEDER_LATENCY + SCRATCHPAD_LATENCY]
        for group in range(2):
            bits = seen[n]["flows"] >> 42 * group
            assert bits >> 40 & 3 == row["swap"] | row["extend"] << 1
            for number in (2 * group, 2 * group + 1):
                got = bits >> 20 * (number % 2) & (1 << 20) - 1
                mask = 31 if row["scalars_sparsity"] == 0 else (1 << 20) - 1
                assert got & mask == bundle(row, number, data), (n, number, row)
