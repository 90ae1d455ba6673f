"""The fewest items that a greedy choice finds for a number of bins, each of which wants hits by several seeds."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tb.coverage import Bin


@dataclass(frozen=True)
class Item:
    """An item of a random test. bins: that it has hit, or is after."""

    job: str
    number: int
    seed: int
    bins: frozenset[Bin]


def choose(needed: Mapping[Bin, int], given: Sequence[Item]) -> list[Item]:
    """Few items that together have every bin by as many seeds as needed, the best first; bins that too few items have
    get what there is."""
    seeds: dict[Bin, set[int]] = {place: set() for place, count in needed.items() if count}

    def gain(item: Item) -> int:
        return sum(
            len(seeds[each]) < needed[each] and item.seed not in seeds[each]
            for each in item.bins & seeds.keys()
        )

    heap = [(-gain(item), number) for number, item in enumerate(given)]
    heapq.heapify(heap)
    chosen = []
    while heap:
        _, number = heapq.heappop(heap)
        item = given[number]
        new = gain(item)
        # What an item gains only ever shrinks: if it is no less than what any other one may gain, it is the best.
        if new and heap and new < -heap[0][0]:
            heapq.heappush(heap, (-new, number))
        elif new:
            chosen.append(item)
            for each in item.bins & seeds.keys():
                seeds[each].add(item.seed)
    return chosen
