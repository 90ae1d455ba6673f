"""CNV W1A1 for CIFAR-10: a binary network trained elsewhere, weights and integer thresholds as they are.

Six 3 x 3 convolutions without padding, a max pool behind every second of the first four, three fully connected
layers. Input: 8 bits, pixels 0 to 255 as -1 to 1. Source: Umuroglu et al. 2017 (FINN); parameters of BNN-PYNQ.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from compiler.errors import MalformedFile
from compiler.images import Floats, Integers, Values, as_integers
from compiler.network import Inputs, Network
from compiler.networks import labels, photographs
from compiler.networks.building import Arrays, FloatGraph
from compiler.networks.spec import DENSE, NetworkSpec, Settings
from compiler.passes import BINARY_PASSES, binarised, run_passes
from golden.ir import Array, Conv2D, FullyConnected, Graph, Pool2D, Quantisation, Sign

NAME = "cnv"
FOLDER = Path("bnn_cnv_w1a1_cifar10")
FILE, DEER = FOLDER / "cnv_w1a1_decoded.npz", FOLDER / "deer.bin"
IMAGE = (1, 32, 32, 3)
CONVOLUTIONS = (64, 64, 128, 128, 256, 256)
POOLED = (2, 4)
DENSE_LAYERS = (512, 512)
ROWS = 64
"""Of the last layer's weights, of which the first are the classes'."""
CLASSES = len(labels.CIFAR10)
LEVELS = 128
INPUT = Quantisation((1 / LEVELS,), 0, 8)
Pixels = npt.NDArray[np.uint8]


def scaled(pixels: Values) -> Floats:
    """What the network was trained on: clip(floor((p / 255 * 2 - 1) * 128), -128, 127) / 128 of pixels p, 0 to 255."""
    levels = pixels.astype(np.int64) * (2 * LEVELS) // 255 - LEVELS
    return (np.minimum(levels, LEVELS - 1) / LEVELS).astype(np.float32)


def deer() -> Pixels:
    """The photograph that comes with the parameters, (1, 32, 32, 3): behind one byte, colour by colour."""
    file = photographs.folder() / DEER
    try:
        content = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as error:
        raise MalformedFile(f"cannot be read: {error.strerror}", file=str(file)) from None
    _, height, width, colours = IMAGE
    if content.size != 1 + height * width * colours:
        raise MalformedFile(f"has {content.size} bytes, must be a label and an image", file=str(file))
    return content[1:].reshape(1, colours, height, width).transpose(0, 2, 3, 1)


def float_graph() -> Graph:
    """The network on `scaled` images; a threshold t is a bias of -t before the sign. Raises an AssayError."""
    arrays = Arrays(photographs.folder() / FILE)
    made, tensor = FloatGraph(NAME, IMAGE), "image"
    for index, filters in enumerate(CONVOLUTIONS):
        shape = (filters, made.shape(tensor)[3], 3, 3)
        weights = arrays.shaped(f"l{index}.w", shape).transpose(0, 2, 3, 1)
        tensor = _signed(made, f"conv{index + 1}", Conv2D(), tensor, weights, _bias(arrays, index, weights))
        if index + 1 in POOLED:
            tensor = made.node(f"pool{index + 1}", Pool2D("max", (2, 2), (2, 2)), tensor)
    for index, outputs in enumerate(DENSE_LAYERS, len(CONVOLUTIONS)):
        weights = arrays.shaped(f"l{index}.w", (outputs, made.shape(tensor)[-1]))
        name = f"fc{index + 1 - len(CONVOLUTIONS)}"
        tensor = _signed(made, name, FullyConnected(), tensor, weights, _bias(arrays, index, weights))
    last = arrays.shaped(f"l{len(CONVOLUTIONS) + len(DENSE_LAYERS)}.w", (ROWS, DENSE_LAYERS[-1]))
    made.node(f"fc{len(DENSE_LAYERS) + 1}", FullyConnected(), tensor, weights=last[:CLASSES])
    return made.graph()


def _signed(
    made: FloatGraph, name: str, operator: Conv2D | FullyConnected, source: str, weights: Floats, bias: Floats
) -> str:
    tensor = made.node(name, operator, source, weights=weights, bias=bias)
    return made.node(f"{name}.sign", Sign(), tensor)


def _bias(arrays: Arrays, index: int, weights: Array) -> Floats:
    """Of a layer whose bit is 1 where 2 * sum > threshold in the first one, and where the number of matches,
    (sum + fan-in) / 2, is greater than the threshold in the others."""
    limits = arrays.shaped(f"l{index}.thr", (len(weights),)).astype(np.int64)
    if index == 0:
        limits, unit = limits // 2 + 1, 1 / LEVELS
    else:
        limits, unit = 2 * (limits + 1) - weights[0].size, 1.0
    bias: Floats = (-limits * unit).astype(np.float32)
    return bias


def _images(count: int, seed: int) -> Integers:
    """The deer, then the other photographs, then squares cut from them."""
    pixels = deer() if count < 2 else np.concatenate([deer(), photographs.cuts(IMAGE, count - 1, seed)])
    return as_integers(scaled(pixels[:count]), INPUT, NAME)


def _read(settings: Settings) -> Network:
    graph = run_passes(float_graph(), BINARY_PASSES)
    return Network(
        NAME,
        binarised(graph, INPUT),
        lambda count, seed: Inputs(_images(count, seed)),
        float_graph=graph,
        preprocess=scaled,
        classes=labels.CIFAR10,
    )


SPEC = NetworkSpec(NAME, _read, lambda: photographs.missing(FILE, DEER), bits=(), sparsities=(DENSE,))
