"""The order of the array's, the post-processor's and the store unit's steps.

The POSTs of a group stand behind its MATMULs; when there are many they are spread over the next group's
MATMULs, because the post-processor's queue is short and fetch stops when it is full. A layer that follows the
one before it has its POSTs there too, each behind the group that makes the last of what it reads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from compiler.systolic.emission import LayerSteps
from compiler.systolic.steps import Resources, Step
from rtl.systolic.isa import Opcode

POSTS_AT_ONCE = 3


@dataclass(frozen=True)
class Ordered:
    """A step of the array, the post-processor or the store unit, and the number of its group."""

    step: Step
    group: int


def compute_order(layers: Sequence[LayerSteps], resources: Resources) -> Iterator[Ordered]:
    """All steps but the loads, set-ups of the post-processor where its scalars change."""
    return _with_setups(_steps(layers, resources))


def _with_setups(steps: Iterator[Ordered]) -> Iterator[Ordered]:
    held: dict[str, int] = {}
    for item in steps:
        needed = dict(item.step.scalars)
        if item.step.opcode is Opcode.POST and needed != held:
            held = needed
            yield Ordered(Step(Opcode.POST_SETUP, {"layer": item.step.layer} | needed), item.group)
        yield item


def _steps(layers: Sequence[LayerSteps], resources: Resources) -> Iterator[Ordered]:
    number = 0
    for index, layer in enumerate(layers):
        behind = layers[index + 1] if index + 1 < len(layers) and layers[index + 1].follows else None
        end = number + len(layer.groups)
        followers = _followers(layer, behind, end, resources) if behind else []
        yield from _layer(layer, number, deque(followers))
        yield from (Ordered(store, end - 1) for store in layer.stores)
        number = end


def _followers(
    layer: LayerSteps, behind: LayerSteps, number: int, resources: Resources
) -> list[tuple[int, Ordered]]:
    """The POSTs of the layer behind, each with the group of this layer that they have to wait for."""
    writer = np.full(resources.pages, -1)
    for index, group in enumerate(layer.groups):
        for post in group.posts:
            for start, end in post.writes:
                writer[start:end] = index
    found, latest = [], 0
    for offset, group in enumerate(behind.groups):
        for post in group.posts:
            latest = max(latest, *(int(writer[start:end].max()) for start, end in post.reads))
            found.append((latest, Ordered(post, number + offset)))
    return found


def _layer(layer: LayerSteps, number: int, followers: deque[tuple[int, Ordered]]) -> Iterator[Ordered]:
    """Steps of a layer and the followers' POSTs. A layer that follows has its POSTs in the one before it."""
    waiting: deque[Ordered] = deque()
    for index, group in enumerate(layer.groups):
        for matmul in group.matmuls:
            yield Ordered(matmul, number + index)
            if waiting:
                yield waiting.popleft()
        yield from waiting
        posts = () if layer.follows else group.posts
        waiting = deque(Ordered(post, number + index) for post in posts)
        for _ in range(min(POSTS_AT_ONCE, len(waiting))):
            yield waiting.popleft()
        while followers and followers[0][0] == index:
            waiting.append(followers.popleft()[1])
    yield from waiting
