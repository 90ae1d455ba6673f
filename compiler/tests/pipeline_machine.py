"""A pipeline that reads nothing but a device image, bit by bit as rtl/bcnn/config.py says, and counts its steps.

Slow, and for tests alone: it shares no code with the packing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from golden.ir import Array
from rtl.bcnn.config import CHUNK, FLIP, MINIMUM, WORD_BITS, Config, Layer

HEADER_WORDS = 8


@dataclass
class Engine:
    """A layer and its part of the stream. steps, macs: of all images so far."""

    layer: Layer
    weights: int
    parameters: int
    steps: int = 0
    macs: int = 0

    def run(self, image: Array) -> tuple[Array, Array]:
        """(height, width, channels) to the results before and after pooling."""
        layer = self.layer
        made = np.zeros((layer.out_height, layer.out_width, layer.filters), np.int64)
        for y in range(layer.out_height):
            for group in range(layer.groups):
                for number in range(layer.filters):
                    for x in range(group * layer.p, (group + 1) * layer.p):
                        made[y, x, number] = self._result(image, y, x, number)
        return made, self._pooled(made)

    def _result(self, image: Array, y: int, x: int, number: int) -> int:
        layer, total = self.layer, 0
        for step in range(layer.row_steps):
            rows = range(step * layer.rows_at_once, (step + 1) * layer.rows_at_once)
            outside = not 0 <= y * layer.stride[0] + step - layer.padding[0] < layer.height
            if layer.rows_at_once == 1 and layer.padding_value == 0 and outside:
                continue
            for part in range(layer.slices):
                entry = (number * layer.row_steps + step) * layer.slices + part
                bits = self.weights >> entry * layer.weight_bits
                total += self._step(image, (y, x), rows, part, bits)
                self.steps += x % layer.p == 0
        return self._parameter(total, number)

    def _step(self, image: Array, at: tuple[int, int], rows: range, part: int, bits: int) -> int:
        layer, total = self.layer, 0
        for j, ky in enumerate(rows):
            for lane in range(layer.lanes):
                for kx in range(layer.kernel[1]):
                    for b in range(layer.chunk):
                        channel = (part * layer.lanes + lane) * layer.chunk + b
                        if channel >= layer.channels:
                            continue
                        place = ((j * layer.kernel[1] + kx) * layer.lanes + lane) * layer.chunk + b
                        self.macs += 1
                        total += (1 if bits >> place & 1 else -1) * self._read(image, at, ky, kx, channel)
        return total

    def _read(self, image: Array, at: tuple[int, int], ky: int, kx: int, channel: int) -> int:
        layer = self.layer
        y = at[0] * layer.stride[0] + ky - layer.padding[0]
        x = at[1] * layer.stride[1] + kx - layer.padding[1]
        inside = 0 <= y < layer.height and 0 <= x < layer.width
        return int(image[y, x, channel]) if inside else layer.padding_value

    def _parameter(self, total: int, number: int) -> int:
        raw = self.parameters >> number * self.layer.parameter_bits
        if self.layer.scores:
            return total * _signed(raw >> 32, 16) + _signed(raw, 32)
        return 1 if (total >= _signed(raw, 24)) != (raw >> FLIP & 1) else -1

    def _pooled(self, made: Array) -> Array:
        layer = self.layer
        down, across = layer.pool
        cut = made[: layer.map_height * down, : layer.map_width * across]
        windows = cut.reshape(layer.map_height, down, layer.map_width, across, layer.filters)
        least = [
            self.parameters >> number * layer.parameter_bits + MINIMUM & 1 for number in range(layer.filters)
        ]
        pooled: Array = np.where(np.array(least) == 1, windows.min(axis=(1, 3)), windows.max(axis=(1, 3)))
        return pooled


def engines(image: bytes, config: Config) -> list[Engine]:
    """The engines of a configuration, loaded from a device image."""
    start = int.from_bytes(image[20:24], "little")
    stream = int.from_bytes(image[start:], "little")
    found = []
    for layer in config.layers:
        sections = []
        for words in layer.stream_words:
            sections.append(stream & ((1 << words * WORD_BITS) - 1))
            stream >>= words * WORD_BITS
        found.append(Engine(layer, *sections))
    assert stream == 0
    return found


def tap_records(
    config: Config, number: int, made: Array, pooled: Array
) -> list[tuple[int, int, int, int, list[int]]]:
    """(tap, tag, address, lanes, 32-bit lanes) that layer `number` shows for one image."""
    layer, tap = config.layers[number], config.tap(number)
    if layer.scores:
        return [(tap, 0, at, 1, [int(value)]) for at, value in enumerate(made.reshape(-1))]
    records = _records(tap, made, layer.p)
    return records + (_records(tap + 1, pooled, layer.group_width) if layer.pooled else [])


def _records(tap: int, values: Array, wide: int) -> list[tuple[int, int, int, int, list[int]]]:
    height, width, channels = values.shape
    found = []
    for y in range(height):
        for x in range(0, width, wide):
            for tag, first in enumerate(range(0, channels, CHUNK)):
                pixels = values[y, x : x + wide, first : first + CHUNK] > 0
                lanes = [sum(int(bit) << place for place, bit in enumerate(pixel)) for pixel in pixels]
                found.append((tap, tag, y * width + x, len(lanes), lanes))
    return found


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
