"""What a lane sees of a map's row, against indexing with padding in plain Python."""

import random

import pytest

from rtl.bcnn.tests.driving import START, pack, run, unpack
from rtl.bcnn.tests.layers import LAYERS


def columns_seen(layer, group, lane):
    """Columns of the map under a lane's kernel."""
    x = group * layer.p + lane
    return [x * layer.stride[1] - layer.padding[1] + k for k in range(layer.kernel[1])]


def chunk_bits(layer, plane):
    """Real channels of a chunk."""
    return min(layer.chunk, layer.channels - plane * layer.chunk)


def expected_mismatches(layer, words, weights, in_map, group, slice_number):
    """By output, kernel column and lane of channels: bits whose product is -1, those of padding with zeros 0."""
    found = []
    for lane in range(layer.p):
        for k, column in enumerate(columns_seen(layer, group, lane)):
            for part in range(layer.lanes):
                real = (1 << chunk_bits(layer, slice_number * layer.lanes + part)) - 1
                inside = 0 <= column < layer.width
                pad = real if layer.padding_value == 1 else 0
                value = words[part][column] if inside and in_map else pad
                found.append(value ^ weights[k * layer.lanes + part] if inside or layer.padding_value else 0)
    return found


BINARY = ["zeros", "sliced", "ones", "few_ones", "minus", "strided", "strided_right", "whole_rows", "mixed_lanes"]


@pytest.mark.parametrize("name", BINARY)
def test_bits_are_compared_with_their_weights(name, tmp_path):
    layer, rng, facts, rows = LAYERS[name], random.Random(1), [], []
    count = 160
    for n in range(count):
        cut = rng.randrange(layer.slices)
        real = [(1 << chunk_bits(layer, cut * layer.lanes + part)) - 1 for part in range(layer.lanes)]
        words = [[rng.choice([0, -1, rng.getrandbits(32)]) & mask for _ in range(layer.width)] for mask in real]
        weights = [rng.choice([0, -1, rng.getrandbits(32)]) & mask for _ in range(layer.kernel[1]) for mask in real]
        in_map = int(not layer.padding_value or rng.random() < 0.6)
        group, enable = rng.randrange(layer.groups), int(n < START or rng.random() < 0.8)
        facts.append((words, weights, in_map, group, cut, enable))
        row = {"enable": enable, "in_map": in_map, "group": group}
        row |= {"banks": pack([pixel for part in words for pixel in part], layer.chunk)}
        rows.append(row | {"weights": pack(facts[n - 1][1] if n else weights, layer.chunk)})
    seen, looked = run(f"window_of {name}", rows, tmp_path), 0
    for n, (words, weights, in_map, group, cut, enable) in enumerate(facts[:-1]):
        if enable and n >= START:
            size = layer.lanes * layer.kernel[1] * layer.p
            shown = [unpack(seen[n + 1][port], layer.chunk, size) for port in ("words", "spread")]
            want = expected_mismatches(layer, words, weights, in_map, group, cut)
            assert [a ^ b for a, b in zip(*shown, strict=True)] == want, (n, group)
            looked += 1
    assert looked > 100


def test_a_row_is_kept_while_nothing_is_enabled(tmp_path):
    layer, rng = LAYERS["zeros"], random.Random(2)
    rows = [
        {"enable": int(n == START), "in_map": 1, "group": rng.randrange(layer.groups), "banks": rng.getrandbits(18),
         "weights": (1 << 9) - 1}
        for n in range(START + 20)
    ]  # fmt: skip
    seen = run("window_of zeros", rows, tmp_path, settle=START + 2)
    assert len({(row["words"], row["spread"]) for row in seen[START + 1 :]}) == 1


@pytest.mark.parametrize("name", ["all_rows", "cut_rows", "all_strided", "row_by_row"])
def test_numbers_outside_the_map_are_zero(name, tmp_path):
    layer, rng, facts, rows = LAYERS[name], random.Random(3), [], []
    bits, count, low = layer.input_bits, layer.channels, -(1 << layer.input_bits - 1)
    for _ in range(120):
        numbers = [
            [[rng.randint(low, -low - 1) for _ in range(count)] for _ in range(layer.width)]
            for _ in range(layer.rows_at_once)
        ]
        in_map = rng.getrandbits(layer.rows_at_once) if layer.rows_at_once > 1 else 1
        facts.append((numbers, in_map, rng.randrange(layer.groups)))
        flat = [number for row in numbers for pixel in row for number in pixel]
        banks = pack([number - low for number in flat], bits)
        rows.append({"enable": 1, "in_map": in_map, "group": facts[-1][2], "banks": banks})
    seen = run(f"number_windows_of {name}", rows, tmp_path)
    for n in range(START, 119):
        numbers, in_map, group = facts[n]
        want = [
            number
            for lane in range(layer.p)
            for k in range(layer.rows_at_once)
            for column in columns_seen(layer, group, lane)
            for number in (numbers[k][column] if 0 <= column < layer.width and in_map >> k & 1 else [0] * count)
        ]
        got = unpack(seen[n + 1]["numbers"], bits, len(want))
        assert [value + low for value in got] == want, n
