"""Magnitude pruning to N:M blocks in torch: which weights of a convolution stay.

A block is BLOCK consecutive elements of one kernel row, flattened as kernel width x input channels from its
element 0, of one output channel. A row whose length is no multiple of BLOCK ends in a shorter block.
"""

# mypy: disable-error-code="untyped-decorator"
# torch is absent where types are checked, so its decorators are untyped there.

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from golden.networks.fashion import topology

BLOCK = 4


@torch.no_grad()
def block_mask(weight: Tensor, kept: int) -> Tensor:
    """1 at the `kept` largest magnitudes of every block and 0 elsewhere; of equal ones the first stays.

    weight and mask: (outputs, inputs, height, width)."""
    rows = weight.abs().permute(0, 2, 3, 1).flatten(2)
    length = rows.shape[2]
    # Nothing is smaller than the filling, so that a shorter block keeps its own elements.
    blocks = functional.pad(rows, (0, -length % BLOCK), value=-1.0).unflatten(2, (-1, BLOCK))
    order = blocks.argsort(dim=3, descending=True, stable=True)
    mask = torch.zeros_like(blocks).scatter_(3, order[..., :kept], 1.0)
    mask = mask.flatten(2)[..., :length].unflatten(2, (weight.shape[3], weight.shape[1]))
    return mask.permute(0, 3, 1, 2).contiguous()


def masks(weights: dict[str, Tensor], kept: int) -> dict[str, Tensor]:
    """The mask of every convolution but the first, which reads the image, by layer name."""
    pruned = [layer.name for layer in topology.convolutions() if layer.source != topology.IMAGE]
    return {name: block_mask(weights[name], kept) for name in pruned}
