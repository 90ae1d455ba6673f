"""Which classes each item of a random run fixes, so that consecutive items visit every bin of the crosses."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from rtl.systolic.isa import Sparsity
from tb.job import Action, Phase
from tb.settings import MemorySettings, Reorder, Stalls
from tb.systolic.layer_item import Corner, Fusion, Kernel, Operator, Precision, Stride, Tiles

# Padding last: one round of the others covers the modes without, the next with it.
CROSS = (
    ("kernel", Kernel),
    ("stride", Stride),
    ("precision", (0, 1)),
    ("fusion", Fusion),
    ("sparsity", Sparsity),
    ("padded", range(2)),
)
TILES = (("input_tiles", Tiles), ("output_tiles", Tiles), ("pixel_tiles", Tiles))
# Many channels and many pixels together do not fit a small scratchpad.
SPARSE_TILES = (
    ("input_tiles", Tiles), ("output_tiles", Tiles), ("sparsity", (Sparsity.TWO_OF_FOUR, Sparsity.ONE_OF_FOUR)),
)  # fmt: skip
ROUNDS = 27 + 18  # combinations of TILES and of SPARSE_TILES
PLAIN = {
    "operator": int(Operator.CONVOLUTION),
    "kernel": int(Kernel.ONE),
    "stride": int(Stride.ONE),
    "padded": 0,
}
# Where each configuration begins in the cross, so that together they go through all of it.
SHIFT = {"small": 434}
FIRST = 4
# Few features and many outputs: products so short that the array waits for the post-processor.
NARROW = {"height": 1, "width": 1, "kernel": int(Kernel.ONE), "padded": 0, "output_tiles": int(Tiles.MORE)}
OPERATORS = (("operator", Operator),)
DATA = (("corner", Corner), ("precision", Precision))
ACTIONS = (
    (Action.SOFT_RESET, Phase.CONFIGURE),
    (Action.SOFT_RESET, Phase.FIRST),
    (Action.SOFT_RESET, Phase.LATER),
    (Action.READ_ERROR, Phase.CONFIGURE),
    (Action.READ_ERROR, Phase.FIRST),
    (Action.READ_ERROR, Phase.LATER),
    (Action.WRITE_ERROR, Phase.FIRST),
    (Action.WATCHDOG, Phase.CONFIGURE),
    (Action.WATCHDOG, Phase.FIRST),
    (Action.WATCHDOG, Phase.LATER),
    (Action.BAD_INSTRUCTION, Phase.FIRST),
    (Action.BAD_INSTRUCTION, Phase.LATER),
    (Action.BAD_OPERAND, Phase.FIRST),
    (Action.BAD_OPERAND, Phase.LATER),
    (Action.BAD_HASH, Phase.CONFIGURE),
    (Action.BAD_REQUEST, Phase.CONFIGURE),
    (Action.BAD_REQUEST, Phase.FIRST),
    (Action.BAD_REQUEST, Phase.LATER),
)
BATCHES = ((1,), (1,), (1,), (2,), (1, 1), (1, 1, 1, 1), (2, 1))
MEMORIES = ("fast", "slow", "read stalls", "write stalls", "all stalls")


@dataclass(frozen=True)
class Circumstances:
    """What an item runs under. batches: images of each RUN; position: 0 to 1, where in the run an action
    comes."""

    memory: MemorySettings
    action: Action
    phase: Phase
    batches: tuple[int, ...]
    position: float


def stratum(index: int, config: str) -> dict[str, int]:
    """The classes that item number `index` fixes. Of eight items five go through the first cross, one through the
    tiles, one through the other operators (or is a small graph), and one is free."""
    group, place = divmod(index, 8)
    shift = SHIFT.get(config, FIRST)
    if place < 5:
        return {**_mixed(CROSS, 5 * group + place + shift), "operator": int(Operator.CONVOLUTION)}
    if place == 5:
        return {**_tiles((group + shift) % ROUNDS), **PLAIN}
    if place == 6:
        # Small graphs take two of five places: by a step more in each round, from every operator in turn.
        others = {**_mixed(OPERATORS, group + group // len(Operator) + shift), **_mixed(DATA, group + shift)}
        return {**others, **(NARROW if others["operator"] == Operator.FULLY_CONNECTED and group % 2 else {})}
    return {}


def _tiles(number: int) -> dict[str, int]:
    if number < 27:
        return {**_mixed(TILES, number), "sparsity": int(Sparsity.DENSE)}
    return _mixed(SPARSE_TILES, number - 27)


def is_graph(index: int) -> bool:
    """Is item number `index` a small graph, even if nothing is to happen after a layer of it?"""
    group, place = divmod(index, 8)
    return place == 6 and group % 5 in (1, 4)


def _mixed(classes: tuple[tuple[str, object], ...], number: int) -> dict[str, int]:
    """Number `number` of all combinations, the first class fastest."""
    chosen = {}
    for name, kinds in classes:
        values = [int(kind) for kind in kinds]  # type: ignore[attr-defined]
        number, place = divmod(number, len(values))
        chosen[name] = values[place]
    return chosen


def circumstances(index: int, seed: int) -> Circumstances:
    """Memory timing, disturbance and batches of an item."""
    rng = random.Random(seed)
    action, phase = disturbance(index)
    # Three images leave reads, writes and layer ends to come wherever the action finds the first one.
    batches = rng.choice(BATCHES) if action is Action.RUN else (3,)
    # In a slow memory's time the maps of later layers are still loaded while the first one is computed.
    kind = rng.choice(MEMORIES[1:] if is_graph(index) else MEMORIES)
    return Circumstances(memory(kind, rng), action, phase, batches, rng.random())


def disturbance(index: int) -> tuple[Action, Phase]:
    """What happens to item number `index`: two of eight are disturbed, of which one is free of a stratum,
    for what happens after a layer needs a graph of several."""
    group, place = divmod(index, 8)
    if place == 7:
        return ACTIONS[group % len(ACTIONS)]
    early = [(action, phase) for action, phase in ACTIONS if phase is not Phase.LATER]
    return early[group % len(early)] if place == 3 else (Action.RUN, Phase.CONFIGURE)


def memory(kind: str, rng: random.Random) -> MemorySettings:
    """Memory timing of a kind."""
    reorder = rng.choice(list(Reorder))
    latency = rng.randrange(1, 60)
    stalls: Mapping[str, Stalls] = {
        "fast": Stalls(),
        "slow": Stalls(),
        "read stalls": Stalls(ar=rng.randrange(200), r=rng.randrange(230)),
        "write stalls": Stalls(aw=rng.randrange(200), w=rng.randrange(240), b=rng.randrange(240)),
        "all stalls": Stalls(*(rng.randrange(180) for _ in range(5))),
    }
    rate = rng.randrange(16, 128) if kind == "slow" else 512 if kind == "fast" else 256
    return MemorySettings(latency, rate, stalls[kind], reorder)
