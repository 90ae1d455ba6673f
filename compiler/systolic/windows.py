"""Pooling windows along one axis: where padding cuts them, and how far a tile of results reaches into its
source."""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[int, int]


@dataclass(frozen=True)
class Run:
    """Consecutive results whose windows have one length and lie one stride apart.

    first, count: results; start: first source position of the first window; length: positions in each
    window."""

    first: int
    count: int
    start: int
    length: int


def extent(index: int, size: int, kernel: int, stride: int, before: int) -> Pair:
    """[start, end) of the positions inside the source that result `index` is made of."""
    start = index * stride - before
    return max(0, start), min(size, start + kernel)


def reach(first: int, last: int, size: int, kernel: int, stride: int, before: int) -> Pair:
    """[start, end) of the source positions that results [first, last) are made of."""
    return extent(first, size, kernel, stride, before)[0], extent(last - 1, size, kernel, stride, before)[1]


def runs(first: int, last: int, size: int, kernel: int, stride: int, before: int) -> list[Run]:
    """Results [first, last) in the fewest runs, in order."""
    found: list[Run] = []
    for index in range(first, last):
        start, end = extent(index, size, kernel, stride, before)
        previous = found[-1] if found else None
        if previous and _continues(previous, start, end - start, stride):
            found[-1] = Run(previous.first, previous.count + 1, previous.start, previous.length)
        else:
            found.append(Run(index, 1, start, end - start))
    return found


def _continues(run: Run, start: int, length: int, stride: int) -> bool:
    return run.length == length and run.start + run.count * stride == start


def covers_all(size: Pair, kernel: Pair, stride: Pair, padding: tuple[int, int, int, int]) -> bool:
    """Whether every source position lies in a window: those outside could not be observed."""
    top, left, bottom, right = padding
    axes = zip(size, kernel, stride, (top, left), (bottom, right), strict=True)
    return all(_covers(*axis) for axis in axes)


def _covers(size: int, kernel: int, stride: int, before: int, after: int) -> bool:
    count = (size + before + after - kernel) // stride + 1
    return stride <= kernel and extent(count - 1, size, kernel, stride, before)[1] == size


def tileable(size: Pair, kernel: Pair, stride: Pair, accumulators: int) -> bool:
    """Whether tiles of whole windows that share no source position fit the accumulators.

    Along an axis where windows overlap there can be one tile only."""
    smallest = [kernel[axis] if kernel[axis] == stride[axis] else size[axis] for axis in (0, 1)]
    return min(smallest[0], size[0]) * min(smallest[1], size[1]) <= accumulators
