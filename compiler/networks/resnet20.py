"""ResNet-20 for CIFAR-10, trained in float elsewhere; quantised here, on squares cut from photographs.

Where a stage halves the map, the shortcut has no weights ("option A"): every second position of the map, with
half as many channels of zeros on either side as the map has more.
Source: He et al. 2016, section 4.2; weights and padding of Y. Idelbayev's pytorch_resnet_cifar10.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from compiler.images import LARGEST_PIXEL, Floats, Values
from compiler.network import Network, from_float, input_quantisation
from compiler.networks import photographs
from compiler.networks.building import Arrays, FloatGraph
from compiler.networks.spec import NetworkSpec, Settings
from golden.ir import Add, BatchNorm, Conv2D, Graph, Pad, Pool2D, Relu, Slice

NAME = "resnet20"
FILE = Path("resnet_cifar10_float", "resnet20.npz")
IMAGE = (1, 32, 32, 3)
STAGES = (16, 32, 64)
BLOCKS = 3
CLASSES = 10
BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
CALIBRATION_IMAGES = 64
CALIBRATION_SEED = 1


def normalised(pixels: Values) -> Floats:
    """What the network was trained on: pixels 0 to 255 (n, height, width, 3), less their mean over ImageNet,
    by their standard deviation."""
    return (pixels.astype(np.float32) / np.float32(LARGEST_PIXEL) - MEAN) / DEVIATION


def float_graph() -> Graph:
    """The network as it was trained, on `normalised` images. Raises an AssayError."""
    arrays = Arrays(photographs.folder() / FILE)
    made = FloatGraph(NAME, IMAGE)
    tensor = _convolved(made, arrays, "image", "conv1", "bn1", channels=STAGES[0])
    tensor = made.node("relu1", Relu(), tensor)
    for stage, channels in enumerate(STAGES, start=1):
        for block in range(BLOCKS):
            halved = stage > 1 and block == 0
            tensor = _block(made, arrays, tensor, f"layer{stage}.{block}", channels, halved)
    _, height, width, channels = made.shape(tensor)
    tensor = made.node("pool", Pool2D("average", (height, width), (1, 1)), tensor)
    weights, bias = (
        arrays.shaped("linear.weight", (CLASSES, channels)),
        arrays.shaped("linear.bias", (CLASSES,)),
    )
    made.classifier("linear", tensor, weights, bias)
    return made.graph()


def _convolved(
    made: FloatGraph, arrays: Arrays, source: str, name: str, norm: str, channels: int, stride: int = 1
) -> str:
    """A 3 x 3 convolution and its batch norm."""
    shape = (channels, made.shape(source)[3], 3, 3)
    weights = arrays.shaped(f"{name}.weight", shape).transpose(0, 2, 3, 1)
    tensor = made.node(name, Conv2D((stride, stride), (1, 1, 1, 1)), source, weights=weights)
    parameters = {part: arrays.shaped(f"{norm}.{part}", (channels,)) for part in BATCH_NORM}
    return made.node(norm, BatchNorm(), tensor, **parameters)


def _block(made: FloatGraph, arrays: Arrays, source: str, name: str, channels: int, halved: bool) -> str:
    """Two convolutions, the sum with the shortcut, ReLU."""
    stride = 2 if halved else 1
    tensor = _convolved(made, arrays, source, f"{name}.conv1", f"{name}.bn1", channels, stride)
    tensor = made.node(f"{name}.relu1", Relu(), tensor)
    tensor = _convolved(made, arrays, tensor, f"{name}.conv2", f"{name}.bn2", channels)
    shortcut = _shortcut(made, source, name, channels) if halved else source
    tensor = made.node(f"{name}.add", Add(), tensor, shortcut)
    return made.node(f"{name}.relu2", Relu(), tensor)


def _shortcut(made: FloatGraph, source: str, name: str, channels: int) -> str:
    _, height, width, present = made.shape(source)
    tensor = made.node(f"{name}.slice", Slice((0, 0), (height, width), (2, 2)), source)
    side = (channels - present) // 2
    return made.node(f"{name}.pad", Pad(side, side), tensor)


def _read(settings: Settings) -> Network:
    images = normalised(photographs.cuts(IMAGE, CALIBRATION_IMAGES, CALIBRATION_SEED))
    ends = normalised(np.array([0, LARGEST_PIXEL]).reshape(2, 1))
    made = from_float(
        float_graph(),
        images,
        bits=settings.bits,
        kept=settings.kept,
        end_weights=settings.end_weights,
        input_range=(float(ends.min()), float(ends.max())),
    )
    source = photographs.source(IMAGE, input_quantisation(made.graph), NAME, normalised)
    return replace(made, source=source, preprocess=normalised)


SPEC = NetworkSpec(NAME, _read, lambda: photographs.missing(FILE), bits=(8, 4))
