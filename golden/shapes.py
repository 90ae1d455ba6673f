"""Shape inference: the shape that each operator makes from the shapes of its inputs."""

from __future__ import annotations

import math

from golden.ir import (
    Add,
    BatchNorm,
    Concat,
    Conv2D,
    FullyConnected,
    GraphError,
    Operator,
    Pad,
    Pool2D,
    Relu,
    Reshape,
    Sign,
    Slice,
)

Shape = tuple[int, ...]


def output_size(size: int, kernel: int, stride: int, before: int, after: int) -> int:
    """Positions of a window along one axis; at most 0 where the kernel does not fit."""
    return (size + before + after - kernel) // stride + 1


def output_shape(operator: Operator, shapes: list[Shape]) -> Shape | None:
    """The shape an operator makes from the shapes of its inputs; None for Reshape, whose output says.

    Raises GraphError naming the rule that the shapes break."""
    match operator:
        case Conv2D():
            return _conv_shape(operator, shapes)
        case FullyConnected():
            return _fully_connected_shape(shapes)
        case Pool2D():
            return _pool_shape(operator, shapes)
        case Add():
            if shapes[0] != shapes[1]:
                raise GraphError(f"add of {shapes[0]} and {shapes[1]}: shapes must be equal")
            return shapes[0]
        case BatchNorm():
            if any(shape != shapes[0][-1:] for shape in shapes[1:]):
                raise GraphError(f"batch norm of {shapes[0]} needs four parameters of shape {shapes[0][-1:]}")
            return shapes[0]
        case Relu() | Sign():
            return shapes[0]
        case Concat():
            return _concat_shape(shapes)
        case Slice():
            return _slice_shape(operator, shapes[0])
        case Pad(before, after):
            if min(before, after) < 0 or len(shapes[0]) != 4:
                raise GraphError(f"pad of {shapes[0]} by {before} and {after} channels: out of range")
            return (*shapes[0][:3], before + shapes[0][3] + after)
        case Reshape():
            return None


def _conv_shape(operator: Conv2D, shapes: list[Shape]) -> Shape:
    weights = shapes[1]
    if len(shapes[0]) != 4 or len(weights) != 4 or weights[3] != shapes[0][3]:
        raise GraphError(f"convolution of {shapes[0]} with weights {weights}: input channels must agree")
    _check_channel_shapes(shapes)
    height, width = _window_shape(shapes[0], weights[1:3], operator.stride, operator.padding)
    return (shapes[0][0], height, width, weights[0])


def _fully_connected_shape(shapes: list[Shape]) -> Shape:
    features = math.prod(shapes[0][1:])
    if len(shapes[1]) != 2 or shapes[1][1] != features:
        raise GraphError(f"fully connected of {shapes[0]} with weights {shapes[1]}: needs (out, {features})")
    _check_channel_shapes(shapes)
    return (shapes[0][0], shapes[1][0])


def _check_channel_shapes(shapes: list[Shape]) -> None:
    """Of bias, or thresholds and flips, or factors and offsets: one number an output channel."""
    for index, shape in enumerate(shapes[2:]):
        if shape != shapes[1][:1]:
            what = "bias" if len(shapes) == 3 else f"input {index + 2}"
            raise GraphError(f"{what} has shape {shape}, needed {shapes[1][:1]}")


def _pool_shape(operator: Pool2D, shapes: list[Shape]) -> Shape:
    shape = shapes[0]
    if operator.kind not in ("max", "average"):
        raise GraphError(f"pool kind {operator.kind!r} must be 'max' or 'average'")
    if len(shape) != 4:
        raise GraphError(f"pool of {shape}: needs (n, height, width, channels)")
    if any(minimum != shape[3:] for minimum in shapes[1:]):
        raise GraphError(f"minimum has shape {shapes[1]}, needed {shape[3:]}")
    top, left, bottom, right = operator.padding
    if max(top, bottom) >= operator.kernel[0] or max(left, right) >= operator.kernel[1]:
        raise GraphError(f"pool padding {operator.padding} must be smaller than kernel {operator.kernel}")
    height, width = _window_shape(shape, operator.kernel, operator.stride, operator.padding)
    return (shape[0], height, width, shape[3])


def _concat_shape(shapes: list[Shape]) -> Shape:
    if any(len(shape) != 4 or shape[:3] != shapes[0][:3] for shape in shapes):
        raise GraphError(f"concatenation of {', '.join(map(str, shapes))}: heights and widths must be equal")
    return (*shapes[0][:3], sum(shape[3] for shape in shapes))


def _slice_shape(operator: Slice, shape: Shape) -> Shape:
    if len(shape) != 4:
        raise GraphError(f"slice of {shape}: needs (n, height, width, channels)")
    axes = list(zip(operator.begin, operator.end, operator.stride, shape[1:3], strict=True))
    if any(not 0 <= begin < end <= size or stride < 1 for begin, end, stride, size in axes):
        raise GraphError(
            f"slice {operator.begin} to {operator.end} by {operator.stride} of {shape}: out of range"
        )
    height, width = (-(-(end - begin) // stride) for begin, end, stride, _ in axes)
    return (shape[0], height, width, shape[3])


def _window_shape(
    shape: Shape, kernel: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, int, int, int]
) -> tuple[int, int]:
    if min(stride) < 1 or min(padding) < 0 or min(kernel) < 1:
        raise GraphError(f"kernel {kernel}, stride {stride}, padding {padding}: out of range")
    height = output_size(shape[1], kernel[0], stride[0], padding[0], padding[2])
    width = output_size(shape[2], kernel[1], stride[1], padding[1], padding[3])
    if height < 1 or width < 1:
        raise GraphError(f"kernel {kernel} does not fit a map of {shape[1:3]} with padding {padding}")
    return height, width
