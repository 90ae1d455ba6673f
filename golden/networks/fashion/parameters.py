"""Parameters of torch modules as the exports take them."""

from __future__ import annotations

from torch import Tensor, nn

from golden.networks.fashion.onnx_nodes import Array, BatchNorm


def array(values: Tensor) -> Array:
    """A tensor's values, float32 as it is."""
    found: Array = values.detach().numpy()
    return found


def batch_norm(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> BatchNorm:
    """Gain, offset and running statistics."""
    gain, offset = array(norm.weight), array(norm.bias)
    return BatchNorm(gain, offset, array(norm.running_mean), array(norm.running_var), norm.eps)
