"""From sums to bits, pooled bits and scores; from bytes to rows of numbers."""

import random
from dataclasses import replace

import numpy as np
import pytest

from rtl.bcnn.config import CONFIGS
from rtl.bcnn.scores import buffer_words, image_words
from rtl.bcnn.tests.driving import START, drive, pack, run, unpack
from rtl.bcnn.tests.layers import LAYERS, MINI
from rtl.bcnn.tests.test_maps import idle_rows
from rtl.lib.tests.agents import Source
from rtl.lib.tests.replay import RESET_CYCLES, Agent

COLLECT_PORTS = ("finish", "totals", "write", "write_address", "write_data")


def parameters(rng, layer):
    """(threshold, flip, minimum) of each filter, at both ends and in between."""
    most = layer.largest_sum
    kinds = [-most, most + 1, most, 1 - most, 0, -(1 << 23), (1 << 23) - 1]
    return [
        (kinds[n] if n < len(kinds) else rng.randint(-most, most), rng.getrandbits(1), rng.getrandbits(1))
        for n in rng.sample(range(layer.filters), layer.filters)
    ]


@pytest.mark.parametrize("name", ["pooled", "zeros", "pooled_across", "single"])
def test_sums_become_chunks_of_bits(name, tmp_path):
    """+1 where (sum >= threshold) != flip; 32 channels a chunk, what is missing of the last is 0."""
    layer, rng = LAYERS[name], random.Random(1)
    bits, given = (2 * layer.largest_sum + 1).bit_length() + 1, parameters(rng, layer)
    rows, expected = idle_rows(START, COLLECT_PORTS), []
    for number, (threshold, flip, minimum) in enumerate(given):
        entry = threshold & 0xFFFFFF | flip << 24 | minimum << 25 | rng.getrandbits(6) << 26
        rows.append(dict(zip(COLLECT_PORTS, (0, 0, 1, number, entry), strict=True)))
    rows += idle_rows(3, COLLECT_PORTS)
    written = len(rows)
    for place in range(2 * layer.out_height * layer.groups):
        y, group = divmod(place % (layer.out_height * layer.groups), layer.groups)
        for number, (threshold, flip, _) in enumerate(given):
            near = [max(-layer.largest_sum, min(layer.largest_sum, threshold + offset)) for offset in (-1, 0, 1)]
            totals = [rng.choice([*near, rng.randint(-layer.largest_sum, layer.largest_sum)]) for _ in range(layer.p)]
            found = [(total >= threshold) != bool(flip) for total in totals]
            plane, place_in = divmod(number, 32)
            if place_in == 0:
                chunk = [0] * layer.p
            chunk = [old | bit << place_in for old, bit in zip(chunk, found, strict=True)]
            if rng.random() < 0.2:
                rows += [{**row, "totals": pack(totals, bits)} for row in idle_rows(2, COLLECT_PORTS)]
            rows.append(dict(zip(COLLECT_PORTS, (1, pack(totals, bits), 0, 0, 0), strict=True)))
            if place_in == 31 or number == layer.filters - 1:
                flags = sum(given[32 * plane + n][2] << n for n in range(place_in + 1))
                ends = [number == layer.filters - 1 and group == layer.groups - 1]
                ends.append(ends[0] and y == layer.out_height - 1)
                expected.append((len(rows), plane, group, ends, flags, chunk))
    seen = run(f"collect_of {name}", rows + idle_rows(2, COLLECT_PORTS), tmp_path, settle=written + layer.filters + 1)
    assert sum(row["chunk_valid"] for row in seen[START:]) == len(expected)
    assert sum(row["chunk_ends"] for row in seen[START:]) == 2
    assert sum(row["chunk_row_ends"] for row in seen[START:]) == 2 * layer.out_height
    for cycle, plane, group, ends, flags, chunk in expected:
        row = seen[cycle]
        assert (row["chunk_valid"], row["chunk_plane"], row["chunk_group"]) == (1, plane, group), cycle
        assert [row["chunk_row_ends"], row["chunk_ends"]] == ends
        assert unpack(row["chunk_data"], min(32, layer.filters), layer.p) == chunk
        assert not layer.pooled or row["chunk_minimum"] == flags


POOL_PORTS = ("valid", "plane", "group", "row_ends", "ends", "minimum", "data")


@pytest.mark.parametrize("name", ["pooled", "pooled_rows", "pooled_across"])
def test_bits_are_pooled_by_or_and_by_and(name, tmp_path):
    """The greatest of a window, or the least where `minimum` says so; what is left over at the edges is dropped."""
    layer, rng, np_rng = LAYERS[name], random.Random(2), np.random.default_rng(2)
    high, wide = layer.pool
    minimum = np_rng.integers(0, 2, layer.filters)
    ports = [f"chunk_{port}" for port in POOL_PORTS]
    rows, images, chunk = idle_rows(START, ports), [], min(32, layer.filters)
    planes, few = -(-layer.filters // 32), [0, 0, 2]
    if planes * layer.groups == 1:  # a row follows no sooner than two cycles after the row above
        few = [1, 1, 3]
    for _ in range(5):
        # Most windows have at most one bit that decides.
        share = np.resize(np.where(minimum, 0.85, 0.15), planes * 32)
        bits = np_rng.random((layer.out_height, layer.out_width, planes * 32)) < share
        bits[:, :, layer.filters :] = False
        images.append(bits)
        for y in range(layer.out_height):
            for group in range(layer.groups):
                for plane in range(-(-layer.filters // 32)):
                    part = slice(32 * plane, 32 * plane + chunk)
                    pause = idle_rows(rng.choice(few), ports)
                    rows += [{**row, "chunk_data": rng.getrandbits(chunk * layer.p)} for row in pause]
                    pixels = bits[y, group * layer.p : (group + 1) * layer.p, part]
                    last = plane == -(-layer.filters // 32) - 1 and group == layer.groups - 1
                    values = (
                        1, plane, group, int(last), int(last and y == layer.out_height - 1),
                        pack(minimum[part], 1), pack(pixels.reshape(-1), 1),
                    )  # fmt: skip
                    rows.append(dict(zip(ports, values, strict=True)))
    rows += idle_rows(4, ports)
    seen = run(f"pool_of {name}", rows, tmp_path)
    assert sum(row["pooled_ends"] for row in seen[START:]) == 5
    assert sum(row["pooled_row_ends"] for row in seen[START:]) == 5 * layer.map_height
    shown = [row for row in seen[START:] if row["pooled_valid"]]
    for bits in images:
        for y in range(layer.map_height):
            for group in range(layer.groups):
                for plane in range(-(-layer.filters // 32)):
                    row = shown.pop(0)
                    assert (row["pooled_plane"], row["pooled_group"]) == (plane, group)
                    last = plane == -(-layer.filters // 32) - 1 and group == layer.groups - 1
                    assert row["pooled_row_ends"] == last
                    assert row["pooled_ends"] == (last and (y + 1) * high == layer.out_height)
                    got = unpack(row["pooled_data"], chunk, layer.group_width)
                    for n, pixel in enumerate(got):
                        x = group * layer.p + n * wide
                        window = bits[y * high : (y + 1) * high, x : x + wide, 32 * plane : 32 * plane + chunk]
                        least = minimum[32 * plane : 32 * plane + chunk]
                        least = np.resize(least, window.shape[2])
                        kept = layer.filters - 32 * plane
                        want = np.where(least, window.min((0, 1)), window.max((0, 1)))
                        assert pixel & (1 << kept) - 1 == pack(want[:kept], 1)
    assert shown == []


def test_scores_are_scaled_exactly_and_collected(tmp_path):
    for name, bits, total_bits, seed in (("64", 64, 15, 3), ("256", 256, 24, 4)):
        (tmp_path / name).mkdir()
        check_scores(bits, total_bits, random.Random(seed), tmp_path / name)


def check_scores(bits, total_bits, rng, folder):
    """Images of one to nine scores; the words of an image, and the numbers of its scores, start anew."""
    ports, rows, images = ("finish", "ends", "total", "entry", "words_ready", "image"), [], []
    rows, low, written = idle_rows(START, ports), -(1 << total_bits - 1), 0
    for size in (9, *(rng.randint(1, 9) for _ in range(30))):
        scores = []
        for left in reversed(range(size)):
            factor = rng.choice([-(1 << 15), (1 << 15) - 1, 0, 1, rng.randint(-300, 300)])
            room = ((1 << 31) - 1) // max(1, abs(factor))
            total = max(low, min(-low - 1, rng.choice([-room, room, rng.randint(-9, 9)])))
            most = (1 << 31) - 1 - total * factor, -(1 << 31) - total * factor
            offset = rng.choice([0, min(most[0], (1 << 31) - 1), max(most[1], -(1 << 31))])
            scores.append(total * factor + offset)
            rows += [{**row, "total": 5, "entry": 99} for row in idle_rows(rng.choice([0, 0, 1, 4]), ports)]
            entry = offset & 0xFFFFFFFF | (factor & 0xFFFF) << 32
            rows.append(dict(zip(ports, (1, int(left == 0), total, entry, 0, 0), strict=True)))
        images.append(scores)
        written = written or len(rows) + 4  # what an image leaves of its last word is unknown in Verilog until then
    rows = [{**row, "words_ready": 1, "image": 3 * n} for n, row in enumerate(rows + idle_rows(6, ports))]
    seen = run(f"scored_of {bits} {total_bits}", rows, folder, settle=written)
    shown = [
        (row["tap_address"], row["tap_tag"], row["tap_data"], row["tap_image"] == row["image"])
        for row in seen[START:]
        if row["tap_valid"]
    ]
    assert shown == [(n, 0, score & 0xFFFFFFFF, True) for scores in images for n, score in enumerate(scores)]
    words, lanes = [row["words_data"] for row in seen[START:] if row["words_valid"]], bits // 32
    for scores in images:
        for n in range(0, len(scores), lanes):
            part = scores[n : n + lanes]
            assert unpack(words.pop(0), 32, len(part)) == [score & 0xFFFFFFFF for score in part]
    assert words == []


class Rows(Agent):
    """Takes the rows of images, gives room at random, and sees that reading stops without."""

    def __init__(self, ports, layer):
        self.p, self.layer, self.random = ports, layer, random.Random(5)
        self.half, self.rows, self.opened, self.ended, self.filled = 0, [], 0, 0, 0

    def drive(self, cycle):
        for name in ("turns_room", "room"):
            self.p[name].next = self.random.random() < 0.5
        self.p["halt"].next = self.random.random() < 0.1
        self.p["turns_write_half"].next = self.half

    def sample(self, cycle):
        if cycle <= RESET_CYCLES:
            return
        p = self.p
        if p["opens"]:
            assert p["turns_room"] and p["room"] and not p["halt"] and self.opened == self.ended
        assert bool(p["opens"]) == bool(p["turns_reserve"])
        self.opened, self.ended = self.opened + int(p["opens"]), self.ended + int(p["ends"])
        if p["write_valid"]:
            self.rows.append(tuple(int(p[f"write_{name}"]) for name in ("address", "lane", "group", "data")))
        if p["turns_filled"]:
            self.half, self.filled = 1 - self.half, self.filled + 1
            assert len(self.rows) == self.filled * self.layer.height


@pytest.mark.parametrize(("name", "memory_bytes"), [("cut_rows", 8), ("all_rows", 16), ("all_strided", 8)])
@pytest.mark.parametrize("pause", [0, 0.6])
def test_images_come_row_by_row(name, memory_bytes, pause, tmp_path):
    """A byte a number, of which the map takes the low bits plus half their range; each image begins a memory word."""
    layer, rng, agents, words, expected = LAYERS[name], random.Random(6), [], [], []
    row, bits = layer.width * layer.channels, layer.input_bits
    for image in range(4):
        data = rng.randbytes(layer.height * row)
        filled = data + rng.randbytes(-len(data) % memory_bytes)
        for n in range(0, len(filled), memory_bytes):
            words.append((int.from_bytes(filled[n : n + memory_bytes], "little"), 0, 0))
        half = (image % 2) << (layer.height - 1).bit_length()
        for y in range(layer.height):
            positive = [byte ^ 1 << bits - 1 for byte in data[y * row : (y + 1) * row]]
            expected.append((half | y, 0, 0, pack(positive, bits)))

    def make(ports):
        agents.append(Rows(ports, layer))
        return [*agents, Source(ports, "beats", words, ("data", "keep", "last"), pause=pause)]

    drive(f"pixels_of {name} {memory_bytes}", make, 30 + 6 * len(words) * memory_bytes // 4, tmp_path, settle=40)
    assert agents[0].rows == expected and agents[0].opened == agents[0].ended == agents[0].filled == 4


def test_scores_of_two_images_have_room():
    """Words of an image and of the buffer, by hand."""
    assert (image_words(MINI), image_words(replace(MINI, memory_bytes=64))) == (2, 1)
    assert (buffer_words(MINI), buffer_words(CONFIGS["cnv"])) == (16, 16)
    last = replace(MINI.layers[-1], filters=100)
    many = replace(MINI, layers=(*MINI.layers[:-1], last))
    assert (image_words(many), buffer_words(many)) == (50, 128)
