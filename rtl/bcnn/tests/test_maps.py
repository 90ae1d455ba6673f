"""What is written of a map where the engine that reads it looks; turns of its two halves; chunks on taps."""

import random

import pytest

from rtl.bcnn.maps import read_bits
from rtl.bcnn.tests.driving import START, drive, pack, run, unpack
from rtl.bcnn.tests.layers import LAYERS
from rtl.lib.tests.replay import Agent


def idle_rows(count, ports):
    """Rows of zeros."""
    return [dict.fromkeys(ports, 0) for _ in range(count)]


CHUNK_PORTS = ("chunk_valid", "chunk_group", "chunk_row_ends", "chunk_ends", "chunk_data", "read_address")


PLACED = [("full", 1), ("full", 2), ("quarters", 2), ("mixed_lanes", 3), ("zeros", 3), ("sliced", 4)]


@pytest.mark.parametrize(("name", "groups"), PLACED)
def test_chunks_are_read_where_the_reader_expects_them(name, groups, tmp_path):
    """Of pixel (y, x): chunk slice * lanes + lane at address y * slices + slice of the half, bank lane * groups + x."""
    reader, rng, rows = LAYERS[name], random.Random(1), idle_rows(START, CHUNK_PORTS)
    pixels, bits = reader.width // groups, reader.width // groups * reader.chunk
    images = [{}, {}, {}]
    for image in images:
        for y in range(reader.height):
            for group in range(groups):
                for plane in range(reader.planes):
                    image[y, group, plane] = rng.getrandbits(bits)
                    rows += idle_rows(rng.choice([0, 0, 1, 3]), CHUNK_PORTS)
                    last = group == groups - 1 and plane == reader.planes - 1
                    rows.append({
                        "chunk_valid": 1, "chunk_group": group, "chunk_row_ends": int(last), "read_address": 0,
                        "chunk_ends": int(last and y == reader.height - 1), "chunk_data": image[y, group, plane],
                    })  # fmt: skip
    rows += idle_rows(2, CHUNK_PORTS)
    first, size = len(rows), 1 << read_bits(reader) - 1
    used = reader.height * reader.slices
    order = [half * size + n for half in (0, 1) for n in range(used)]
    rows += [{**dict.fromkeys(CHUNK_PORTS, 0), "read_address": address} for address in order]
    seen = run(f"placed_for {name} {groups}", rows + rows[-1:], tmp_path, settle=first + 1, resets=())
    assert pixels * groups == reader.width and seen[first]["half"] == 1
    for half, image in ((0, images[2]), (1, images[1])):
        for (y, group, plane), data in image.items():
            part, lane = divmod(plane, reader.lanes)
            row = seen[first + half * used + y * reader.slices + part + 1]
            assert unpack(row["banks"], bits, reader.lanes * groups)[lane * groups + group] == data, (y, group, plane)


@pytest.mark.parametrize("name", ["all_rows", "all_strided"])
def test_each_copy_has_the_row_that_its_kernel_row_reads(name, tmp_path):
    """Copy k: row y * stride + k - top of the map at address y, where there is one."""
    layer, rng = LAYERS[name], random.Random(2)
    bits, half_bits = layer.width * layer.channels * layer.input_bits, read_bits(layer) - 1
    ports, rows = ("write_valid", "write_address", "write_data", "read_address"), []
    data = {(half, y): rng.getrandbits(bits) for half in (0, 1) for y in range(layer.height)}
    write_half = (layer.height - 1).bit_length()
    for (half, y), value in data.items():
        rows += [{**row, "write_address": rng.randrange(layer.height)} for row in idle_rows(2, ports)]
        rows.append(dict(zip(ports, (1, half << write_half | y, value, 0), strict=True)))
    first, order = len(rows), [(half, y) for half in (0, 1) for y in range(layer.out_height)]
    # Rows above and below the map are unknown in Verilog: what reads them comes first, and is not replayed.
    order.sort(key=lambda place: all(0 <= row < layer.height for row in kernel_rows(layer, place[1])))
    rows += [dict(zip(ports, (0, 0, 0, half << half_bits | y), strict=True)) for half, y in order]
    outside = [any(not 0 <= row < layer.height for row in kernel_rows(layer, y)) for _, y in order]
    seen = run(f"row_copies_of {name}", rows + rows[-1:], tmp_path, settle=first + sum(outside) + 1)
    for n, (half, y) in enumerate(order):
        copies = unpack(seen[first + n + 1]["banks"], bits, layer.rows_at_once)
        for row, value in zip(kernel_rows(layer, y), copies, strict=True):
            assert not 0 <= row < layer.height or value == data[half, row], (y, row)


def kernel_rows(layer, y):
    """Rows of the map under a kernel."""
    return [y * layer.stride[0] + k - layer.padding[0] for k in range(layer.kernel[0])]


class Turner(Agent):
    """A producer and a consumer of halves, and what they must be told."""

    def __init__(self, ports):
        self.ports, self.random = ports, random.Random(3)
        self.reserved, self.filled, self.released, self.images, self.most = 0, 0, 0, [], 0

    def drive(self, cycle):
        going, chance = cycle > START, self.random.random
        room = self.reserved - self.released < 2
        reserve = going and room and chance() < 0.6
        fill = going and self.filled < self.reserved and chance() < 0.4
        release = going and self.released < self.filled and chance() < 0.3
        self.next = int(reserve), int(fill), int(release)
        self.ports["turns_reserve"].next, self.ports["turns_filled"].next = reserve, fill
        self.ports["reads_release"].next = release
        self.ports["turns_image"].next = self.random.getrandbits(16)

    def sample(self, cycle):
        if cycle <= START:
            return
        p = {name: int(signal) for name, signal in self.ports.items()}
        assert p["turns_room"] == (self.reserved - self.released < 2)
        assert p["turns_write_half"] == self.filled % 2 and p["reads_half"] == self.released % 2
        full = [0, 0]
        for number in range(self.released, self.filled):
            full[number % 2] = 1
        assert p["reads_full"] == full[0] | full[1] << 1
        if self.filled < self.reserved:
            assert p["turns_made"] == self.images[self.filled]
        if self.released < self.reserved:
            assert p["reads_image"] == self.images[self.released]
        if self.released + 1 < self.reserved:
            assert p["reads_following"] == self.images[self.released + 1]
        reserve, fill, release = self.next
        self.images += [p["turns_image"]] * reserve
        self.reserved, self.filled, self.released = (
            self.reserved + reserve, self.filled + fill, self.released + release
        )  # fmt: skip
        self.most = max(self.most, self.filled - self.released)

    def finish(self):
        assert self.released > 60 and self.most == 2


def test_two_halves_take_turns(tmp_path):
    drive("turns_of", lambda ports: [Turner(ports)], 600, tmp_path, settle=40)


@pytest.mark.parametrize("name", ["zeros", "pooled"])
def test_chunks_are_shown_with_the_number_of_their_first_pixel(name, tmp_path):
    layer, rng, rows, expected = LAYERS[name], random.Random(4), [], []
    ports = ("chunk_valid", "chunk_plane", "chunk_ends", "chunk_data", "image")
    rows += idle_rows(START, ports)
    planes, chunk = -(-layer.filters // 32), min(32, layer.filters)
    for image in (7, 8):
        for number in range(layer.out_height * layer.groups):
            for plane in range(planes):
                rows += idle_rows(rng.choice([0, 1, 2]), ports)
                data = rng.getrandbits(chunk * layer.p)
                last = number == layer.out_height * layer.groups - 1 and plane == planes - 1
                expected.append((len(rows), image, number * layer.p, plane, unpack(data, chunk, layer.p)))
                rows.append(dict(zip(ports, (1, plane, int(last), data, image), strict=True)))
    seen = run(f"show_chunks_of {name}", rows, tmp_path)
    assert sum(row["tap_valid"] for row in seen[START:]) == len(expected)
    for cycle, image, address, plane, pixels in expected:
        row = seen[cycle]
        assert (row["tap_valid"], row["tap_image"], row["tap_address"], row["tap_tag"]) == (1, image, address, plane)
        assert unpack(row["tap_data"], 32, layer.p) == pixels
    assert pack([1, 2], 4) == 33
