"""The network with fake quantisation: what integer arithmetic of given widths will compute, differentiable.

It mirrors the compiler's quantiser. Weights are symmetric per output channel, with the scale
largest magnitude / (2^(bits-1) - 1). Activations have one scale and one integer zero point a tensor, so that
real 0 is exact: the output of every convolution (batch norm folded, ReLU fused) and of every addition is
quantised, pooling keeps the range of its source. Biases stay float: their int32 steps are far below an
activation's.
"""

# mypy: disable-error-code="misc, untyped-decorator"
# torch is absent where types are checked, so its classes and decorators are untyped there.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from golden.networks.fashion import topology
from golden.networks.fashion.float_network import apply_without_weights
from golden.networks.fashion.topology import Convolution, FullyConnected, Layer

Range = tuple[float, float]


@dataclass(frozen=True)
class Widths:
    """Bits of activations and weights, and the names of the tensors and layers that keep 8."""

    bits: int
    wide_activations: frozenset[str] = frozenset()
    wide_weights: frozenset[str] = frozenset()

    def activation(self, tensor: str) -> int:
        return 8 if tensor in self.wide_activations else self.bits

    def weight(self, layer: str) -> int:
        return 8 if layer in self.wide_weights else self.bits


INT8 = Widths(8)
INT4 = Widths(
    4,
    wide_activations=frozenset({topology.IMAGE, "block3_add", "average", "logits"}),
    wide_weights=frozenset({"stem", "logits"}),
)
"""Classifier and first layer in 8 bits; average pooling keeps its source's range, so that has 8 bits too."""


def rounded(values: Tensor) -> Tensor:
    """Round to nearest; the gradient passes straight through."""
    return values + (values.round() - values).detach()


class ActivationQuantiser(nn.Module):
    """Range of one tensor. After ReLU (minimum 0) the maximum is learnt; a range around 0 stays as it starts.

    Learnt minima of the sums that meet a ReLU later clamp up to half of all values. That costs no accuracy,
    but a clamped value shows nothing of the arithmetic that made it."""

    def __init__(self, bits: int, initial: Range) -> None:
        super().__init__()
        self.lowest, self.highest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        self.minimum = nn.Parameter(torch.tensor(initial[0]), requires_grad=False)
        self.maximum = nn.Parameter(torch.tensor(initial[1]), requires_grad=initial[0] == 0)

    def scale_and_zero_point(self) -> tuple[Tensor, Tensor]:
        scale = (self.maximum - self.minimum) / (self.highest - self.lowest)
        zero_point = torch.clamp(self.lowest - self.minimum / scale, self.lowest, self.highest)
        return scale, rounded(zero_point)

    def forward(self, values: Tensor) -> Tensor:
        scale, zero_point = self.scale_and_zero_point()
        steps = torch.clamp(rounded(values / scale) + zero_point, self.lowest, self.highest)
        return (steps - zero_point) * scale

    @torch.no_grad()
    def range(self) -> Range:
        """The real values of the lowest and the highest integer."""
        scale, zero_point = self.scale_and_zero_point()
        return float((self.lowest - zero_point) * scale), float((self.highest - zero_point) * scale)


def quantised_weight(weight: Tensor, bits: int) -> Tensor:
    """Weights rounded to their channel's steps; the scale follows the channel's largest magnitude."""
    limit = (1 << (bits - 1)) - 1
    largest = weight.detach().flatten(1).abs().amax(1).clamp(min=1e-8)
    scale = (largest / limit).reshape(-1, *[1] * (weight.dim() - 1))
    return rounded(weight / scale) * scale


class QuantisedNetwork(nn.Module):
    """The layer list interpreted with fake quantisation, from folded parameters and initial ranges.

    masks: by layer, 1 where a weight stays and 0 where it is pruned; layers without one are dense."""

    def __init__(
        self,
        parameters: Mapping[str, tuple[Tensor, Tensor]],
        ranges: Mapping[str, Range],
        widths: Widths,
        masks: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.widths = widths
        self.masks = nn.ParameterDict({name: nn.Parameter(m, False) for name, m in (masks or {}).items()})
        self.weights = nn.ParameterDict({name: weight.clone() for name, (weight, _) in parameters.items()})
        self.biases = nn.ParameterDict({name: bias.clone() for name, (_, bias) in parameters.items()})
        self.quantisers = nn.ModuleDict(
            {
                name: ActivationQuantiser(widths.activation(name), ranges[name])
                for name in topology.shapes()
                if name not in topology.range_sources()
            }
        )
        self.quantisers[topology.IMAGE].requires_grad_(False)  # pixels / 255 are exact in 8 bits

    def forward(self, image: Tensor) -> Tensor:
        """Logits [n, 10] of images [n, 1, 28, 28] scaled to [0, 1]."""
        return self.tensors(image)[topology.classifier().name]

    def tensors(self, image: Tensor) -> dict[str, Tensor]:
        """Every layer's quantised output by layer name, and the image itself."""
        found = {topology.IMAGE: self.quantiser(topology.IMAGE)(image)}
        for layer in topology.LAYERS:
            found[layer.name] = self.quantiser(layer.name)(self._apply_layer(layer, found))
        return found

    def quantiser(self, tensor: str) -> ActivationQuantiser:
        """The quantiser of a tensor, or of its source where the range is shared."""
        found = self.quantisers[topology.range_sources().get(tensor, tensor)]
        assert isinstance(found, ActivationQuantiser)
        return found

    def weight(self, layer: str) -> Tensor:
        """Fake-quantised weights of a layer, exactly 0 where its mask is."""
        weight = self.weights[layer]
        if layer in self.masks:
            weight = weight * self.masks[layer]
        return quantised_weight(weight, self.widths.weight(layer))

    def ranges(self) -> dict[str, Range]:
        """Range of every tensor after its zero point was rounded."""
        return {name: self.quantiser(name).range() for name in topology.shapes()}

    def _apply_layer(self, layer: Layer, found: dict[str, Tensor]) -> Tensor:
        match layer:
            case Convolution():
                sums = functional.conv2d(
                    found[layer.source],
                    self.weight(layer.name),
                    self.biases[layer.name],
                    layer.stride,
                    layer.kernel // 2,
                )
                return functional.relu(sums) if layer.relu else sums
            case FullyConnected():
                flat = found[layer.source].flatten(1)
                return functional.linear(flat, self.weight(layer.name), self.biases[layer.name])
            case _:
                return apply_without_weights(layer, found)


@torch.no_grad()
def least_error_weight(weight: Tensor, bits: int) -> Tensor:
    """Weights clamped, channel by channel, where rounding and clamping together err least (squared)."""
    flat = weight.flatten(1)
    largest = flat.abs().amax(1, keepdim=True)
    candidates = [torch.clamp(flat, -share * largest, share * largest) for share in SHARES]
    errors = torch.stack([((quantised_weight(c, bits) - flat) ** 2).sum(1) for c in candidates])
    best = errors.argmin(0)
    return torch.stack(candidates)[best, torch.arange(len(flat))].reshape(weight.shape)


@torch.no_grad()
def least_error_range(values: Tensor, bits: int, extremes: Range) -> Range:
    """The share of a tensor's extremes where rounding and clamping together err least (squared)."""

    def error(share: float) -> float:
        quantiser = ActivationQuantiser(bits, (share * extremes[0], share * extremes[1]))
        return float(((quantiser(values) - values) ** 2).sum())

    best = min(SHARES, key=error)
    return best * extremes[0], best * extremes[1]


SHARES = tuple(step / 20 for step in range(5, 21))
"""Shares of the extremes that the two searches above try."""
