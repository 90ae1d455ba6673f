"""From a map and weights to sums, in the order of rows, groups and filters: against sums written out in Python."""

import random

import numpy as np
import pytest

from rtl.bcnn.tests.driving import START, drive, pack, signed, unpack
from rtl.bcnn.tests.layers import LAYERS
from rtl.lib.tests.replay import Agent


def padded(layer, image):
    """The map with its padding."""
    top, left, bottom, right = layer.padding
    return np.pad(image, ((top, bottom), (left, right), (0, 0)), constant_values=layer.padding_value)


def expected_sums(layer, image, weights):
    """By row and group: for each filter the sums of p neighbouring outputs."""
    wide = padded(layer, image)
    for y in range(layer.out_height):
        for group in range(layer.groups):
            for kernel in weights:
                sums = []
                for x in range(group * layer.p, (group + 1) * layer.p):
                    top, left = y * layer.stride[0], x * layer.stride[1]
                    part = wide[top : top + layer.kernel[0], left : left + layer.kernel[1]]
                    sums.append(int((part * kernel).sum()))
                yield sums


def weight_entries(layer, weights):
    """(entry number, bits) of a weight memory: by filter, kernel row, slice; a bit by column, lane, channel."""
    chunk, high = layer.chunk, layer.kernel[0]
    for f, kernel in enumerate(weights > 0):
        if layer.rows_at_once > 1:
            yield f, pack(kernel.reshape(-1), 1)
            continue
        for ky in range(high):
            for cut in range(layer.slices):
                bits = []
                for kx in range(layer.kernel[1]):
                    first = cut * layer.lanes * chunk
                    own = list(kernel[ky, kx, first : first + layer.lanes * chunk])
                    bits += own + [0] * (layer.lanes * chunk - len(own))
                yield (f * high + ky) * layer.slices + cut, pack(bits, 1)


def work_of_image(layer):
    """Steps and products, with padding's columns, of an image; and the products that it does without."""
    steps = products = 0
    for y in range(layer.out_height):
        top = y * layer.stride[0] - layer.padding[0]
        rows = sum(
            bool(layer.padding_value) or layer.rows_at_once > 1 or 0 <= top + k < layer.height
            for k in range(layer.kernel[0])
        )
        steps += (rows if layer.rows_at_once == 1 else 1) * layer.slices * layer.groups * layer.filters
        products += rows * layer.kernel[1] * layer.channels * layer.out_width * layer.filters
    nominal = layer.fan_in * layer.out_height * layer.out_width * layer.filters
    return steps, products, nominal - products


class Maps(Agent):
    """Loads weights, fills map after map as there is room, and takes the sums; tells what the engine should say."""

    def __init__(self, ports, layer, parts, images, weights, seed):
        self.p, self.layer, self.parts, self.random = ports, layer, parts, random.Random(seed)
        self.images, self.loads, self.writes = images, self.weight_writes(weights), []
        self.reserved, self.filled, self.started, self.found, self.together = 0, 0, [], [], 0
        self.before, self.macs, self.skipped, self.busy, self.half = None, 0, 0, 0, 0
        self.steps = work_of_image(layer)[0]

    def weight_writes(self, weights):
        width = min(256, self.layer.weight_bits)
        return [
            (part, number, bits >> width * part & (1 << width) - 1)
            for number, bits in weight_entries(self.layer, weights)
            for part in range(max(1, self.layer.weight_bits // 256))
        ]

    def map_writes(self, image):
        """(address, lane, group of pixels, data), each a chunk of a part of a row."""
        layer, half = self.layer, (len(self.p["write_address"]) - 1, self.half)
        low = 1 << layer.input_bits - 1 if not layer.binary else 1
        wide = layer.width // self.parts
        for y, row in enumerate(image):
            for group in range(self.parts):
                for plane in range(layer.planes):
                    pixels = row[group * wide : (group + 1) * wide, plane * layer.chunk : (plane + 1) * layer.chunk]
                    values = (pixels > 0).astype(int) if layer.binary else pixels + low
                    values = np.pad(values, ((0, 0), (0, layer.chunk - values.shape[1])))
                    cut, lane = divmod(plane, layer.lanes)
                    address = half[1] << half[0] | y * layer.slices + cut
                    yield address, lane, group, pack(values.reshape(-1), layer.input_bits)

    def drive(self, cycle):
        p, chance = self.p, self.random.random
        for name in ("weight_write_valid", "write_valid", "map_turns_filled", "map_turns_reserve"):
            p[name].next = False
        p["room"].next, p["halt"].next = chance() < 0.8, chance() < 0.05
        if cycle <= START:
            return
        if self.loads:
            part, number, data = self.loads.pop(0)
            p["weight_write_valid"].next = True
            p["weight_write_part"].next, p["weight_write_address"].next = part, number
            p["weight_write_data"].next = data
        elif self.writes:
            self.write_map()
        elif self.reserved < len(self.images) and p["map_turns_room"] and chance() < 0.4:
            p["map_turns_reserve"].next, p["map_image"].next = True, 50 + self.reserved
            self.writes = list(self.map_writes(self.images[self.reserved]))
            self.reserved, self.half = self.reserved + 1, 1 - self.half

    def write_map(self):
        address, lane, group, data = self.writes.pop(0)
        self.p["write_valid"].next, self.p["write_address"].next = True, address
        if self.layer.rows_at_once == 1:
            self.p["write_lane"].next, self.p["write_group"].next = lane, group
        self.p["write_data"].next = data
        self.p["map_turns_filled"].next = not self.writes

    def sample(self, cycle):
        if cycle <= START:
            return
        p = {name: int(self.p[name]) for name in LOOKED}
        if p["lane_sums_valid"]:
            width = len(self.p["lane_sums_data"]) // self.layer.p
            totals = unpack(int(self.p["lane_sums_data"]), width, self.layer.p)
            self.found.append([signed(total, width) for total in totals])
        self.check_work(p)
        if p["begun_valid"]:
            assert p["room"] and not p["halt"]
            assert p["begun_data"] == 50 + len(self.started)
            assert self.filled > len(self.started), "a map is read before it is full"
            self.started.append(cycle)
        self.filled += p["map_turns_filled"]

    def check_work(self, p):
        """What the engine says of the cycle before."""
        done = self.busy // self.steps
        if self.before:
            idle = not p["done_busy"] and not self.before["begun_valid"]
            full = self.before["filled"] - done
            assert p["done_no_input"] == (idle and full == 0)
            assert p["done_no_room"] == (idle and full > 0 and not self.before["room"])
        self.busy += p["done_busy"]
        self.macs, self.skipped = self.macs + p["done_macs"], self.skipped + p["done_skipped"]
        self.together += p["begun_valid"] and p["done_busy"]
        self.before = {**p, "filled": self.filled}


LOOKED = (
    "lane_sums_valid", "begun_valid", "room", "halt", "begun_data", "map_turns_filled", "done_busy",
    "done_no_input", "done_no_room", "done_macs", "done_skipped",
)  # fmt: skip
LAYERS_AND_PARTS = [
    ("zeros", 3), ("sliced", 2), ("ones", 1), ("few_ones", 1), ("minus", 1), ("strided", 1), ("strided_right", 4),
    ("whole_rows", 2), ("all_rows", 1), ("cut_rows", 1), ("all_strided", 1), ("row_by_row", 1), ("single", 1),
    ("full", 2), ("quarters", 4), ("mixed_lanes", 2), ("long", 4),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parts"), LAYERS_AND_PARTS)
def test_sums_of_images(name, parts, tmp_path):
    layer, rng, agents = LAYERS[name], np.random.default_rng(1), []
    shape, low = (layer.height, layer.width, layer.channels), -(1 << layer.input_bits - 1)
    weights = rng.choice([-1, 1], (layer.filters, *layer.kernel, layer.channels))
    images = [
        rng.choice([-1, 1], shape) if layer.binary else rng.integers(low, -low, shape, endpoint=False)
        for _ in range(4)
    ]
    steps, products, skipped = work_of_image(layer)
    writes = layer.height * layer.planes * parts
    cycles = START + layer.weight_words * max(1, layer.weight_bits // 256) + 4 * (steps + writes + 12) + 60

    def make(ports):
        agents.append(Maps(ports, layer, parts, images, weights, 2))
        return agents

    drive(f"summed_of {name} {parts}", make, cycles, tmp_path, settle=START + 4)
    agent = agents[0]
    assert agent.found == [sums for image in images for sums in expected_sums(layer, image, weights)]
    assert (agent.busy, agent.macs, agent.skipped) == (4 * steps, 4 * products, 4 * skipped)
    assert len(agent.started) == 4
