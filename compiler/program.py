"""A compiled network: a device image, and what the host has to know about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd, prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from compiler.errors import BadData


def element_type(bits: int) -> np.dtype[Any]:
    """Of a tensor with elements of `bits` bits: one byte, or 32 bits."""
    return np.dtype("<i4") if bits == 32 else np.dtype("i1")


@dataclass(frozen=True)
class Placement:
    """A graph input or output within an image's bytes: NHWC, an element of up to 8 bits in a byte, one of 32 bits in
    four, little-endian."""

    tensor: str
    shape: tuple[int, ...]
    offset: int
    bits: int = 8

    @property
    def size(self) -> int:
        """Elements of one image."""
        return prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of an element, in memory and in an array."""
        return element_type(self.bits)

    @property
    def length(self) -> int:
        """Bytes of one image."""
        return self.size * self.dtype.itemsize

    def pick(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """The tensor, (n, ...), from the bytes of n images, (n, bytes of an image)."""
        mine = np.ascontiguousarray(images[:, self.offset : self.offset + self.length])
        return mine.view(self.dtype).reshape(len(images), *self.shape[1:])


@dataclass(frozen=True)
class Region:
    """Bytes that a layer may write, from the base of the output image."""

    offset: int
    length: int


@dataclass(frozen=True)
class Geometry:
    """Which elements of a tensor an observed address stands for. For an address a = base + q * row + r, r <
    row: flat NHWC index = first + q * row_pitch + r * pitch, for the first element of lane 0; that of lane l is
    l * lane_pitch further. A lane shows `run` elements that are neighbours, the first one lowest, of `bits` bits each:
    1 (1 is +1, 0 is -1), 8 or 32."""

    tensor: str
    tap: int
    base: int
    row: int
    first: int
    row_pitch: int
    pitch: int
    bits: int = 8
    run: int = 1
    lane_pitch: int = 1


@dataclass(frozen=True)
class Observation:
    """The instruction `instruction` shows elements of a tensor on a tap."""

    instruction: int
    geometry: Geometry


@dataclass(frozen=True)
class Part:
    """A layer makes some channels of `tensor`, others are made by other layers: element e of the observed
    `holder` is flat element first + e // run * pitch + e % run."""

    tensor: str
    holder: str
    first: int
    run: int
    pitch: int


@dataclass(frozen=True)
class Grain:
    """How a tensor is shown on taps: bits of an element, most elements of a lane, and the elements of a block, the
    largest that no lane ever shows in part."""

    bits: int
    run: int
    block: int


def _numbers(geometry: Geometry) -> tuple[int, ...]:
    g = geometry
    return g.base, g.row, g.first, g.row_pitch, g.pitch, g.bits, g.run, g.lane_pitch


def _grain(shape: tuple[int, ...], shown: Sequence[Geometry]) -> Grain:
    (bits,) = {geometry.bits for geometry in shown}
    steps = {value for g in shown for value in (g.run, g.first, g.row_pitch, g.pitch, g.lane_pitch)}
    return Grain(bits, max(geometry.run for geometry in shown), gcd(prod(shape), *steps))


@dataclass(frozen=True)
class Layer:
    """One entry of the layer table. macs: multiply-accumulates, those with padding included; macs_executed:
    what the MACS counter counts; tensors: everything that can be observed, with its shape; aliases: graph tensors
    that are the bytes of another one, observed whole; parts: those of which this layer makes some channels."""

    name: str
    nodes: tuple[str, ...]
    macs: int
    macs_executed: int
    tensors: Mapping[str, tuple[int, ...]]
    aliases: Mapping[str, str]
    writes: tuple[Region, ...]
    observations: tuple[Observation, ...]
    parts: tuple[Part, ...] = ()

    @cached_property
    def table(self) -> npt.NDArray[np.int64]:
        """The observations sorted for lookup: (key, tensor number, base, row, first, row_pitch, pitch, bits, run,
        lane_pitch) each, with key = instruction * 256 + tap and tensors numbered as in `holders`."""
        holders = {name: number for number, name in enumerate(self.holders)}
        rows = [
            (o.instruction << 8 | o.geometry.tap, holders[o.geometry.tensor], *_numbers(o.geometry))
            for o in self.observations
        ]
        return np.array(sorted(rows), np.int64).reshape(-1, 10)

    @cached_property
    def grains(self) -> tuple[Grain, ...]:
        """For each of `holders`, how it is shown."""
        seen: dict[str, list[Geometry]] = {name: [] for name in self.holders}
        for observation in self.observations:
            seen[observation.geometry.tensor].append(observation.geometry)
        return tuple(_grain(self.tensors[name], shown) for name, shown in seen.items())

    @cached_property
    def holders(self) -> tuple[str, ...]:
        """The observed tensors; others of `tensors` are the same bytes under another shape."""
        return tuple(dict.fromkeys(o.geometry.tensor for o in self.observations))


@dataclass(frozen=True)
class Program:
    """A network compiled for one configuration of one variant.

    input_bytes, output_bytes: from one image to the next, multiples of the port width; tap_bytes: of one tap, in lanes
    of tap_lane_bits bits; instructions: what the header counts, 256 bits each."""

    variant: str
    config: str
    config_hash: int
    network: str
    tap_bytes: int
    input_bytes: int
    output_bytes: int
    instructions: int
    inputs: tuple[Placement, ...]
    outputs: tuple[Placement, ...]
    layers: tuple[Layer, ...]
    image: bytes
    tap_lane_bits: int = 8

    def pack_inputs(self, values: Mapping[str, npt.NDArray[Any]]) -> bytes:
        """The bytes of n input images, from arrays of shape (n, ...), int8 or int32 by their bits. Raises BadData."""
        if set(values) != {place.tensor for place in self.inputs}:
            needed = sorted(place.tensor for place in self.inputs)
            raise BadData(f"{self.network}: inputs given {sorted(values)}, needed {needed}")
        count = len(next(iter(values.values())))
        packed = np.zeros((count, self.input_bytes), np.uint8)
        for place in self.inputs:
            given = values[place.tensor]
            if given.shape != (count, *place.shape[1:]) or given.dtype != place.dtype:
                wanted = f"{place.dtype} {('n', *place.shape[1:])}"
                raise BadData(f"input {place.tensor!r} is {given.dtype} {given.shape}, needed {wanted}")
            stored = np.ascontiguousarray(given).view(np.uint8).reshape(count, -1)
            packed[:, place.offset : place.offset + place.length] = stored
        return packed.tobytes()

    def unpack_outputs(self, data: bytes) -> dict[str, npt.NDArray[Any]]:
        """Arrays of shape (n, ...), int8 or int32 by their bits, from the bytes of n output images. Raises BadData."""
        if not data or len(data) % self.output_bytes:
            raise BadData(f"{len(data)} bytes of output, needed a multiple of {self.output_bytes}")
        images = np.frombuffer(data, np.uint8).reshape(-1, self.output_bytes)
        return {place.tensor: place.pick(images) for place in self.outputs}

    def save(self, path: str | Path) -> None:
        """Write the file whole, or not at all."""
        from compiler.program_file import write

        write(self, Path(path))

    @staticmethod
    def load(path: str | Path) -> Program:
        """Raises MalformedFile naming the file and the rule."""
        from compiler.program_file import read

        return read(Path(path))
