"""Where each feature map lives in the scratchpad: every map resident from its making to its last reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from compiler.errors import DoesNotFit
from compiler.systolic.operations import Plan
from rtl.systolic.config import Config


@dataclass(frozen=True)
class Life:
    """A map's bytes are needed during the operations first..last, both included; -1 is before the first."""

    tensor: str
    size: int
    first: int
    last: int

    def meets(self, other: Life) -> bool:
        return self.first <= other.last and other.first <= self.last


def lives(plan: Plan, alignment: int) -> list[Life]:
    """Sizes are rounded up to the alignment. An output lives to the end of its operation: the store that
    follows is kept apart from later writers by tokens. What runs along with an operation is written during it."""
    first, last, size = {}, {}, {}
    for source in plan.inputs:
        first[source.holder], last[source.holder], size[source.holder] = -1, -1, source.holder_size
    for index, operation in enumerate(plan.operations):
        for result in operation.writes:
            first.setdefault(result.holder, index - plan.follows(index))
            last[result.holder], size[result.holder] = index, result.holder_size
        for source in operation.reads:
            last[source.holder] = index
    return [Life(name, -(-size[name] // alignment) * alignment, first[name], last[name]) for name in first]


def allocate(plan: Plan, config: Config) -> dict[str, int]:
    """Base address of every map, a multiple of the port width. Raises DoesNotFit naming the busiest
    operation."""
    alive = lives(plan, config.memory_bytes)
    _check_bound(plan, alive, config)
    attempts = [_place(sorted(alive, key=order)) for order in _ORDERS]
    bases, needed = min(attempts, key=lambda attempt: attempt[1])
    if needed > config.scratchpad_bytes:
        raise DoesNotFit(
            f"feature maps need {needed} bytes of scratchpad as they are placed, {config.name} has "
            f"{config.scratchpad_bytes}",
            node=_busiest(plan, alive)[1],
        )
    return bases


_ORDERS: tuple[Callable[[Life], tuple[int, ...]], ...] = (
    lambda life: (-life.size, life.first),
    lambda life: (life.first - life.last, -life.size),
    lambda life: (life.first, -life.size),
)


def _check_bound(plan: Plan, alive: Sequence[Life], config: Config) -> None:
    needed, node = _busiest(plan, alive)
    if needed > config.scratchpad_bytes:
        raise DoesNotFit(
            f"the feature maps alive there need {needed} bytes, the scratchpad of {config.name} has "
            f"{config.scratchpad_bytes}",
            node=node,
        )


def _busiest(plan: Plan, alive: Sequence[Life]) -> tuple[int, str]:
    """(bytes, name) of the operation during which most bytes are alive."""
    totals = [
        sum(life.size for life in alive if life.first <= index <= life.last)
        for index in range(len(plan.operations))
    ]
    index = totals.index(max(totals))
    return totals[index], plan.operations[index].name


def _place(order: Sequence[Life]) -> tuple[dict[str, int], int]:
    """({tensor: base}, bytes used): each map in the smallest gap that takes it, else behind all it meets."""
    placed: list[tuple[Life, int]] = []
    for life in order:
        taken = sorted((base, base + other.size) for other, base in placed if other.meets(life))
        placed.append((life, _best_gap(taken, life.size)))
    return {life.tensor: base for life, base in placed}, max(base + life.size for life, base in placed)


def _best_gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    best, end = None, 0
    for start, stop in taken:
        gap = start - end
        if gap >= size and (best is None or gap < best[0]):
            best = (gap, end)
        end = max(end, stop)
    return end if best is None else best[1]
