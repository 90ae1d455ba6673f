"""Which classes the layers of each random network have, what fills it and what it runs under, so that consecutive
networks visit every bin of the crosses."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from tb.bcnn.network_graph import Contents, Pixels, Scores, Thresholds, Weights
from tb.bcnn.network_item import Cut, Kernel, Padding, Pool, Stride, Wanted
from tb.job import Action, Phase
from tb.settings import MemorySettings, Reorder, Stalls

Classes = Mapping[str, int]
CLASSIFIER = 11  # every so many networks one ends in fully connected layers
KERNELS = tuple(
    (kernel, stride, padding)
    for kernel, stride, padding in product(Kernel, Stride, (Padding.NONE, Padding.ZERO, Padding.PLUS))
    if kernel is not Kernel.ONE or padding is Padding.NONE
)
FIRST = tuple(kinds for kinds in KERNELS if kinds[2] is not Padding.PLUS)
# Slices, and channels that make one, two or three chunks in each, the last one not full.
CUTS = (
    (Cut.ONE, (1, 31)), (Cut.ONE, (33, 63)), (Cut.ONE, (65, 95)),
    (Cut.TWO, (33, 63)), (Cut.MORE, (65, 95)), (Cut.TWO, (97, 127)),
)  # fmt: skip
FEW = (Cut.ONE, (1, 12))
LAST_CUTS = (FEW, CUTS[0], FEW, CUTS[1], FEW, CUTS[3], FEW, CUTS[2], FEW, CUTS[4], CUTS[0])
ACTIONS = (
    *((Action.SOFT_RESET, phase) for phase in Phase),
    *((Action.READ_ERROR, phase) for phase in Phase),
    *((Action.WATCHDOG, phase) for phase in Phase),
    (Action.WRITE_ERROR, Phase.FIRST),
    (Action.WRITE_ERROR, Phase.LATER),
    (Action.BAD_HASH, Phase.CONFIGURE),
    *((Action.BAD_REQUEST, phase) for phase in Phase),
)
BATCHES = ((1,), (3,), (1, 1), (2, 1, 3), (1, 1, 1, 1, 1), (2, 2))
PAUSES = (0, 0, 1, 0, 200)  # cycles
MEMORIES = ("slow writes", "slow", "read stalls", "write stalls", "all stalls")
FAST = MemorySettings(latency=4, rate=512)


@dataclass(frozen=True)
class Circumstances:
    """What a request runs under. batches: images of each RUN; delay: cycles from the phase to the action."""

    memory: MemorySettings
    batches: tuple[int, ...]
    action: Action = Action.RUN
    phase: Phase = Phase.CONFIGURE
    delay: int = 0
    pause: int = 0


def wishes(index: int, seed: int) -> tuple[Wanted, ...]:
    """The layers of network number `index`."""
    group, place = divmod(index, CLASSIFIER)
    if place == CLASSIFIER - 1:
        return _classifier(group, seed)
    number = index - group
    rng = random.Random(seed)
    middle = _kernel(KERNELS, number, number + number // len(KERNELS))
    slices, channels = CUTS[number % len(CUTS)]
    last_slices, last_channels = LAST_CUTS[number % len(LAST_CUTS)]
    layers = [
        _first(number, rng),
        Wanted({**middle, **_pool(number)}, channels, slices, Cut(number // 6 % 3)),
        Wanted(
            {**_kernel(KERNELS, 7 * number, number), "pool": Pool.NONE}, last_channels, last_slices, Cut.ONE
        ),
    ]
    if number % 3 == 2:
        layers.insert(1, _free(rng))
    return tuple(layers)


def _classifier(group: int, seed: int) -> tuple[Wanted, ...]:
    """A convolution, then fully connected layers; the hidden ones cut in every way."""
    (slices, channels), (fewer, small) = CUTS[group % len(CUTS)], CUTS[(group + 3) % len(CUTS)]
    whole = {"stride": int(Stride.ONE), "padding": int(Padding.NONE), "pool": int(Pool.NONE)}
    one = {**whole, "kernel": int(Kernel.ONE)}
    return (
        _first(group, random.Random(seed)),
        Wanted(whole, small, fewer, Cut.ONE, full=True),
        Wanted(one, channels, slices, Cut.ONE, full=True),
        Wanted({**one, "made_y": 1, "made_x": 1}, (1, 63), Cut.ONE, Cut.ONE, full=True),
    )


def _first(number: int, rng: random.Random) -> Wanted:
    """Numbers of 6 and 8 bits, one kernel row a step or all of them."""
    classes = {**_kernel(FIRST, number, 0), **_pool(number // 4 + 1)}
    bits, at_once = (6, 8)[number % 2], number // 2 % 2 == 0
    return Wanted(classes, (1, rng.choice((1, 4))), Cut.ONE, Cut(number % 3), bits, at_once)


def _free(rng: random.Random) -> Wanted:
    """A small layer of any kind."""
    classes = {"stride": int(Stride.ONE), "pool": int(Pool.NONE), "kernel_y": rng.choice((1, 2, 3))}
    return Wanted(classes, (1, 24), Cut.ONE, Cut(rng.randrange(3)))


def _kernel(kinds: tuple[tuple[Kernel, Stride, Padding], ...], number: int, sign: int) -> Classes:
    """Kernel, stride and padding; bits of padding are +1 and -1 in turn, by `sign`."""
    kernel, stride, padding = kinds[number % len(kinds)]
    if padding is Padding.PLUS and sign % 2:
        padding = Padding.MINUS
    return {"kernel": int(kernel), "stride": int(stride), "padding": int(padding)}


def _pool(number: int) -> Classes:
    """Pools of every kind, whose windows cover all in every other round."""
    kind = Pool(number % len(Pool))
    whole = {"rest_y": 0, "rest_x": 0} if number // len(Pool) % 2 else {}
    return {"pool": int(kind), **whole}


def contents(index: int, number: int) -> Contents:
    """What fills network number `index` for its request `number`."""
    at = index + number
    return Contents(
        weights=(Weights.RANDOM, Weights.ONES, Weights.RANDOM, Weights.ZEROS)[at % 4 if number else 0],
        thresholds=Thresholds((at + index // 5) % len(Thresholds) if number else Thresholds.RANDOM),
        scores=Scores(at % len(Scores)),
        pixels=Pixels((at + index // 7) % len(Pixels) if number == 2 else Pixels.RANDOM),
        flips=(index // 2 + number) % 2 == 0,
        minimum=(index // 3 + number) % 2 == 0,
        full=index % 4 != 3,
    )


def circumstances(index: int, seed: int) -> tuple[Circumstances, ...]:
    """A run at full speed, one in a slow or stalling memory, and one that is disturbed."""
    rng = random.Random(seed)
    action, phase = disturbance(index)
    return (
        Circumstances(FAST, (5,)),
        Circumstances(
            memory(MEMORIES[index % len(MEMORIES)], rng),
            BATCHES[index // 2 % len(BATCHES)],
            pause=PAUSES[index % len(PAUSES)],
        ),
        Circumstances(memory("all stalls", rng), (2, 1), action, phase, rng.randrange(60)),
    )


def disturbance(index: int) -> tuple[Action, Phase]:
    """What happens to network number `index`."""
    return ACTIONS[index % len(ACTIONS)]


def memory(kind: str, rng: random.Random) -> MemorySettings:
    """Memory timing of a kind."""
    reorder, latency = rng.choice(list(Reorder)), rng.randrange(1, 60)
    stalls: Mapping[str, Stalls] = {
        "slow": Stalls(),
        "slow writes": Stalls(aw=245, w=252, b=250),
        "read stalls": Stalls(ar=rng.randrange(200), r=rng.randrange(200)),
        "write stalls": Stalls(aw=rng.randrange(200), w=rng.randrange(240), b=rng.randrange(240)),
        "all stalls": Stalls(*(rng.randrange(150) for _ in range(5))),
    }
    return MemorySettings(latency, rng.randrange(64, 160) if kind == "slow" else 256, stalls[kind], reorder)
