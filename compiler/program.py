"""A compiled network: a device image, and what the host has to know about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from compiler.errors import BadData


@dataclass(frozen=True)
class Placement:
    """A graph input or output within an image's bytes: NHWC, one byte an element."""

    tensor: str
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True)
class Region:
    """Bytes that a layer may write, from the base of the output image."""

    offset: int
    length: int


@dataclass(frozen=True)
class Geometry:
    """Which elements of a tensor an observed address stands for. For an address a = base + q * row + r, r <
    row: flat NHWC index = first + q * row_pitch + r * pitch, for lane 0; lane l is l further."""

    tensor: str
    tap: int
    base: int
    row: int
    first: int
    row_pitch: int
    pitch: int


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
        """The observations sorted for lookup: (key, tensor number, base, row, first, row_pitch, pitch) each,
        with key = instruction * 256 + tap and tensors numbered as in `holders`."""
        holders = {name: number for number, name in enumerate(self.holders)}
        rows = [
            (o.instruction << 8 | g.tap, holders[g.tensor], g.base, g.row, g.first, g.row_pitch, g.pitch)
            for o in self.observations
            for g in (o.geometry,)
        ]
        return np.array(sorted(rows), np.int64).reshape(-1, 7)

    @cached_property
    def holders(self) -> tuple[str, ...]:
        """The observed tensors; others of `tensors` are the same bytes under another shape."""
        return tuple(dict.fromkeys(o.geometry.tensor for o in self.observations))


@dataclass(frozen=True)
class Program:
    """A network compiled for one configuration of one variant.

    input_bytes, output_bytes: from one image to the next, multiples of the port width; tap_bytes: lanes of a
    tap."""

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

    def pack_inputs(self, values: Mapping[str, npt.NDArray[Any]]) -> bytes:
        """The bytes of n input images, from int8 arrays of shape (n, ...). Raises BadData."""
        if set(values) != {place.tensor for place in self.inputs}:
            needed = sorted(place.tensor for place in self.inputs)
            raise BadData(f"{self.network}: inputs given {sorted(values)}, needed {needed}")
        count = len(next(iter(values.values())))
        packed = np.zeros((count, self.input_bytes), np.int8)
        for place in self.inputs:
            given = values[place.tensor]
            if given.shape != (count, *place.shape[1:]) or given.dtype != np.int8:
                wanted = f"int8 {('n', *place.shape[1:])}"
                raise BadData(f"input {place.tensor!r} is {given.dtype} {given.shape}, needed {wanted}")
            packed[:, place.offset : place.offset + place.size] = given.reshape(count, -1)
        return packed.tobytes()

    def unpack_outputs(self, data: bytes) -> dict[str, npt.NDArray[np.int8]]:
        """Arrays of shape (n, ...) from the bytes of n output images. Raises BadData."""
        if not data or len(data) % self.output_bytes:
            raise BadData(f"{len(data)} bytes of output, needed a multiple of {self.output_bytes}")
        images = np.frombuffer(data, np.int8).reshape(-1, self.output_bytes)
        return {
            place.tensor: images[:, place.offset : place.offset + place.size].reshape(-1, *place.shape[1:])
            for place in self.outputs
        }

    def save(self, path: str | Path) -> None:
        """Write the file whole, or not at all."""
        from compiler.program_file import write

        write(self, Path(path))

    @staticmethod
    def load(path: str | Path) -> Program:
        """Raises MalformedFile naming the file and the rule."""
        from compiler.program_file import read

        return read(Path(path))
