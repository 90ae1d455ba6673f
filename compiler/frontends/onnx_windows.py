"""ONNX operators with a window over the map: convolution and pooling."""

from __future__ import annotations

from dataclasses import replace

from compiler.errors import MalformedFile, UnsupportedOperator
from compiler.frontends.onnx_builder import Builder, Padding, attribute, inputs, only
from compiler.frontends.onnx_format import NodeRecord
from compiler.frontends.windows import ceil_padding, check_window, same_padding
from golden.ir import Conv2D, Pool2D, Reshape

Pair = tuple[int, int]

NO_PADDING: Padding = (0, 0, 0, 0)
WINDOW = ("auto_pad", "dilations", "kernel_shape", "pads", "strides")


def convolution(build: Builder, node: NodeRecord) -> None:
    """Weights (out, in, h, w) become (out, h, w, in); a Pad in front joins the padding, or is it if not of zeros."""
    only(node, *WINDOW, "group")
    name, weights, bias = inputs(node, 2, 3)
    name, before, value = build.padded.get(name, (name, NO_PADDING, 0))
    source = build.image_map(name)
    values = build.floats(weights, "weights", 4)
    group, channels = attribute(node, "group", 1), build.shape(source)[3]
    if group != 1:
        raise UnsupportedOperator(f"group is {group}, must be 1: no grouped or depthwise convolution")
    if values.shape[1] != channels:
        raise MalformedFile(f"weights {values.shape} read {values.shape[1]} channels of {channels}")
    kernel = (values.shape[2], values.shape[3])
    if _pair(node, "kernel_shape", kernel) != kernel:
        raise MalformedFile(f"kernel_shape contradicts weights of {values.shape}")
    stride = _pair(node, "strides", (1, 1))
    size = _padded_size(build.shape(source), before)
    own = _padding(node, size, kernel, stride)
    if value and any(own):
        raise UnsupportedOperator(f"pads with zeros around a Pad of {value}")
    padding = _sum(before, own)
    check_window(kernel, padding)
    names = [build.keep(weights, values.transpose(0, 2, 3, 1))]
    if bias:
        names.append(build.keep(bias, build.floats(bias, "bias", 1)))
    build.make(node, Conv2D(stride, padding, padding_value=value), source, *names)


def max_pool(build: Builder, node: NodeRecord) -> None:
    """Indices as a second output are refused with every second output."""
    only(node, *WINDOW, "ceil_mode", "storage_order")
    _pool(build, node, "max")


def average_pool(build: Builder, node: NodeRecord) -> None:
    """Average over the positions inside the map only."""
    only(node, *WINDOW, "ceil_mode", "count_include_pad")
    _pool(build, node, "average")


def reduce_mean(build: Builder, node: NodeRecord) -> None:
    """The mean over height and width is global average pooling, and a vector where it drops them."""
    only(node, "axes", "keepdims", "noop_with_empty_axes")
    name, axes = inputs(node, 1, 2)
    source = build.image_map(name)
    given = build.constant(axes, "axes").reshape(-1) if axes else attribute(node, "axes", (0,))
    chosen = tuple(int(axis) for axis in given)
    if sorted(axis + 4 if axis < 0 else axis for axis in chosen) != [2, 3]:
        raise UnsupportedOperator(f"axes {chosen} must be height and width: 2 and 3")
    _, height, width, channels = build.shape(source)
    pool = Pool2D("average", (height, width), (1, 1))
    if attribute(node, "keepdims", 1):
        build.make(node, pool, source)
        return
    mean = replace(node, outputs=(f"{node.outputs[0]}.mean",))
    build.make(mean, pool, source)
    vector = replace(node, name=f"{node.name}.vector")
    build.make_shaped(vector, Reshape(), (1, channels), mean.outputs[0])


def global_average_pool(build: Builder, node: NodeRecord) -> None:
    """One window over the whole map."""
    only(node)
    source = build.image_map(inputs(node, 1, 1)[0])
    _, height, width, _ = build.shape(source)
    build.make(node, Pool2D("average", (height, width), (1, 1)), source)


def _pool(build: Builder, node: NodeRecord, kind: str) -> None:
    source = build.image_map(inputs(node, 1, 1)[0])
    kernel, stride = _pair(node, "kernel_shape", (0, 0)), _pair(node, "strides", (1, 1))
    size = _padded_size(build.shape(source), NO_PADDING)
    padding = _padding(node, size, kernel, stride)
    if attribute(node, "count_include_pad", 0) and any(padding):
        raise UnsupportedOperator("count_include_pad must be 0 where there is padding")
    if attribute(node, "ceil_mode", 0):
        padding = _rounded_up(size, kernel, stride, padding)
    check_window(kernel, padding)
    build.make(node, Pool2D(kind, kernel, stride, padding), source)


def _rounded_up(size: Pair, kernel: Pair, stride: Pair, padding: Padding) -> Padding:
    top, left, bottom, right = padding
    return (
        top,
        left,
        ceil_padding(size[0], kernel[0], stride[0], top, bottom),
        ceil_padding(size[1], kernel[1], stride[1], left, right),
    )


def _padding(node: NodeRecord, size: Pair, kernel: Pair, stride: Pair) -> Padding:
    if _pair(node, "dilations", (1, 1)) != (1, 1):
        raise UnsupportedOperator("dilations must be 1")
    if min(*kernel, *stride) < 1:
        raise MalformedFile(f"has a kernel of {kernel} and a stride of {stride}")
    scheme = attribute(node, "auto_pad", "NOTSET")
    if scheme in ("SAME_UPPER", "SAME_LOWER"):
        rows, columns = (same_padding(*axis) for axis in zip(size, kernel, stride, strict=True))
        upper = (rows[0], columns[0], rows[1], columns[1])
        return upper if scheme == "SAME_UPPER" else (upper[2], upper[3], upper[0], upper[1])
    if scheme not in ("NOTSET", "VALID"):
        raise MalformedFile(f"auto_pad '{scheme}' is unknown")
    pads = attribute(node, "pads", NO_PADDING)
    if len(pads) != 4:
        raise UnsupportedOperator(f"pads {pads} must be four numbers")
    _check_amounts(pads)
    return NO_PADDING if scheme == "VALID" else (pads[0], pads[1], pads[2], pads[3])


def _check_amounts(amounts: tuple[int, ...]) -> None:
    if any(not 0 <= amount < 1 << 20 for amount in amounts):
        raise UnsupportedOperator(f"pads {amounts} must not be negative")


def _pair(node: NodeRecord, name: str, default: Pair) -> Pair:
    values = attribute(node, name, default)
    if len(values) != 2:
        raise UnsupportedOperator(f"attribute '{name}' is {values}, must be two numbers: height and width")
    return (values[0], values[1])


def _padded_size(shape: tuple[int, ...], padding: Padding) -> Pair:
    top, left, bottom, right = padding
    return (shape[1] + top + bottom, shape[2] + left + right)


def _sum(first: Padding, second: Padding) -> Padding:
    top, left, bottom, right = (a + b for a, b in zip(first, second, strict=True))
    return (top, left, bottom, right)
