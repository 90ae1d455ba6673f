"""Program order: which instruction is fetched when.

Every instruction stands behind all that it depends on, and a LOAD_WEIGHTS stands only where the FIFO has room
for it once everything before it is done. So the earliest unfinished instruction can always run, whatever the
timing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from compiler.systolic.emission import Group, LayerSteps, load_parameters, load_weights
from compiler.systolic.order import Ordered, compute_order
from compiler.systolic.steps import Resources, Step, WeightTile
from compiler.systolic.tokens import MOST_TOKENS
from rtl.systolic.config import Config

# A token is on its way for each set at most, and one more for a map: so a counter of 7 cannot overflow.
SETS_IN_USE = MOST_TOKENS - 1
PARAMETERS_AHEAD = 4
FIFO_SHARE = 4  # loads of weights at most a FIFO: parameters wait behind one of them only


@dataclass(frozen=True)
class Slot:
    """Where a group finds its parameters. load: they have to be loaded, after the POSTs of group
    `previous`."""

    parameter_set: int
    load: bool
    previous: int


@dataclass(frozen=True)
class Load:
    """A load to be put in its place: of `beats` words of weights, or of the parameters of a group."""

    step: Step
    beats: int = 0
    group: int | None = None


def schedule(inputs: Sequence[Step], layers: Sequence[LayerSteps], config: Config) -> list[Step]:
    """All steps but END in program order. inputs: loads of the input maps."""
    groups = [group for layer in layers for group in layer.groups]
    slots = parameter_slots(groups, min(config.parameter_sets, SETS_IN_USE))
    ordered = [_with_set(item, slots, config) for item in compute_order(layers, Resources(config))]
    loads = list(_loads(ordered, groups, slots, config))
    return [*inputs, *_Interleaving(ordered, loads, slots, config).steps()]


def parameter_slots(groups: Sequence[Group], count: int) -> list[Slot | None]:
    """A parameter set for every group: the one that holds its parameters already, or the least recently
    used."""
    holds: dict[int, tuple[int | None, int]] = dict.fromkeys(range(count), (None, -1))
    slots: list[Slot | None] = []
    for number, group in enumerate(groups):
        if group.parameters is None:
            slots.append(None)
            continue
        found = next((index for index, held in holds.items() if held[0] == group.parameters), None)
        index = min(holds, key=lambda index: holds[index][1]) if found is None else found
        slots.append(Slot(index, found is None, holds[index][1]))
        holds[index] = (group.parameters, number)
    return slots


def _with_set(item: Ordered, slots: Sequence[Slot | None], config: Config) -> Ordered:
    """The step with its parameter set, if it is a POST that requantises."""
    slot, step = slots[item.group], item.step
    if slot is None or "source" not in step.fields:
        return item
    fields = {**step.fields, "parameter_set": slot.parameter_set}
    reads = (*step.reads, Resources(config).parameter_set(slot.parameter_set))
    return replace(item, step=replace(step, fields=fields, reads=reads))


def _loads(
    ordered: Sequence[Ordered], groups: Sequence[Group], slots: Sequence[Slot | None], config: Config
) -> Iterator[Load]:
    """Parameters and weights in the order of their use; weight tiles that follow each other in memory
    together."""
    chunk: list[Step] = []
    loaded: set[int] = set()
    for item in ordered:
        slot = slots[item.group]
        if item.group not in loaded and slot is not None and slot.load:
            yield from _chunk_load(chunk, config)
            chunk = []
            offset = groups[item.group].parameters
            assert offset is not None
            step = load_parameters(item.step.layer, offset, slot.parameter_set, config)
            yield Load(step, group=item.group)
        loaded.add(item.group)
        if item.step.tile is not None:
            if chunk and not _continues(chunk, item.step, config):
                yield from _chunk_load(chunk, config)
                chunk = []
            chunk.append(item.step)
    yield from _chunk_load(chunk, config)


def _continues(chunk: Sequence[Step], step: Step, config: Config) -> bool:
    first, last, tile = chunk[0].tile, chunk[-1].tile, step.tile
    assert first is not None and last is not None and tile is not None
    adjacent = tile.offset == last.end and tile.indexed == last.indexed and step.layer == chunk[-1].layer
    return adjacent and tile.end - first.offset <= config.weight_beats * config.memory_bytes // FIFO_SHARE


def _chunk_load(chunk: Sequence[Step], config: Config) -> Iterator[Load]:
    if chunk:
        first, last = chunk[0].tile, chunk[-1].tile
        assert first is not None and last is not None
        step = load_weights(chunk[0].layer, WeightTile(first.offset, last.end, first.indexed))
        yield Load(step, beats=step.fields["length"] // config.memory_bytes)


class _Interleaving:
    """Puts every load as early as it may stand."""

    def __init__(
        self, ordered: Sequence[Ordered], loads: Sequence[Load], slots: Sequence[Slot | None], config: Config
    ) -> None:
        self._ordered = ordered
        self._loads = deque(loads)
        self._slots = slots
        self._config = config
        self._beats_ahead = 0
        self._posts_left = _posts_by_group(ordered, len(slots))
        self._unused_sets: set[int] = set()

    def steps(self) -> Iterator[Step]:
        for item in self._ordered:
            while self._loads and self._may_load(self._loads[0]):
                yield self._take(self._loads.popleft())
            self._account(item)
            yield item.step
        if self._loads:
            raise RuntimeError("schedule: loads are left that nothing needs")

    def _may_load(self, load: Load) -> bool:
        if load.group is None:
            return self._beats_ahead + load.beats <= self._config.weight_beats
        slot = self._slots[load.group]
        assert slot is not None
        free = slot.previous < 0 or self._posts_left[slot.previous] == 0
        return free and len(self._unused_sets) < PARAMETERS_AHEAD

    def _take(self, load: Load) -> Step:
        self._beats_ahead += load.beats
        if load.group is not None:
            self._unused_sets.add(load.group)
        return load.step

    def _account(self, item: Ordered) -> None:
        if item.step.tile is not None:
            self._beats_ahead -= item.step.tile.size // self._config.memory_bytes
            if self._beats_ahead < 0:
                raise RuntimeError("schedule: a MATMUL stands before the load of its weights")
        if "source" in item.step.fields:
            self._posts_left[item.group] -= 1
            self._unused_sets.discard(item.group)


def _posts_by_group(ordered: Sequence[Ordered], count: int) -> list[int]:
    posts = [0] * count
    for item in ordered:
        posts[item.group] += "source" in item.step.fields
    return posts
