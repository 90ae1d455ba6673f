"""A map times, by, plus or less a constant: batch norm with variance 1, for each channel or all alike."""

from __future__ import annotations

import numpy as np

from compiler.errors import MalformedFile, UnsupportedOperator
from compiler.frontends.onnx_builder import Builder, Floats, inputs, only
from compiler.frontends.onnx_format import NodeRecord
from golden.ir import BatchNorm


def multiply(build: Builder, node: NodeRecord) -> None:
    """A map times a constant, on either side."""
    only(node)
    left, right = inputs(node, 2, 2)
    source, constant = (right, left) if left in build.model.constants else (left, right)
    normalised(build, node, source, gamma=build.floats_of_any_shape(constant, "factor"))


def subtract(build: Builder, node: NodeRecord) -> None:
    """A map less a constant."""
    only(node)
    source, constant = inputs(node, 2, 2)
    normalised(build, node, source, mean=build.floats_of_any_shape(constant, "subtrahend"))


def divide(build: Builder, node: NodeRecord) -> None:
    """A map by a constant."""
    only(node)
    source, constant = inputs(node, 2, 2)
    values = build.floats_of_any_shape(constant, "divisor").astype(np.float64)
    if not values.all():
        raise MalformedFile("divides by 0")
    normalised(build, node, source, gamma=(1 / values).astype(np.float32))


def normalised(
    build: Builder,
    node: NodeRecord,
    source: str,
    gamma: Floats | None = None,
    beta: Floats | None = None,
    mean: Floats | None = None,
) -> None:
    """gamma * (x - mean) + beta; a value left out changes nothing."""
    source = build.map(source)
    if source in build.flattened:
        raise UnsupportedOperator("of a flattened map is not supported")
    shape = build.shape(source)
    parts = {"gamma": (gamma, 1.0), "beta": (beta, 0.0), "mean": (mean, 0.0), "variance": (None, 1.0)}
    names = [
        build.keep(f"{node.name}.{part}", _by_channel(values, default, shape))
        for part, (values, default) in parts.items()
    ]
    build.make(node, BatchNorm(0.0), source, *names)


def _by_channel(values: Floats | None, default: float, shape: tuple[int, ...]) -> Floats:
    channels = shape[-1]
    if values is None:
        return np.full(channels, default, np.float32)
    along = (channels, 1, 1) if len(shape) == 4 else (channels,)
    if values.size != 1 and (values.shape[-len(along) :] != along or values.size != channels):
        raise UnsupportedOperator(f"constant of {values.shape} must be one value, or one a channel")
    return np.broadcast_to(values.reshape(-1), (channels,)).astype(np.float32)
