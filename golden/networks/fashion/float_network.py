"""The float network in torch: built from the topology, trained with batch norm."""

# mypy: disable-error-code="misc, untyped-decorator"
# torch is absent where types are checked, so its classes and decorators are untyped there.

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from golden.networks.fashion import topology
from golden.networks.fashion.topology import (
    Convolution,
    FullyConnected,
    GlobalAveragePooling,
    Layer,
    MaxPooling,
    ResidualAdd,
)


class FloatNetwork(nn.Module):
    """Interprets the layer list; batch norm follows every convolution."""

    def __init__(self) -> None:
        super().__init__()
        layers = topology.convolutions()
        self.convolutions = nn.ModuleDict({layer.name: _convolution(layer) for layer in layers})
        self.norms = nn.ModuleDict({layer.name: nn.BatchNorm2d(layer.channels_out) for layer in layers})
        last = topology.classifier()
        self.classifier = nn.Linear(last.channels_in, last.channels_out)

    def forward(self, image: Tensor) -> Tensor:
        """Logits [n, 10] of images [n, 1, 28, 28] scaled to [0, 1]."""
        return self.tensors(image)[topology.classifier().name]

    def tensors(self, image: Tensor) -> dict[str, Tensor]:
        """Every layer's output by layer name, and the image itself."""
        found = {topology.IMAGE: image}
        for layer in topology.LAYERS:
            found[layer.name] = self._apply_layer(layer, found)
        return found

    def _apply_layer(self, layer: Layer, found: dict[str, Tensor]) -> Tensor:
        match layer:
            case Convolution():
                normed = self.norms[layer.name](self.convolutions[layer.name](found[layer.source]))
                return functional.relu(normed) if layer.relu else normed
            case FullyConnected():
                return self.classifier(found[layer.source].flatten(1))
            case _:
                return apply_without_weights(layer, found)


def apply_without_weights(layer: Layer, found: dict[str, Tensor]) -> Tensor:
    """Output of a layer that has no weights; the float and the quantised network share it."""
    match layer:
        case MaxPooling():
            return functional.max_pool2d(found[layer.source], layer.window)
        case ResidualAdd():
            return functional.relu(found[layer.left] + found[layer.right])
        case GlobalAveragePooling():
            return found[layer.source].mean((2, 3), keepdim=True)
        case _:
            raise TypeError(f"{layer.name}: {type(layer).__name__} has weights")


def folded(network: FloatNetwork) -> dict[str, tuple[Tensor, Tensor]]:
    """(weight, bias) of each layer with the running statistics of batch norm folded in."""
    parameters = {
        name: _fold(network.convolutions[name], network.norms[name]) for name in network.convolutions
    }
    last = (network.classifier.weight.detach(), network.classifier.bias.detach())
    return parameters | {topology.classifier().name: last}


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = convolution.weight * gain.reshape(-1, 1, 1, 1)
    return weight.detach(), (norm.bias - norm.running_mean * gain).detach()


def _convolution(layer: Convolution) -> nn.Conv2d:
    return nn.Conv2d(
        layer.channels_in, layer.channels_out, layer.kernel, layer.stride, layer.kernel // 2, bias=False
    )
