"""The order of an engine's steps, against an enumeration written from the layout of weights and maps."""

import random
from dataclasses import dataclass

import pytest

from rtl.bcnn.maps import read_bits
from rtl.bcnn.tests.driving import START, drive
from rtl.bcnn.tests.layers import LAYERS
from rtl.lib.tests.replay import Agent


@dataclass(frozen=True)
class Expected:
    """One step: address None where nothing is read of the map."""

    address: int | None
    weight: int
    in_map: int
    first: bool
    last: bool
    tail: bool
    group: int


def kernel_steps(layer, y):
    """Of a kernel above row y of the outputs: (address, entry of the filter's weights, rows in the map, tail)."""
    top = y * layer.stride[0] - layer.padding[0]
    inside = [0 <= top + k < layer.height for k in range(layer.kernel[0])]
    if layer.rows_at_once > 1:
        return [(y, 0, sum(flag << k for k, flag in enumerate(inside)), True)]
    return [
        (
            (top + k) * layer.slices + cut if inside[k] else None,
            k * layer.slices + cut,
            int(inside[k]),
            cut == layer.slices - 1,
        )
        for k in range(layer.kernel[0])
        if inside[k] or layer.padding_value
        for cut in range(layer.slices)
    ]  # fmt: skip


def image_steps(layer):
    """Every step of an image."""
    per_filter = layer.row_steps * layer.slices
    for y in range(layer.out_height):
        steps = kernel_steps(layer, y)
        for group in range(layer.groups):
            for number in range(layer.filters):
                for n, (address, entry, in_map, tail) in enumerate(steps):
                    ends = n == 0, n == len(steps) - 1
                    yield Expected(address, number * per_filter + entry, in_map, *ends, tail, group)


class Walker(Agent):
    """Starts images with the last step of the one before or later, and compares every step."""

    def __init__(self, ports, layer, images):
        self.ports, self.layer, self.random = ports, layer, random.Random(1)
        self.left, self.wait, self.active = images, 3, False
        self.expected, self.half, self.steps, self.together = [], 0, 0, 0

    def drive(self, cycle):
        ends = bool(self.ports["image_ends"]) and self.active
        idle = not self.active or ends
        self.wait -= idle and self.wait > 0
        start = cycle > START and idle and self.wait == 0 and self.left > 0
        self.together += start and ends
        self.ports["start"].next = start
        self.ports["half"].next = self.random.getrandbits(1)

    def sample(self, cycle):
        assert bool(self.ports["step_valid"]) == self.active, cycle
        if self.active:
            self.compare()
        if self.ports["start"]:
            self.expected, self.half = list(image_steps(self.layer)), int(self.ports["half"])
            self.active, self.left, self.wait = True, self.left - 1, (0, 2, 1, 6)[self.left % 4]

    def compare(self):
        want, got = self.expected.pop(0), {name: int(self.ports[f"step_{name}"]) for name in FIELDS}
        address = got["address"] if want.address is None else want.address
        assert 0 <= address < 1 << read_bits(self.layer) - 1
        assert got == {
            "half": self.half, "address": address, "weight": want.weight, "in_map": want.in_map,
            "first": want.first, "last": want.last, "tail": want.tail, "group": want.group,
        }, want  # fmt: skip
        assert bool(self.ports["image_ends"]) == (not self.expected)
        self.active, self.steps = bool(self.expected), self.steps + 1

    def finish(self):
        assert self.left == 0 and not self.active and self.together > 0


SETTLED = START + 8  # the first step was there
FIELDS = ("half", "address", "weight", "in_map", "first", "last", "tail", "group")


@pytest.mark.parametrize(
    "name", ["zeros", "sliced", "ones", "few_ones", "minus", "all_rows", "all_strided", "row_by_row", "single", "full"]
)
def test_steps_come_in_order(name, tmp_path):
    layer, agents = LAYERS[name], []
    steps = len(list(image_steps(layer)))
    images = 12 if steps < 60 else 4

    def make(ports):
        agents.append(Walker(ports, layer, images))
        return agents

    drive(f"walk_of {name}", make, START + images * (steps + 5) + 5, tmp_path, SETTLED)
    assert agents[0].steps == images * steps


def test_reset_ends_an_image(tmp_path):
    """After a reset the next image begins from its first step."""

    class Interrupted(Walker):
        def sample(self, cycle):
            if self.ports["rst"]:
                self.active, self.left, self.wait = False, 4, 3
            else:
                super().sample(cycle)

    layer = LAYERS["full"]
    drive("walk_of full", lambda ports: [Interrupted(ports, layer, 4)], 300, tmp_path, SETTLED, resets=(33,))
