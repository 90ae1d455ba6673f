"""The binary network for CIFAR-10 of arXiv 1702.06392, with seeded weights and batch norm.

conv 128, 128 and pool, 256, 256 and pool, 512, 512 and pool, each 3 x 3 in zeros; fully connected 1024, 1024, 10.
A layer is product, pool, batch norm, sign; the last has no sign. The input has 6 bits, -31 to 31.
Mean and variance of the batch norm are those of each channel's sums over seeded images, gamma has both signs, so
that every channel is alive. What is measured with it is speed, never accuracy.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from compiler.errors import IllegalGraph
from compiler.images import LARGEST_PIXEL, Floats, Integers, Values, as_integers
from compiler.network import Inputs, Network
from compiler.networks.building import FloatGraph
from compiler.networks.smooth_images import smooth_images
from compiler.networks.spec import DENSE, NetworkSpec, Settings
from compiler.passes import BINARY_PASSES, binarised, run_passes
from golden import ops
from golden.ir import Array, BatchNorm, Conv2D, FullyConnected, Graph, Pool2D, Quantisation, Sign

NAME = "bcnn_cifar10"
IMAGE = (1, 32, 32, 3)
CONVOLUTIONS = (128, 128, 256, 256, 512, 512)
POOLED = (2, 4, 6)
DENSE_LAYERS = (1024, 1024, 10)
MACS = 616_966_144
WEIGHTS = 14_022_016
EPSILON = 1e-4
LARGEST_INPUT = 31
INPUT = Quantisation((1 / 32,), 0, 6)
POOL = Pool2D("max", (2, 2), (2, 2))
WEIGHTS_SEED = 1702
SEEDING_IMAGES = 12
SEEDING_SEED = 1 << 32
"""Beyond the seeds of inputs, so that the weights never see what is run."""
FACTORS = (0.75, 1.25)
"""Magnitudes of gamma lie between these, beta between -OFFSETS and OFFSETS."""
OFFSETS = 0.5
ALIVE = (0.02, 0.98)
"""The share of ones in each channel, over the seeding images."""

Doubles = npt.NDArray[np.float64]


def fixed_point(pixels: Values) -> Floats:
    """Pixels 0 to 255 as -31 / 32 to 31 / 32 in steps of 1 / 32."""
    steps = (pixels.astype(np.int64) * (4 * LARGEST_INPUT) + LARGEST_PIXEL) // (2 * LARGEST_PIXEL)
    return ((steps - LARGEST_INPUT) * INPUT.scale[0]).astype(np.float32)


class _Seeded:
    """Grows layer by layer, and carries the seeding images through each."""

    def __init__(self) -> None:
        self.made = FloatGraph(NAME, IMAGE)
        self.shares: dict[str, Doubles] = {}
        self._tensor = "image"
        self._random = np.random.default_rng(WEIGHTS_SEED)
        self._maps: Array = as_integers(fixed_point(_pixels(SEEDING_IMAGES, SEEDING_SEED)), INPUT, NAME)
        self._unit = INPUT.scale[0]

    def layer(
        self,
        name: str,
        operator: Conv2D | FullyConnected,
        shape: tuple[int, ...],
        pool: str,
        last: bool = False,
    ) -> None:
        """Product of weights of `shape`, the pool of that name if any, batch norm and, but for the last, sign."""
        weights = self._random.choice(np.array([-1, 1], np.int8), shape)
        sums = _sums(operator, self._maps, weights)
        self._tensor = self.made.node(name, operator, self._tensor, weights=weights.astype(np.float32))
        if pool:
            sums = ops.max_pool(sums, POOL.kernel, POOL.stride, POOL.padding)
            self._tensor = self.made.node(pool, POOL, self._tensor)
        norm = self._normalisation(sums)
        self._tensor = self.made.node(f"{name}.norm", BatchNorm(EPSILON), self._tensor, **norm)
        if last:
            return
        self._tensor = self.made.node(f"{name}.sign", Sign(), self._tensor)
        real = (sums * self._unit).astype(np.float32)
        self._maps = ops.sign(ops.batch_norm(real, **norm, epsilon=EPSILON), 1.0).astype(np.int8)
        self._unit = 1.0
        self.shares[name] = _require_alive(name, self._maps)

    def _normalisation(self, sums: Array) -> dict[str, Floats]:
        """Seeded gamma and beta, and each channel's mean and variance, from exact sums."""
        rows = sums.reshape(-1, sums.shape[-1]).astype(np.int64)
        count, total, squares = len(rows), rows.sum(axis=0), (rows * rows).sum(axis=0)
        mean = total / count
        variance = (count * squares - total * total) / count**2
        channels = rows.shape[1]
        gamma = self._random.uniform(*FACTORS, channels) * self._random.choice([-1.0, 1.0], channels)
        beta = self._random.uniform(-OFFSETS, OFFSETS, channels)
        found = {
            "gamma": gamma,
            "beta": beta,
            "mean": mean * self._unit,
            "variance": variance * self._unit**2,
        }
        return {part: values.astype(np.float32) for part, values in found.items()}


def _sums(operator: Conv2D | FullyConnected, maps: Array, weights: Array) -> Array:
    if isinstance(operator, FullyConnected):
        return ops.accumulate_fully_connected(maps, weights, None, 0)
    window = operator.stride, operator.padding
    # One image at a time: windows of all of them at once would not fit the caches.
    parts = [ops.accumulate_convolution(image[np.newaxis], weights, None, 0, *window) for image in maps]
    return np.concatenate(parts)


def _require_alive(name: str, bits: Array) -> Doubles:
    """The share of ones in each channel. Raises IllegalGraph where one is (almost) constant."""
    shares: Doubles = (bits.reshape(-1, bits.shape[-1]) == 1).mean(axis=0)
    if shares.min() < ALIVE[0] or shares.max() > ALIVE[1]:
        found = f"{shares.min():.1%} to {shares.max():.1%}"
        raise IllegalGraph(f"channels are ones to {found}, which is dead", file=NAME, node=name)
    return shares


def _layers() -> Iterator[tuple[str, Conv2D | FullyConnected, tuple[int, ...], str]]:
    """Name, operator, shape of the weights, name of the pool of each layer."""
    channels, size = IMAGE[3], IMAGE[1]
    for number, filters in enumerate(CONVOLUTIONS, 1):
        pool = f"pool{number}" if number in POOLED else ""
        yield f"conv{number}", Conv2D(padding=(1, 1, 1, 1)), (filters, 3, 3, channels), pool
        channels, size = filters, size // 2 if pool else size
    features = size * size * channels
    for number, outputs in enumerate(DENSE_LAYERS, 1):
        yield f"fc{number}", FullyConnected(), (outputs, features), ""
        features = outputs


def seeded() -> tuple[Graph, dict[str, Doubles]]:
    """The float graph on `fixed_point` images, and the share of ones in each channel of each layer."""
    grown = _Seeded()
    for name, operator, shape, pool in _layers():
        grown.layer(name, operator, shape, pool, last=name == f"fc{len(DENSE_LAYERS)}")
    return grown.made.graph(), grown.shares


def _pixels(count: int, seed: int) -> npt.NDArray[np.uint8]:
    return smooth_images(IMAGE, max(count, 1), seed)[:count]


def _images(count: int, seed: int) -> Integers:
    return as_integers(fixed_point(_pixels(count, seed)), INPUT, NAME)


def _read(settings: Settings) -> Network:
    graph = run_passes(seeded()[0], BINARY_PASSES)
    return Network(
        NAME,
        binarised(graph, INPUT),
        lambda count, seed: Inputs(_images(count, seed)),
        float_graph=graph,
        preprocess=fixed_point,
    )


SPEC = NetworkSpec(NAME, _read, lambda: "", bits=(), sparsities=(DENSE,))
