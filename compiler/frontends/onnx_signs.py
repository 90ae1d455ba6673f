"""What binary networks have in ONNX for activations: a sign, in the ways in which it is written.

BipolarQuant of QONNX, +scale where x >= 0 and -scale elsewhere; Where(x >= 0, s, -s); and ONNX' own Sign, whose 0 at
x = 0 no bit can be: it counts as +1 there, as all the others do.
"""

from __future__ import annotations

import numpy as np

from compiler.errors import MalformedFile, UnsupportedOperator
from compiler.frontends.onnx_builder import Builder, inputs, only
from compiler.frontends.onnx_format import NodeRecord
from golden.ir import Sign


def sign(build: Builder, node: NodeRecord) -> None:
    """ONNX' Sign."""
    only(node)
    _make(build, node, inputs(node, 1, 1)[0], 1.0)


def bipolar(build: Builder, node: NodeRecord) -> None:
    """QONNX' BipolarQuant of a map; one of a constant has been carried out before."""
    only(node)
    source, scale = inputs(node, 2, 2)
    _make(build, node, source, _number(build, scale, "scale"))


def greater_or_equal(build: Builder, node: NodeRecord) -> None:
    """A map compared with 0, for Where alone to read."""
    only(node)
    source, limit = inputs(node, 2, 2)
    if np.any(build.constant(limit, "limit")):
        raise UnsupportedOperator("must compare with 0")
    build.compared[node.outputs[0]] = build.map(source)


def where(build: Builder, node: NodeRecord) -> None:
    """s where a map is at least 0, -s elsewhere."""
    only(node)
    condition, chosen, other = inputs(node, 3, 3)
    if condition not in build.compared:
        raise UnsupportedOperator("condition must be that a map is at least 0")
    scale = _number(build, chosen, "value")
    if _number(build, other, "value") != -scale:
        raise UnsupportedOperator("must choose between a number and its negative")
    _make(build, node, build.compared[condition], scale)


def _number(build: Builder, name: str, role: str) -> float:
    values = build.floats_of_any_shape(name, role)
    if values.size != 1:
        raise UnsupportedOperator(f"{role} '{name}' of {values.shape} must be one number")
    return float(values.reshape(-1)[0])


def _make(build: Builder, node: NodeRecord, name: str, scale: float) -> None:
    source = build.map(name)
    if not scale > 0:
        raise MalformedFile(f"has a scale of {scale}, must be above 0")
    build.make(node, Sign(scale), source)
    if source in build.flattened:
        build.flattened[node.outputs[0]] = build.flattened[source]
