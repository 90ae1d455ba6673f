"""What the options and the tables of a TFLite operator mean: activation, stride, padding, parts of a map."""

from __future__ import annotations

import tflite

from compiler.errors import MalformedFile, UnsupportedOperator
from compiler.frontends.tflite_format import OperatorRecord
from compiler.frontends.windows import MOST_PADDING, check_window, same_padding
from golden.ir import Array, Pad, Slice

Padding = tuple[int, int, int, int]
Shape = tuple[int, ...]

DIMENSIONS = 4
NO_PADDING: Padding = (0, 0, 0, 0)
ACTIVATIONS = {
    tflite.ActivationFunctionType.NONE: "",
    tflite.ActivationFunctionType.RELU: "relu",
    tflite.ActivationFunctionType.RELU6: "relu6",
}


def activation(operator: OperatorRecord) -> str:
    """The fused activation: '', 'relu' or 'relu6'."""
    code = operator.options["FusedActivationFunction"]
    if code not in ACTIVATIONS:
        raise UnsupportedOperator(f"fused activation {code} is not supported: none, RELU or RELU6")
    return ACTIVATIONS[code]


def stride(operator: OperatorRecord) -> tuple[int, int]:
    """(vertical, horizontal), at least 1."""
    steps = (operator.options["StrideH"], operator.options["StrideW"])
    if min(steps) < 1:
        raise MalformedFile(f"has a stride of {steps}")
    return steps


def padding(
    operator: OperatorRecord, size: Shape, kernel: tuple[int, int], before: Padding = NO_PADDING
) -> Padding:
    """(top, left, bottom, right) of SAME or VALID windows on a map of this height and width, which `before`
    has padded already; that padding is included."""
    if min(kernel) < 1:
        raise MalformedFile(f"has a kernel of {kernel}")
    top, left, bottom, right = before
    scheme = operator.options["Padding"]
    if scheme == tflite.Padding.SAME:
        steps = stride(operator)
        rows = same_padding(size[0] + top + bottom, kernel[0], steps[0])
        columns = same_padding(size[1] + left + right, kernel[1], steps[1])
        top, left, bottom, right = top + rows[0], left + columns[0], bottom + rows[1], right + columns[1]
    elif scheme != tflite.Padding.VALID:
        raise MalformedFile(f"padding scheme {scheme} is unknown")
    check_window(kernel, (top, left, bottom, right))
    return (top, left, bottom, right)


def amounts_of_pad(table: Array) -> tuple[Pad, Padding]:
    """Channels of zeros, and zeros around the map, of which at most one is there."""
    if table.shape != (DIMENSIONS, 2):
        raise UnsupportedOperator(f"paddings of {table.shape} must be ({DIMENSIONS}, 2)")
    batch, rows, columns, channels = ((int(before), int(after)) for before, after in table)
    around = (rows[0], columns[0], rows[1], columns[1])
    if any(not 0 <= amount <= MOST_PADDING for amount in (*around, *channels)):
        raise UnsupportedOperator(f"paddings {table.tolist()} must be 0 to {MOST_PADDING}")
    if any(batch) or (any(around) and any(channels)):
        raise UnsupportedOperator(f"paddings {table.tolist()} must be on height and width, or on channels")
    return Pad(*channels), around


def slice_of(operator: OperatorRecord, shape: Shape, tables: tuple[Array, Array, Array]) -> Slice:
    """tables: begin, end and strides, one number a dimension; bits of the masks say which do not count."""
    for mask in ("EllipsisMask", "NewAxisMask", "ShrinkAxisMask", "Offset"):
        if operator.options[mask]:
            raise UnsupportedOperator(f"option {mask} is {operator.options[mask]}, must be 0")
    if len(shape) != DIMENSIONS or any(table.shape != (DIMENSIONS,) for table in tables):
        raise UnsupportedOperator(f"must say begin, end and stride of {DIMENSIONS} dimensions")
    cuts = [_cut(operator, axis, size, tables) for axis, size in enumerate(shape)]
    if any(cuts[axis] != (0, shape[axis], 1) for axis in (0, 3)):
        raise UnsupportedOperator("must keep all channels: only height and width can be sliced")
    rows, columns = cuts[1:3]
    return Slice((rows[0], columns[0]), (rows[1], columns[1]), (rows[2], columns[2]))


def _cut(
    operator: OperatorRecord, axis: int, size: int, tables: tuple[Array, Array, Array]
) -> tuple[int, int, int]:
    """(begin, end, stride) along one dimension, counted from the front."""
    begin, end, step = (int(table[axis]) for table in tables)
    if step < 1:
        raise UnsupportedOperator(f"stride {step} must be at least 1")
    first, last = (min(max(value + size if value < 0 else value, 0), size) for value in (begin, end))
    masks = (operator.options["BeginMask"], operator.options["EndMask"])
    return 0 if masks[0] >> axis & 1 else first, size if masks[1] >> axis & 1 else last, step
