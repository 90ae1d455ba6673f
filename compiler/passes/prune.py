"""Prune: at most n of every 4 consecutive weights stay, those of largest magnitude (N:M sparsity, M = 4)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from compiler.errors import BadData
from compiler.passes.rewrite import fresh, replaced, with_constants
from golden.ir import ONE_QUANTISATION, Conv2D, Graph, Node

BLOCK = 4
KEPT_OF_BLOCK = (1, 2, 4)

Weights = npt.NDArray[np.float32]
Rows = npt.NDArray[Any]


def prune(graph: Graph, n: int, keep: Collection[str] = ()) -> Graph:
    """A float graph, after FLOAT_PASSES, whose convolutions have at most n non-zero weights a block; n = 4
    changes nothing.

    Convolutions that read a graph input, those named in `keep` and fully connected layers stay dense.
    Raises BadData for another n."""
    if n not in KEPT_OF_BLOCK:
        raise BadData(f"cannot prune to {n}:{BLOCK}, must be 1:4, 2:4 or 4:4", file=graph.name)
    for node in prunable(graph) if n < BLOCK else ():
        if node.name not in keep:
            graph = _pruned(graph, node, n)
    return graph


def prunable(graph: Graph) -> tuple[Node, ...]:
    """The convolutions that `prune` thins out: all but those that read values of a graph input."""
    of_input = set(graph.inputs)
    found = []
    for node in graph.nodes:
        reads_input = not of_input.isdisjoint(node.inputs)
        if isinstance(node.operator, ONE_QUANTISATION) and reads_input:
            of_input.add(node.output)
        elif isinstance(node.operator, Conv2D) and not reads_input:
            found.append(node)
    return tuple(found)


def is_pruned(graph: Graph, n: int) -> bool:
    """Whether every convolution that `prune` thins out has at most n non-zero weights a block already."""
    return all(
        np.array_equal(largest_of_blocks(graph.constants[node.inputs[1]], n), graph.constants[node.inputs[1]])
        for node in prunable(graph)
    )


def largest_of_blocks(weights: Weights, n: int) -> Weights:
    """Weights (out, kernel_h, kernel_w, in) with all but the n largest magnitudes of each block set to 0.

    A block is 4 consecutive elements of a kernel row (kernel_w x in elements), from its first element on; the
    last one of a row may be shorter. Of equal magnitudes the first ones stay."""
    rows = weights.reshape(*weights.shape[:2], -1)
    filled = filled_rows(rows)
    blocks = filled.reshape(-1, BLOCK)
    # A stable sort of falling magnitudes leaves equal ones in their order.
    dropped = np.argsort(-np.abs(blocks), axis=1, kind="stable")[:, n:]
    kept = blocks.copy()
    np.put_along_axis(kept, dropped, 0, axis=1)
    return np.ascontiguousarray(kept.reshape(filled.shape)[..., : rows.shape[-1]]).reshape(weights.shape)


def filled_rows(rows: Rows) -> Rows:
    """Kernel rows (..., elements) filled up with zeros to whole blocks; the same array where they are whole."""
    missing = -rows.shape[-1] % BLOCK
    return np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, missing)]) if missing else rows


def _pruned(graph: Graph, node: Node, n: int) -> Graph:
    name = fresh(graph.tensors, f"{node.name}.pruned_weights")
    graph = with_constants(graph, {name: largest_of_blocks(graph.constants[node.inputs[1]], n)})
    pruned = replace(node, inputs=(node.inputs[0], name, *node.inputs[2:]))
    return replaced(graph, {node.name: pruned})
