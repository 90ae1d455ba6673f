"""The program file.

Magic (8 bytes), then little-endian words: format version, CRC-32 of all that follows, bytes of description,
bytes of image; then the description (JSON) and the device image.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compiler.errors import MalformedFile
from compiler.program import Geometry, Layer, Observation, Part, Placement, Program, Region

MAGIC = b"ASSAYPRG"
FORMAT_VERSION = 3
_HEAD = struct.Struct("<8sIIII")
_AFTER_CRC = 16


def write(program: Program, path: Path) -> None:
    """Write the file whole, or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(to_bytes(program))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path) -> Program:
    """Raises MalformedFile naming the file and the rule."""
    try:
        return from_bytes(path.read_bytes())
    except OSError as error:
        raise MalformedFile(f"cannot be read: {error.strerror}", file=str(path)) from None
    except MalformedFile as error:
        raise error.in_file(str(path)) from None


def to_bytes(program: Program) -> bytes:
    """The content of the file."""
    description = json.dumps(_describe(program), separators=(",", ":")).encode()
    body = struct.pack("<II", len(description), len(program.image)) + description + program.image
    return struct.pack("<8sII", MAGIC, FORMAT_VERSION, zlib.crc32(body)) + body


def _describe(program: Program) -> dict[str, Any]:
    description = {name: value for name, value in vars(program).items() if name not in ("image", "layers")}
    places = {name: [asdict(place) for place in getattr(program, name)] for name in ("inputs", "outputs")}
    return description | places | {"layers": [_describe_layer(layer) for layer in program.layers]}


_PART = tuple(Part.__dataclass_fields__)
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
        "parts": [[getattr(part, name) for name in _PART] for part in layer.parts],
    }


def from_bytes(data: bytes) -> Program:
    """Raises MalformedFile."""
    if len(data) < _HEAD.size:
        raise MalformedFile(f"{len(data)} bytes are too few for a program file")
    magic, version, crc, description_size, image_size = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise MalformedFile("not a program file of assay")
    if version != FORMAT_VERSION:
        raise MalformedFile(f"format version {version}, this is for version {FORMAT_VERSION}")
    if len(data) != _HEAD.size + description_size + image_size:
        raise MalformedFile(f"{len(data)} bytes, needed {_HEAD.size + description_size + image_size}")
    if zlib.crc32(data[_AFTER_CRC:]) != crc:
        raise MalformedFile("damaged: its CRC does not match")
    end = _HEAD.size + description_size
    try:
        return _build(json.loads(data[_HEAD.size : end]), data[end:])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MalformedFile(f"description cannot be read: {type(error).__name__} {error}") from None


def _build(description: dict[str, Any], image: bytes) -> Program:
    numbers = ("config_hash", "tap_bytes", "tap_lane_bits", "input_bytes", "output_bytes", "instructions")
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
    offset, bits = _shape((place["offset"], place["bits"]))
    return Placement(_typed(place["tensor"], str), _shape(place["shape"]), offset, bits)


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
        parts=tuple(_part(row) for row in layer["parts"]),
    )


def _part(row: list[Any]) -> Part:
    tensor, holder, *numbers = row
    first, run, pitch = _shape(numbers)
    return Part(_typed(tensor, str), _typed(holder, str), first, run, pitch)


def _observation(row: list[Any]) -> Observation:
    instruction, tensor, *numbers = row
    tap, base, length, first, row_pitch, pitch, bits, run, lane_pitch = _shape(numbers)
    place = (base, length, first, row_pitch, pitch, bits, run, lane_pitch)
    return Observation(_typed(instruction, int), Geometry(_typed(tensor, str), tap, *place))
