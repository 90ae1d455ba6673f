"""Sparsity of weights: how many of four neighbours in the reduction are not zero, and which."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from compiler.passes.prune import BLOCK, filled_rows
from rtl.systolic.isa import Sparsity

Weights = npt.NDArray[np.int8]

KEPT = {Sparsity.DENSE: BLOCK, Sparsity.TWO_OF_FOUR: 2, Sparsity.ONE_OF_FOUR: 1}
"""Products of a block, and of four lanes."""


def sparsity_of(weights: Weights) -> Sparsity:
    """The sparsest mode that the blocks of weights (out, kernel_h, kernel_w, in) obey.

    A block is 4 consecutive elements of a kernel row (kernel_w x in), from its first element on; the last one
    of a kernel row may be shorter. A mode that a row so short obeys by itself is no sparsity."""
    channels, kernel_rows = weights.shape[:2]
    row = weights[0, 0].size
    blocks = filled_rows(weights.reshape(channels, kernel_rows, row)).reshape(-1, BLOCK)
    most = int(np.count_nonzero(blocks, axis=1).max())
    for mode in (Sparsity.ONE_OF_FOUR, Sparsity.TWO_OF_FOUR):
        if most <= KEPT[mode] < row:
            return mode
    return Sparsity.DENSE


def lanes_of(elements: int, sparsity: Sparsity) -> int:
    """Lanes that a kernel row of so many elements takes."""
    return elements if sparsity == Sparsity.DENSE else -(-elements // BLOCK) * BLOCK


def products_of(elements: int, sparsity: Sparsity) -> int:
    """Products that a run of elements, from the beginning of a block on, takes in each column."""
    whole, rest = divmod(elements, BLOCK)
    return whole * KEPT[sparsity] + min(KEPT[sparsity], rest)


def selected(lanes: Weights, sparsity: Sparsity) -> tuple[Weights, npt.NDArray[np.uint8]]:
    """(..., lanes) to the weights and positions (..., array rows) of those that are not zero.

    An array row that finds none has weight 0 at any position."""
    blocks = lanes.reshape(*lanes.shape[:-1], -1, BLOCK)
    nonzero = blocks != 0
    first = nonzero.argmax(axis=-1).astype(np.uint8)
    kept = [_at(blocks, first)]
    positions = [first]
    if sparsity == Sparsity.TWO_OF_FOUR:
        last = (BLOCK - 1 - nonzero[..., ::-1].argmax(axis=-1)).astype(np.uint8)
        kept.append(np.where(last == first, 0, _at(blocks, last)).astype(np.int8))
        positions.append(last)
    shape = (*lanes.shape[:-1], -1)
    return np.stack(kept, axis=-1).reshape(shape), np.stack(positions, axis=-1).reshape(shape)


def _at(blocks: Weights, index: npt.NDArray[np.uint8]) -> Weights:
    taken: Weights = np.take_along_axis(blocks, index[..., None].astype(np.intp), axis=-1)[..., 0]
    return taken
