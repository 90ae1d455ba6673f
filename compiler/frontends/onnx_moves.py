"""ONNX operators that only move values: concatenation, slicing, and padding with zeros."""

from __future__ import annotations

import numpy as np

from compiler.errors import MalformedFile, UnsupportedOperator
from compiler.frontends.onnx_builder import Builder, attribute, inputs, only
from compiler.frontends.onnx_format import NodeRecord
from compiler.frontends.windows import MOST_PADDING
from golden.ir import Concat, Pad, Slice

FIRST_SLICE_BY_INPUTS = 10
DIMENSIONS = 4
CHANNELS = 1


def concat(build: Builder, node: NodeRecord) -> None:
    """Maps of four dimensions, along their channels."""
    only(node, "axis")
    if "axis" not in node.attributes:
        raise MalformedFile("has no axis")
    names = [build.image_map(name) for name in inputs(node, 1, max(1, len(node.inputs)))]
    axis = attribute(node, "axis", CHANNELS)
    if axis not in (CHANNELS, CHANNELS - DIMENSIONS):
        raise UnsupportedOperator(f"axis is {axis}, must be {CHANNELS}: the channels")
    if len(names) == 1:
        return build.alias(node, names[0])
    return build.make(node, Concat(), *names)


def strided_slice(build: Builder, node: NodeRecord) -> None:
    """Parts of height and width, at constant positions; every channel."""
    name, *given = inputs(node, 1, 5)
    source = build.image_map(name)
    starts, ends, axes, steps = _slice_tables(build, node, given)
    if len({len(starts), len(ends), len(axes), len(steps)}) != 1 or len(set(axes)) != len(axes):
        raise MalformedFile(f"has starts {starts}, ends {ends}, axes {axes} and steps {steps}")
    _, height, width, channels = build.shape(source)
    sizes = (1, channels, height, width)
    cuts = [(0, size, 1) for size in sizes]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if not 0 <= axis < DIMENSIONS or step < 1:
            raise UnsupportedOperator(f"axes {axes} must be of {DIMENSIONS}, steps {steps} at least 1")
        cuts[axis] = (*_clamped(start, end, sizes[axis]), step)
    if any(cut != (0, size, 1) for cut, size in zip(cuts[:2], sizes[:2], strict=True)):
        raise UnsupportedOperator("must keep all channels: only height and width can be sliced")
    if all(cut == (0, size, 1) for cut, size in zip(cuts, sizes, strict=True)):
        return build.alias(node, source)
    rows, columns = cuts[2:]
    operator = Slice((rows[0], columns[0]), (rows[1], columns[1]), (rows[2], columns[2]))
    return build.make(node, operator, source)


def _slice_tables(build: Builder, node: NodeRecord, given: list[str]) -> list[tuple[int, ...]]:
    """starts, ends, axes (counted from the front) and steps; attributes before operator set 10."""
    only(node, *(("starts", "ends", "axes") if build.model.opset < FIRST_SLICE_BY_INPUTS else ()))
    tables: list[tuple[int, ...] | None] = []
    for role, name in zip(("starts", "ends", "axes", "steps"), given, strict=True):
        tables.append(_integers(build, name, role) if name else _listed(node, role))
    starts, ends, axes, steps = tables
    if starts is None or ends is None:
        raise MalformedFile("has no starts or no ends")
    axes = tuple(range(len(starts))) if axes is None else axes
    counted = tuple(axis + DIMENSIONS if axis < 0 else axis for axis in axes)
    return [starts, ends, counted, steps if steps is not None else (1,) * len(starts)]


def _listed(node: NodeRecord, role: str) -> tuple[int, ...] | None:
    """An attribute whose integers may be as large as they like: beyond an end means that end."""
    value = node.attributes.get(role)
    if value is None:
        return None
    if not isinstance(value, tuple) or any(not isinstance(item, int) for item in value):
        raise MalformedFile(f"attribute '{role}' has the wrong type")
    return tuple(int(item) for item in value)


def _integers(build: Builder, name: str, role: str) -> tuple[int, ...]:
    values = build.constant(name, role).reshape(-1)
    if values.dtype != np.int64:
        raise MalformedFile(f"{role} '{name}' must be integers")
    return tuple(int(value) for value in values)


def _clamped(start: int, end: int, size: int) -> tuple[int, int]:
    """Positions counted from the front; those beyond an end mean that end."""
    first, last = (min(max(value + size if value < 0 else value, 0), size) for value in (start, end))
    return first, last


def pad(build: Builder, node: NodeRecord) -> None:
    """Zeros around the map, or ones or minus ones, which the convolution behind takes over as its padding, or
    channels of zeros."""
    only(node, "mode", "pads", "value")
    if attribute(node, "mode", "constant") != "constant":
        raise UnsupportedOperator("mode must be constant")
    name, pads, value, axes = inputs(node, 1, 4)
    if axes:
        raise UnsupportedOperator("axes must be left out")
    filling = _filling(build, node, value)
    amounts = _integers(build, pads, "pads") if pads else attribute(node, "pads", (0,) * (2 * DIMENSIONS))
    if len(amounts) != 2 * DIMENSIONS or any(not 0 <= amount <= MOST_PADDING for amount in amounts):
        raise UnsupportedOperator(f"pads {amounts} must be {2 * DIMENSIONS} numbers of 0 to {MOST_PADDING}")
    source = build.image_map(name)
    _, before, top, left, _, after, bottom, right = amounts
    around = (top, left, bottom, right)
    if amounts[0] or amounts[DIMENSIONS] or (any(around) and before + after):
        raise UnsupportedOperator(f"pads {amounts} must be on height and width, or on channels")
    if before + after and filling:
        raise UnsupportedOperator(f"value is {filling}, must be 0 in channels")
    if before + after:
        build.make(node, Pad(before, after), source)
    elif any(around):
        build.padded[node.outputs[0]] = (source, around, filling)
    else:
        build.alias(node, source)


def _filling(build: Builder, node: NodeRecord, value: str) -> int:
    """What is put around: 0, or 1 or -1 for a binary network."""
    given = build.constant(value, "value").reshape(-1) if value else np.empty(0)
    filling = float(given[0]) if given.size else attribute(node, "value", 0.0)
    if given.size > 1 or filling not in (-1.0, 0.0, 1.0):
        raise UnsupportedOperator("value must be 0, or 1 or -1 around bits")
    return int(filling)
