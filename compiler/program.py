"""The program file: a device image, and what the host has to know about it.

File: magic (8 bytes), then little-endian words: format version, CRC-32 of all that follows, bytes of description,
bytes of image; then the description (JSON) and the image.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from compiler.errors import BadData, MalformedFile

MAGIC = b"ASSAYPRG"
FORMAT_VERSION = 1
_HEAD = struct.Struct("<8sIIII")


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
    """Which elements of a tensor an observed address stands for. For an address a = base + q * row + r, r < row:
    flat NHWC index = first + q * row_pitch + r * pitch, for lane 0; lane l is l further."""

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
class Layer:
    """One entry of the layer table. macs: multiply-accumulates, those with padding included; macs_executed: what the
    MACS counter counts; tensors: every graph tensor that can be observed, with its shape."""

    name: str
    nodes: tuple[str, ...]
    macs: int
    macs_executed: int
    tensors: Mapping[str, tuple[int, ...]]
    aliases: Mapping[str, str]
    writes: tuple[Region, ...]
    observations: tuple[Observation, ...]

    @cached_property
    def table(self) -> npt.NDArray[np.int64]:
        """The observations sorted for lookup: (key, tensor number, base, row, first, row_pitch, pitch) each, with
        key = instruction * 256 + tap and tensors numbered as in `holders`."""
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

    input_bytes, output_bytes: from one image to the next, multiples of the port width; tap_bytes: lanes of a tap."""

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
        path = Path(path)
        description = json.dumps(_describe(self), separators=(",", ":")).encode()
        body = struct.pack("<II", len(description), len(self.image)) + description + self.image
        data = struct.pack("<8sII", MAGIC, FORMAT_VERSION, zlib.crc32(body)) + body
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            partial.write_bytes(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    @staticmethod
    def load(path: str | Path) -> Program:
        """Raises MalformedFile naming the file and the rule."""
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise MalformedFile(f"cannot be read: {error.strerror}", file=str(path)) from None
        try:
            return _parse(data)
        except MalformedFile as error:
            raise error.in_file(str(path)) from None


def _describe(program: Program) -> dict[str, Any]:
    description = {name: value for name, value in vars(program).items() if name not in ("image", "layers")}
    places = {name: [asdict(place) for place in getattr(program, name)] for name in ("inputs", "outputs")}
    return description | places | {"layers": [_describe_layer(layer) for layer in program.layers]}


_GEOMETRY = tuple(Geometry.__dataclass_fields__)


def _describe_layer(layer: Layer) -> dict[str, Any]:
    rows = [[o.instruction, *(getattr(o.geometry, name) for name in _GEOMETRY)] for o in layer.observations]
    return {
        "name": layer.name,
        "nodes": layer.nodes,
        "macs": layer.macs,
        "macs_executed": layer.macs_executed,
        "tensors": layer.tensors,
        "aliases": layer.aliases,
        "writes": [asdict(region) for region in layer.writes],
        "observations": rows,
    }


def _parse(data: bytes) -> Program:
    if len(data) < _HEAD.size:
        raise MalformedFile(f"{len(data)} bytes are too few for a program file")
    magic, version, crc, description_size, image_size = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise MalformedFile("not a program file of assay")
    if version != FORMAT_VERSION:
        raise MalformedFile(f"format version {version}, this is for version {FORMAT_VERSION}")
    if len(data) != _HEAD.size + description_size + image_size:
        raise MalformedFile(f"{len(data)} bytes, needed {_HEAD.size + description_size + image_size}")
    if zlib.crc32(data[16:]) != crc:
        raise MalformedFile("damaged: its CRC does not match")
    end = _HEAD.size + description_size
    try:
        return _build(json.loads(data[_HEAD.size : end]), data[end:])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MalformedFile(f"description cannot be read: {type(error).__name__} {error}") from None


def _build(description: dict[str, Any], image: bytes) -> Program:
    numbers = ("config_hash", "tap_bytes", "input_bytes", "output_bytes", "instructions")
    names = ("variant", "config", "network")
    return Program(
        **{name: _typed(description[name], int) for name in numbers},
        **{name: _typed(description[name], str) for name in names},
        inputs=tuple(_placement(place) for place in description["inputs"]),
        outputs=tuple(_placement(place) for place in description["outputs"]),
        layers=tuple(_layer(layer) for layer in description["layers"]),
        image=image,
    )


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} must be {kind.__name__}")
    return value


def _shape(values: Any) -> tuple[int, ...]:
    return tuple(_typed(value, int) for value in values)


def _placement(place: dict[str, Any]) -> Placement:
    return Placement(_typed(place["tensor"], str), _shape(place["shape"]), _typed(place["offset"], int))


def _layer(layer: dict[str, Any]) -> Layer:
    return Layer(
        name=_typed(layer["name"], str),
        nodes=tuple(_typed(node, str) for node in layer["nodes"]),
        macs=_typed(layer["macs"], int),
        macs_executed=_typed(layer["macs_executed"], int),
        tensors={name: _shape(shape) for name, shape in layer["tensors"].items()},
        aliases={name: _typed(holder, str) for name, holder in layer["aliases"].items()},
        writes=tuple(Region(_typed(r["offset"], int), _typed(r["length"], int)) for r in layer["writes"]),
        observations=tuple(_observation(row) for row in layer["observations"]),
    )


def _observation(row: list[Any]) -> Observation:
    instruction, tensor, *numbers = row
    tap, base, length, first, row_pitch, pitch = _shape(numbers)
    geometry = Geometry(_typed(tensor, str), tap, base, length, first, row_pitch, pitch)
    return Observation(_typed(instruction, int), geometry)
