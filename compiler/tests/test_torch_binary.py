"""A binary network as a PyTorch module: every class as torch's own, where torch is installed."""

# mypy: disable-error-code="misc, no-any-return, no-untyped-call, unused-ignore"
# torch is absent where types are checked.

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from compiler.network import from_torch
from golden.arithmetic import quantisation_of
from golden.run import run

missing = [package for package in ("torch", "onnxscript") if importlib.util.find_spec(package) is None]
pytestmark = [
    pytest.mark.skipif(bool(missing), reason=f"{' and '.join(missing)} not installed"),
    pytest.mark.filterwarnings("ignore"),
]


def _binary(written: str) -> Any:
    """written: how the sign of maps is, 'sign' or 'where'."""
    import torch
    from torch import nn

    def sign(x: Any) -> Any:
        return torch.sign(x) if written == "sign" else torch.where(x >= 0, 1.0, -1.0)

    class Binary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Parameter(torch.randn(8, 3, 3, 3))
            self.norm = nn.BatchNorm2d(8)
            self.last = nn.Parameter(torch.randn(10, 8 * 4 * 4))
            self.last_norm = nn.BatchNorm1d(10)
            self.norm.weight.data, self.norm.bias.data = torch.randn(8) * 2, torch.randn(8)

        def forward(self, x: Any) -> Any:
            x = nn.functional.conv2d(x, torch.sign(self.first), padding=1)
            x = sign(self.norm(nn.functional.max_pool2d(x, 2))).flatten(1)
            return self.last_norm(x @ torch.where(self.last >= 0, 1.0, -1.0).T)

    torch.manual_seed(3)
    return Binary().eval()


@pytest.mark.parametrize("written", ["sign", "where"])
def test_classes_are_those_of_torch(written: str) -> None:
    import torch

    module = _binary(written)
    network = from_torch(module, np.zeros((1, 3, 8, 8), np.float32))
    (name,), images = network.graph.inputs, network.images(200)
    real = (images * quantisation_of(network.graph, name).scale[0]).astype(np.float32).transpose(0, 3, 1, 2)
    with torch.no_grad():
        exact = module(torch.from_numpy(np.ascontiguousarray(real))).numpy()
    output = network.graph.outputs[0]
    scores = run(network.graph, {name: images})[output]
    assert network.binary and len(np.unique(exact.argmax(1))) > 3
    np.testing.assert_array_equal(scores.argmax(1), exact.argmax(1))
    np.testing.assert_allclose(scores * quantisation_of(network.graph, output).scale[0], exact, atol=0.01)
