"""The binary network in torch: weights and maps are -1 or +1, and gradients pass straight through their signs.

Source of the training: Courbariaux et al., "Binarized Neural Networks" (arXiv 1602.02830). Weights in training are real
numbers within [-1, 1], of which the sign is used.
"""

# mypy: disable-error-code="misc, untyped-decorator"
# torch is absent where types are checked, so its classes and decorators are untyped there.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from golden.networks.fashion import binary_topology
from golden.networks.fashion.topology import IMAGE_SHAPE, Convolution, FullyConnected, weight_shape

INPUT_LIMIT = 128
"""Pixels are numbers of 8 bits, -128 to 127; the network reads them divided by this."""
INITIAL_WEIGHT = 0.1
"""Weights begin evenly spread over [-INITIAL_WEIGHT, INITIAL_WEIGHT]."""
FACTOR_LIMIT = 32767
"""The largest factor of a score: int16."""
FIXED_POINT_EPSILON = 2.0**-17
"""With a variance of 1 less this, both exact in float32, batch norm divides by 1."""


class _Sign(torch.autograd.Function):
    """One pass over the values each way; spelt out with `clamp` and `detach` it takes eight."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        context.save_for_backward(values)
        return torch.where(values >= 0, 1.0, -1.0).to(values.dtype)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        (values,) = context.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradient, values, -1.0, 1.0)


def sign(values: Tensor) -> Tensor:
    """+1 where values >= 0, else -1; the gradient passes where -1 < values < 1."""
    return _Sign.apply(values)


def quantised_pixels(image: Tensor) -> Tensor:
    """What the first layer reads, from an image scaled to [0, 1]: eight bits over [-1, 1)."""
    steps = torch.floor((image * 2 - 1) * INPUT_LIMIT)
    return steps.clamp(-INPUT_LIMIT, INPUT_LIMIT - 1) / INPUT_LIMIT


class BinaryNetwork(nn.Module):
    """Interprets the layer list of `binary_topology`."""

    def __init__(self) -> None:
        super().__init__()
        layers = binary_topology.weighted()
        self.weights = nn.ParameterDict({layer.name: _initial(layer) for layer in layers})
        self.norms = nn.ModuleDict({layer.name: _norm(layer) for layer in layers})

    def forward(self, image: Tensor) -> Tensor:
        """Scores [n, 10] of images [n, 1, 28, 28] scaled to [0, 1]."""
        current = quantised_pixels(image.reshape(-1, *IMAGE_SHAPE))
        *hidden, last = binary_topology.weighted()
        for layer in hidden:
            current = sign(self._normed(layer, current))
        return self._normed(last, current)

    def _normed(self, layer: Convolution | FullyConnected, source: Tensor) -> Tensor:
        """Batch norm of the pooled product of one layer."""
        weight = sign(self.weights[layer.name])
        if isinstance(layer, FullyConnected):
            sums = functional.linear(source.flatten(1), weight)
        else:
            sums = functional.conv2d(source, weight, stride=layer.stride, padding=layer.kernel // 2)
        if pool := binary_topology.pool_of(layer):
            sums = functional.max_pool2d(sums, pool.window)
        return self.norms[layer.name](sums)

    @torch.no_grad()
    def clip(self) -> None:
        """Weights back into [-1, 1]. One that has got to an end stays there: the gradient of its sign is 0."""
        for weight in self.weights.values():
            weight.clamp_(-1, 1)


@torch.no_grad()
def with_fixed_point_scores(network: BinaryNetwork) -> None:
    """Replace the last batch norm by one in fixed point: factors k / 2^m with k of 16 bits, offsets n / 2^m.

    All scores shrink by one factor, at most 2, so that the largest k is FACTOR_LIMIT. Integers then give the same
    scores, not only nearly the same."""
    norm = network.norms[binary_topology.weighted()[-1].name]
    factors = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    offsets = norm.bias.double() - norm.running_mean.double() * factors
    steps = FACTOR_LIMIT / factors.abs().max()
    scale = 2.0 ** -torch.ceil(torch.log2(steps))
    norm.eps = FIXED_POINT_EPSILON
    norm.running_var.fill_(1 - FIXED_POINT_EPSILON)
    norm.running_mean.fill_(0)
    norm.weight.copy_(torch.round(factors * steps) * scale)
    norm.bias.copy_(torch.round(offsets * steps) * scale)


def _initial(layer: Convolution | FullyConnected) -> nn.Parameter:
    return nn.Parameter(torch.empty(weight_shape(layer)).uniform_(-INITIAL_WEIGHT, INITIAL_WEIGHT))


def _norm(layer: Convolution | FullyConnected) -> nn.Module:
    kind = nn.BatchNorm1d if isinstance(layer, FullyConnected) else nn.BatchNorm2d
    return kind(layer.channels_out)
