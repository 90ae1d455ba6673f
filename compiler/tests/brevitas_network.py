"""A small network of Brevitas' layers and its export; importing it needs the package brevitas."""

# mypy: disable-error-code="import-not-found, misc, no-any-return, unused-ignore"
# brevitas and torch are absent where types are checked.

from __future__ import annotations

from functools import cache
from pathlib import Path

import brevitas.nn as qnn
import numpy as np
import numpy.typing as npt
import torch
from brevitas.export import export_qonnx
from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerChannelFloat, Int32Bias
from torch import Tensor, nn

from compiler.tests.onnx_models import Floats

SEED = 0


class Network(nn.Module):
    """Signed and unsigned maps of 8 and 4 bits, batch norm, a residual add, a pool, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        per_channel = {"weight_quant": Int8WeightPerChannelFloat, "padding": 1}
        self.image = qnn.QuantIdentity(bit_width=8, act_quant=Int8ActPerTensorFloat, return_quant_tensor=True)
        self.first = qnn.QuantConv2d(3, 8, 3, bias=False, weight_bit_width=8, **per_channel)
        self.norm = nn.BatchNorm2d(8)
        self.relu = qnn.QuantReLU(bit_width=4, return_quant_tensor=True)
        self.pool = nn.MaxPool2d(2)
        self.second = qnn.QuantConv2d(8, 8, 3, weight_bit_width=4, bias_quant=Int32Bias, **per_channel)
        self.branch = qnn.QuantIdentity(bit_width=4, return_quant_tensor=True)
        self.sum = qnn.QuantReLU(bit_width=8, return_quant_tensor=True)
        self.classes = qnn.QuantLinear(8, 10, bias=True, weight_bit_width=8)

    def forward(self, image: Tensor) -> Tensor:
        start = self.pool(self.relu(self.norm(self.first(self.image(image)))))
        total = self.sum(_real(start) + _real(self.branch(self.second(start))))
        return self.classes(nn.functional.avg_pool2d(_real(total), 4).flatten(1))


def _real(values: Tensor) -> Tensor:
    """While Brevitas exports, plain tensors stand where its quantised ones do otherwise."""
    return getattr(values, "value", values)


@cache
def network() -> Network:
    """Seeded, its quantisers and batch norm adjusted to random images."""
    torch.manual_seed(SEED)
    made = Network()
    for _ in range(20):
        made(torch.rand(16, 3, 8, 8) * 2.4 - 1.2)
    return made.eval()


def outputs(batch: Floats) -> Floats:
    """Brevitas' own results (n, 10) for NHWC images."""
    with torch.no_grad():
        return network()(torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2)))).numpy()


def integer_weights() -> list[npt.NDArray[np.int64]]:
    """The integers of the three layers' weights, in torch's layout."""
    layers = (network().first, network().second, network().classes)
    return [layer.quant_weight().int().numpy().astype(np.int64) for layer in layers]


def export(path: Path) -> Path:
    """Write the network as QONNX."""
    export_qonnx(network(), torch.zeros(1, 3, 8, 8), export_path=str(path))
    return path
