"""SqueezeNet v1.0 for ImageNet, pruned and clustered elsewhere; quantised here, on squares cut from photographs.

Each fire module narrows the map by 1 x 1 convolutions, widens it by 1 x 1 and 3 x 3 ones, and joins the two.
The weights take pixels in the order blue, green, red, less a mean: both are folded into the first convolution,
which has no padding, so that the input are pixels 0 to 255 as 0 to 1.
Source: Iandola et al. 2016; weights and prototxt of S. Han's SqueezeNet-Deep-Compression.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from compiler.calibration import UNIT_RANGE
from compiler.images import LARGEST_PIXEL, as_real
from compiler.network import Network, from_float, input_quantisation
from compiler.networks import photographs
from compiler.networks.building import Arrays, FloatGraph, Floats
from compiler.networks.spec import NetworkSpec, Settings
from golden.ir import Concat, Conv2D, Graph, Pool2D

NAME = "squeezenet10"
FILE = Path("squeezenet_v10_dc", "squeezenet_v10_dc_decoded.npz")
IMAGE = (1, 227, 227, 3)
MEAN_BLUE_GREEN_RED = np.array([104, 117, 123], np.float64)
FIRES = {
    "fire2": (16, 64),
    "fire3": (16, 64),
    "fire4": (32, 128),
    "fire5": (32, 128),
    "fire6": (48, 192),
    "fire7": (48, 192),
    "fire8": (64, 256),
    "fire9": (64, 256),
}
"""Channels of the narrow map, and of each half of the wide one."""
POOLED = ("fire4", "fire8")
CLASSES = 1000
CALIBRATION_IMAGES = 10
CALIBRATION_SEED = 1


def float_graph() -> Graph:
    """The network as it was trained, on pixels 0 to 255 as 0 to 1. Raises an AssayError."""
    arrays = Arrays(photographs.folder() / FILE)
    made = FloatGraph(NAME, IMAGE)
    weights, bias = _for_pixels(*_weights(arrays, "conv1", (96, 3, 7, 7)))
    tensor = made.node("conv1", Conv2D((2, 2), activation="relu"), "image", weights=weights, bias=bias)
    tensor = made.node("pool1", Pool2D("max", (3, 3), (2, 2)), tensor)
    for name, (narrow, wide) in FIRES.items():
        tensor = _fire(made, arrays, name, tensor, narrow, wide)
        if name in POOLED:
            tensor = made.node(name.replace("fire", "pool"), Pool2D("max", (3, 3), (2, 2)), tensor)
    tensor = _convolved(made, arrays, "conv10", tensor, CLASSES, 1, padding=1)
    _, height, width, _ = made.shape(tensor)
    made.node("pool10", Pool2D("average", (height, width), (1, 1)), tensor)
    return made.graph()


def _fire(made: FloatGraph, arrays: Arrays, name: str, source: str, narrow: int, wide: int) -> str:
    squeezed = _convolved(made, arrays, f"{name}.squeeze1x1", source, narrow, 1)
    halves = [
        _convolved(made, arrays, f"{name}.expand{size}x{size}", squeezed, wide, size, padding=size // 2)
        for size in (1, 3)
    ]
    return made.node(f"{name}.concat", Concat(), *halves)


def _convolved(
    made: FloatGraph, arrays: Arrays, name: str, source: str, channels: int, size: int, padding: int = 0
) -> str:
    shape = (channels, made.shape(source)[3], size, size)
    weights, bias = _weights(arrays, name, shape)
    sides = (padding, padding, padding, padding)
    return made.node(name, Conv2D((1, 1), sides, "relu"), source, weights=weights, bias=bias)


def _weights(arrays: Arrays, name: str, shape: tuple[int, int, int, int]) -> tuple[Floats, Floats]:
    """Weights (out, height, width, in) and bias; shape: (out, in, height, width), in which they are stored."""
    book = arrays.shaped(f"{name}.codebook", (256,))
    codes = arrays.shaped(f"{name}.code", (int(np.prod(shape)),)).astype(np.int64)
    weights: Floats = book[np.clip(codes, 0, len(book) - 1)].reshape(shape).transpose(0, 2, 3, 1)
    return weights, arrays.shaped(f"{name}.bias", shape[:1])


def _for_pixels(weights: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """First weights and bias for pixels 0 to 1 in the order red, green, blue."""
    less = weights.astype(np.float64).sum(axis=(1, 2)) @ MEAN_BLUE_GREEN_RED
    return weights[..., ::-1] * np.float32(LARGEST_PIXEL), (bias - less).astype(np.float32)


def _read(settings: Settings) -> Network:
    images = as_real(photographs.cuts(IMAGE, CALIBRATION_IMAGES, CALIBRATION_SEED), NAME)
    made = from_float(
        float_graph(),
        images,
        bits=settings.bits,
        kept=settings.kept,
        end_weights=settings.end_weights,
        input_range=UNIT_RANGE,
    )
    return replace(made, source=photographs.source(IMAGE, input_quantisation(made.graph), NAME))


SPEC = NetworkSpec(NAME, _read, lambda: photographs.missing(FILE), bits=(8, 4))
