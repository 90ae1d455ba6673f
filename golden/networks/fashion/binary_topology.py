"""The layers of the binary network as plain data, in the form of `topology`.

A layer with weights is a product of them with its source, then the pool that follows it, batch norm, and the sign of
that. The last has no sign: its batch norm makes the scores.
"""

from __future__ import annotations

from golden.networks.fashion.topology import IMAGE, Convolution, FullyConnected, Layer, MaxPooling

LAYERS: tuple[Layer, ...] = (
    Convolution("conv1", IMAGE, 1, 32, kernel=3, relu=False),
    Convolution("conv2", "conv1", 32, 32, kernel=3, relu=False),
    MaxPooling("pool2", "conv2", window=2),
    Convolution("conv3", "pool2", 32, 64, kernel=3, relu=False),
    Convolution("conv4", "conv3", 64, 64, kernel=3, relu=False),
    MaxPooling("pool4", "conv4", window=2),
    FullyConnected("fc1", "pool4", 3136, 128),
    FullyConnected("fc2", "fc1", 128, 10),
)


def weighted() -> tuple[Convolution | FullyConnected, ...]:
    """The layers that have weights, in execution order."""
    return tuple(layer for layer in LAYERS if isinstance(layer, Convolution | FullyConnected))


def pool_of(layer: Layer) -> MaxPooling | None:
    """The pool right behind a layer, if there is one."""
    pools = (pool for pool in LAYERS if isinstance(pool, MaxPooling) and pool.source == layer.name)
    return next(pools, None)
