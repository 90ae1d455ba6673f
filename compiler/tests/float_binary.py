"""Float graphs of binary networks, made for tests: weights of -1 and +1, batch norm of both signs, Sign."""

from __future__ import annotations

import numpy as np

from compiler.networks.building import FloatGraph
from golden.ir import Array, BatchNorm, Conv2D, FullyConnected, Graph, Pool2D, Quantisation, Sign

IMAGE = (1, 12, 10, 3)
POOL = Pool2D("max", (2, 2), (2, 2))
PARTS = ("gamma", "beta", "mean", "variance")


class FloatBinary(FloatGraph):
    """Layers of a seed; `sign` is what Sign makes of 0."""

    def __init__(self, seed: int = 0, sign: float = 1.0) -> None:
        super().__init__("bits", IMAGE)
        self._random = np.random.default_rng(seed)
        self._sign = Sign(sign)

    def product(self, name: str, source: str, filters: int, padding: int = 1) -> str:
        """Without sign."""
        shape = (filters, 3, 3, self.shape(source)[3])
        weights = self._random.choice([-1.0, 1.0], shape).astype(np.float32)
        return self.node(name, Conv2D(padding=(padding,) * 4), source, weights=weights)

    def signed(self, name: str, source: str, spread: float) -> str:
        """Batch norm and sign. spread: about how far the sums are from 0."""
        made = self.node(f"{name}.norm", BatchNorm(2.0**-10), source, **self._norm(source, spread))
        return self.node(f"{name}.sign", self._sign, made)

    def convolution(self, name: str, source: str, filters: int, pool: str = "", padding: int = 1) -> str:
        """pool: 'before' the batch norm, 'between' it and the sign, 'after' the sign."""
        spread = 3 * np.sqrt(self.shape(source)[3]) * (40 if source == "image" else 1)
        number = name.removeprefix("conv")
        made = self.product(name, source, filters, padding)
        if pool == "before":
            made = self.node(f"pool{number}", POOL, made)
        made = self.node(f"{name}.norm", BatchNorm(2.0**-10), made, **self._norm(made, spread))
        if pool == "between":
            made = self.node(f"pool{number}", POOL, made)
        made = self.node(f"{name}.sign", self._sign, made)
        return self.node(f"pool{number}", POOL, made) if pool == "after" else made

    def dense(self, name: str, source: str, outputs: int) -> str:
        """A product of all there is, without batch norm."""
        features = int(np.prod(self.shape(source)[1:]))
        weights = self._random.choice([-1.0, 1.0], (outputs, features)).astype(np.float32)
        return self.node(name, FullyConnected(), source, weights=weights)

    def normed(self, name: str, source: str, spread: float) -> str:
        return self.node(name, BatchNorm(2.0**-10), source, **self._norm(source, spread))

    def _norm(self, source: str, spread: float) -> dict[str, Array]:
        channels = self.shape(source)[-1]
        values = (
            self._random.choice([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0], channels),
            np.round(self._random.normal(0, 1, channels) * 4) / 4,
            np.round(self._random.normal(0, spread / 4, channels)),
            4.0 ** np.round(np.log2(np.full(channels, spread))) - 2.0**-10,
        )
        return {part: array.astype(np.float32) for part, array in zip(PARTS, values, strict=True)}


def bit_network(seed: int, sign: float = 1.0) -> Graph:
    """Three convolutions with a pool in each place, two fully connected layers, the last with batch norm alone."""
    made = FloatBinary(seed, sign)
    tensor = made.convolution("conv1", "image", 12, "before")
    tensor = made.convolution("conv2", tensor, 16, "between")
    tensor = made.convolution("conv3", tensor, 16, "after")
    tensor = made.signed("fc1", made.dense("fc1", tensor, 32), 6.0)
    made.normed("fc2.norm", made.dense("fc2", tensor, 10), 6.0)
    return made.graph()


def image_quantisation(bits: int) -> Quantisation:
    """Real values from -1 up to 1."""
    return Quantisation((2.0 ** (1 - bits),), 0, bits)


def images(graph: Graph, bits: int, count: int, seed: int) -> Array:
    """Random integers over all their range."""
    reach = 1 << (bits - 1)
    shape = (count, *graph.tensor(graph.inputs[0]).shape[1:])
    return np.random.default_rng((2, seed)).integers(-reach, reach, shape, dtype=np.int8)
