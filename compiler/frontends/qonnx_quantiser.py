"""One `Quant` node of QONNX: what it says, and what it does to a constant.

Source: QONNX's operator definition. Quant(x, scale, zero point, bit width) gives
scale * (clamp(round(x / scale + zero point), lowest, highest) - zero point); BipolarQuant(x, scale) gives scale
where x >= 0 and -scale elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compiler.errors import MalformedFile, UnsupportedOperator, UnsupportedType
from compiler.frontends.loaded import Range
from compiler.frontends.onnx_format import NodeRecord
from golden.ir import Array

DOMAINS = ("qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas")
NEAREST = ("ROUND", "HALF_EVEN")
MOST_BITS = 32
MAP_BITS = (4, 8)
BINARY_INPUT_BITS = (6, 8)
WEIGHT_BITS = range(2, 9)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quantiser:
    """scale: one, or an array that broadcasts to the tensor. narrow: the lowest signed integer is left out."""

    scale: Floats
    bits: int
    signed: bool
    narrow: bool

    @property
    def lowest(self) -> int:
        return -(1 << (self.bits - 1)) + self.narrow if self.signed else 0

    @property
    def highest(self) -> int:
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1 - self.narrow

    def integers(self, values: Array) -> npt.NDArray[np.int64]:
        """The integers of real values, ties to the even one."""
        try:
            steps = np.round(values.astype(np.float64) / self.scale)
        except ValueError:
            raise MalformedFile(f"scale of {self.scale.shape} does not suit {values.shape}") from None
        if steps.shape != values.shape:
            raise MalformedFile(f"scale of {self.scale.shape} does not suit {values.shape}")
        return np.clip(steps, self.lowest, self.highest).astype(np.int64)

    def check_map(self, allowed: tuple[int, int]) -> None:
        """Raises an AssayError where no map of these bits can be so."""
        if self.scale.size != 1:
            raise UnsupportedType(f"a map has one scale, here {self.scale.size}")
        if self.bits not in allowed or self.narrow:
            what = f"{self.bits} bits{' without the lowest integer' if self.narrow else ''}"
            raise UnsupportedType(f"a map has {what}, must have all of {allowed[0]} or {allowed[1]} bits")

    def map_range(self) -> Range:
        """Real values of the lowest and highest integer of a map."""
        scale = float(self.scale.reshape(-1)[0])
        return self.lowest * scale, self.highest * scale

    def same_as(self, other: Quantiser) -> bool:
        """Of two quantisers of maps."""
        mine, others = ((q.bits, q.signed, float(q.scale.reshape(-1)[0])) for q in (self, other))
        return mine == others


def bipolar(node: NodeRecord, constants: Mapping[str, Array]) -> npt.NDArray[np.float32]:
    """What BipolarQuant makes of a constant. Raises an AssayError, without the node's name."""
    if len(node.inputs) != 2 or len(node.outputs) != 1:
        raise MalformedFile(
            f"has {len(node.inputs)} inputs and {len(node.outputs)} outputs, must have 2 and 1"
        )
    if node.inputs[1] not in constants:
        raise UnsupportedOperator(f"scale '{node.inputs[1]}' must be constant")
    values, scale = constants[node.inputs[0]], constants[node.inputs[1]].astype(np.float32)
    if scale.size == 0 or not np.all(scale > 0):
        raise MalformedFile("every scale must be above zero")
    try:
        found = np.where(values >= 0, scale, -scale)
    except ValueError:
        raise MalformedFile(f"scale of {scale.shape} does not suit {values.shape}") from None
    if found.shape != values.shape:
        raise MalformedFile(f"scale of {scale.shape} does not suit {values.shape}")
    return found.astype(np.float32)


def quantiser(node: NodeRecord, constants: Mapping[str, Array]) -> Quantiser:
    """What a Quant node says. Raises an AssayError, without the node's name, where assay does not run it."""
    if len(node.inputs) != 4 or len(node.outputs) != 1:
        raise MalformedFile(
            f"has {len(node.inputs)} inputs and {len(node.outputs)} outputs, must have 4 and 1"
        )
    for name, role in zip(node.inputs[1:], ("scale", "zero point", "bit width"), strict=True):
        if name not in constants:
            raise UnsupportedOperator(f"{role} '{name}' must be constant")
    scale, zero_point, bits = (constants[name].astype(np.float64) for name in node.inputs[1:])
    if np.any(zero_point):
        raise UnsupportedType("zero point must be 0")
    if scale.size == 0 or not np.all(scale > 0):
        raise MalformedFile("every scale must be above zero")
    if bits.size != 1 or float(bits.reshape(-1)[0]) not in range(2, MOST_BITS + 1):
        raise UnsupportedType(f"bit width must be one whole number from 2 to {MOST_BITS}")
    mode = node.attributes.get("rounding_mode", NEAREST[0])
    if mode not in NEAREST:
        raise UnsupportedOperator(f"rounding mode is {mode}, must be {' or '.join(NEAREST)}")
    flags = (bool(node.attributes.get(name, default)) for name, default in (("signed", 1), ("narrow", 0)))
    return Quantiser(scale, int(bits.reshape(-1)[0]), *flags)
