"""Golden's integer convolutions on ResNet-50's layers: exact BLAS against NumPy's integer matrix product.

Run with `python -m regress.bench.golden_conv`; `measure` gives the figures to other programs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from golden import ops
from golden.ir import Array

TOTAL_MACS = 4_089_184_256
STAGES = ((3, 64, 56), (4, 128, 28), (6, 256, 14), (3, 512, 7))
EXPANSION = 4
CLASSES = 1000


@dataclass(frozen=True)
class Layer:
    """A convolution on a square map, with square kernel and equal strides."""

    size: int
    inputs: int
    outputs: int
    kernel: int
    stride: int = 1

    @property
    def padding(self) -> int:
        return self.kernel // 2

    @property
    def output_size(self) -> int:
        return (self.size + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def macs(self) -> int:
        return self.output_size**2 * self.outputs * self.kernel**2 * self.inputs


@dataclass(frozen=True)
class Figures:
    """seconds and GMAC/s of all layers; how often faster BLAS is than integers on the layer compared."""

    seconds: float
    gmacs_per_second: float
    speed_ratio_to_integers: float


def resnet50_layers() -> Iterator[Layer]:
    """The convolutions of ResNet-50 v1.5 (stride in the 3x3) and its fully connected layer as a 1x1."""
    yield Layer(224, 3, 64, 7, 2)
    channels, size = 64, 56
    for blocks, width, made in STAGES:
        for block in range(blocks):
            stride = size // made
            yield Layer(size, channels, width, 1)
            yield Layer(size, width, width, 3, stride)
            yield Layer(made, width, width * EXPANSION, 1)
            if block == 0:
                yield Layer(size, channels, width * EXPANSION, 1, stride)
            channels, size = width * EXPANSION, made
    yield Layer(1, channels, CLASSES, 1)


def random_layer(layer: Layer, seed: int) -> tuple[Array, Array]:
    """Random int8 map and weights."""
    random = np.random.default_rng(seed)
    x = random.integers(-128, 128, (1, layer.size, layer.size, layer.inputs), dtype=np.int8)
    shape = (layer.outputs, layer.kernel, layer.kernel, layer.inputs)
    return x, random.integers(-127, 128, shape, dtype=np.int8)


def seconds_of(layer: Layer, x: Array, weights: Array) -> tuple[float, Array]:
    """Time and accumulators of one golden convolution."""
    padding = (layer.padding, layer.padding, layer.padding, layer.padding)
    begin = time.perf_counter()
    accumulators = ops.accumulate_convolution(x, weights, None, -3, (layer.stride, layer.stride), padding)
    return time.perf_counter() - begin, accumulators


def integer_ratio(layer: Layer) -> float:
    """Time of NumPy's int32 matrix product of a 1x1 layer over golden's; the results are compared."""
    x, weights = random_layer(layer, 1)
    blas, accumulators = min((seconds_of(layer, x, weights) for _ in range(3)), key=lambda pair: pair[0])
    begin = time.perf_counter()
    rows = x.reshape(-1, layer.inputs).astype(np.int32) + 3
    product = rows @ weights.reshape(layer.outputs, -1).T.astype(np.int32)
    integers = time.perf_counter() - begin
    if not np.array_equal(product, accumulators.reshape(product.shape)):
        raise RuntimeError("BLAS and integer product differ")
    return integers / blas


def measure() -> Figures:
    """Runs every layer once. Raises RuntimeError where the layers are not ResNet-50's or results differ."""
    layers = list(resnet50_layers())
    macs = sum(layer.macs for layer in layers)
    if macs != TOTAL_MACS:
        raise RuntimeError(f"layers have {macs} MAC, ResNet-50 has {TOTAL_MACS}")
    seconds = sum(seconds_of(layer, *random_layer(layer, seed))[0] for seed, layer in enumerate(layers))
    return Figures(seconds, macs / seconds / 1e9, integer_ratio(Layer(14, 1024, 256, 1)))


if __name__ == "__main__":
    for name, value in asdict(measure()).items():
        print(f"{name:>24} {value:.3f}")
