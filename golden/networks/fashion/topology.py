"""The layers of the Fashion-MNIST network as plain data: training, export and the MAC count read this list.

A small ResNet v1 for 28x28 grey images: convolution, batch norm and ReLU, max pooling, three residual
blocks (identity, 1x1 projection at stride 1, 1x1 projection at stride 2), global average pooling, classifier.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

IMAGE = "image"
IMAGE_SHAPE = (1, 28, 28)
"""(channels, height, width) of the input tensor."""


@dataclass(frozen=True)
class Convolution:
    """Square convolution with batch norm, padding ``kernel // 2`` on all sides, optional ReLU."""

    name: str
    source: str
    channels_in: int
    channels_out: int
    kernel: int
    stride: int = 1
    relu: bool = True


@dataclass(frozen=True)
class MaxPooling:
    """Square max pooling whose stride is its window."""

    name: str
    source: str
    window: int


@dataclass(frozen=True)
class ResidualAdd:
    """ReLU(left + right)."""

    name: str
    left: str
    right: str


@dataclass(frozen=True)
class GlobalAveragePooling:
    """Mean over height and width."""

    name: str
    source: str


@dataclass(frozen=True)
class FullyConnected:
    """Product with the flattened source."""

    name: str
    source: str
    channels_in: int
    channels_out: int


Layer = Convolution | MaxPooling | ResidualAdd | GlobalAveragePooling | FullyConnected

LAYERS: tuple[Layer, ...] = (
    Convolution("stem", IMAGE, 1, 16, kernel=3),
    MaxPooling("pool", "stem", window=2),
    Convolution("block1_conv1", "pool", 16, 16, kernel=3),
    Convolution("block1_conv2", "block1_conv1", 16, 16, kernel=3, relu=False),
    ResidualAdd("block1_add", "block1_conv2", "pool"),
    Convolution("block2_conv1", "block1_add", 16, 32, kernel=3),
    Convolution("block2_conv2", "block2_conv1", 32, 32, kernel=3, relu=False),
    Convolution("block2_project", "block1_add", 16, 32, kernel=1, relu=False),
    ResidualAdd("block2_add", "block2_conv2", "block2_project"),
    Convolution("block3_conv1", "block2_add", 32, 48, kernel=3, stride=2),
    Convolution("block3_conv2", "block3_conv1", 48, 48, kernel=3, relu=False),
    Convolution("block3_project", "block2_add", 32, 48, kernel=1, stride=2, relu=False),
    ResidualAdd("block3_add", "block3_conv2", "block3_project"),
    GlobalAveragePooling("average", "block3_add"),
    FullyConnected("logits", "average", 48, 10),
)


def convolutions() -> tuple[Convolution, ...]:
    """The convolutions in execution order."""
    return tuple(layer for layer in LAYERS if isinstance(layer, Convolution))


def classifier() -> FullyConnected:
    """The one fully connected layer, the last of the network."""
    (layer,) = (layer for layer in LAYERS if isinstance(layer, FullyConnected))
    return layer


def range_sources() -> dict[str, str]:
    """The tensor whose range each pooling layer's output shares: pooling never rescales."""
    pooling = (MaxPooling, GlobalAveragePooling)
    return {layer.name: layer.source for layer in LAYERS if isinstance(layer, pooling)}


def shapes(layers: Sequence[Layer] = LAYERS) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor, (channels, height, width), or (channels,) after a fully connected layer."""
    found: dict[str, tuple[int, ...]] = {IMAGE: IMAGE_SHAPE}
    for layer in layers:
        found[layer.name] = _output_shape(layer, found)
    return found


def _output_shape(layer: Layer, found: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    match layer:
        case Convolution():
            _, height, width = found[layer.source]
            return (layer.channels_out, -(-height // layer.stride), -(-width // layer.stride))
        case MaxPooling():
            channels, height, width = found[layer.source]
            return (channels, height // layer.window, width // layer.window)
        case ResidualAdd():
            return found[layer.left]
        case GlobalAveragePooling():
            return (found[layer.source][0], 1, 1)
        case FullyConnected():
            return (layer.channels_out,)


def macs(layers: Sequence[Layer] = LAYERS) -> dict[str, int]:
    """Multiply-accumulates of every convolution and fully connected layer, padding products included."""
    found = shapes(layers)
    return {
        layer.name: math.prod(found[layer.name]) * math.prod(weight_shape(layer)[1:])
        for layer in layers
        if isinstance(layer, Convolution | FullyConnected)
    }


def weight_shape(layer: Convolution | FullyConnected) -> tuple[int, ...]:
    """(out, in, kernel, kernel), or (out, in) of a fully connected layer."""
    kernel = (layer.kernel, layer.kernel) if isinstance(layer, Convolution) else ()
    return (layer.channels_out, layer.channels_in, *kernel)
