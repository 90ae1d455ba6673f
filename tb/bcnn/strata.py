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
# Of so many networks the last one is a single layer, and the one before ends in fully connected layers.
PERIOD = 12
KINDS = tuple(
    (kernel, stride, padded)
    for kernel, stride, padded in product(Kernel, Stride, (False, True))
    if kernel is not Kernel.ONE or not padded
)
BITS = (Padding.ZERO, Padding.PLUS, Padding.MINUS)
CHANNELS = ((1, 31), (33, 63), (65, 95), (97, 127))  # by the chunks that they fill, the last one not whole
OUTPUTS = ((1, 31), (33, 44), (65, 76))  # fewer, for each is computed with many inputs
ACTIONS = (
    *((Action.SOFT_RESET, phase) for phase in Phase),
    *((Action.READ_ERROR, phase) for phase in Phase),
    *((Action.WATCHDOG, phase) for phase in Phase),
    (Action.WRITE_ERROR, Phase.LATER),
    (Action.BAD_HASH, Phase.CONFIGURE),
    *((Action.BAD_REQUEST, phase) for phase in Phase),
)
BATCHES = ((1,), (4,), (1, 1), (2, 1), (1, 1, 1, 1), (1, 2))
MANY = (12,)  # so that scores which cannot be written hold up the layers, each with room for two images
PAUSES = (0, 1, 0, 200)  # cycles
MEMORIES = ("fast", "slow writes", "read stalls", "slow", "write stalls", "fast", "all stalls")


@dataclass(frozen=True)
class Circumstances:
    """What a request runs under. batches: images of each RUN; delay: cycles from the phase to the action."""

    memory: MemorySettings
    batches: tuple[int, ...]
    action: Action = Action.RUN
    phase: Phase = Phase.CONFIGURE
    delay: int = 0
    pause: int = 0


def is_single(index: int) -> bool:
    """Whether network number `index` is one layer, from numbers to scores."""
    return index % PERIOD == PERIOD - 1


def is_classifier(index: int) -> bool:
    """Whether network number `index` ends in fully connected layers."""
    return index % PERIOD == PERIOD - 2


def wishes(index: int, seed: int) -> tuple[Wanted, ...]:
    """The layers of network number `index`."""
    group, place = divmod(index, PERIOD)
    if is_single(index):
        return (_single(group),)
    first = _first((PERIOD - 1) * group + place)
    if is_classifier(index):
        return first, *_classifier(group)
    number, rng = (PERIOD - 2) * group + place, random.Random(seed)
    more = (_free(rng),) if number % 4 == 3 else ()
    return first, *more, *_last_two(number)


def _last_two(number: int) -> tuple[Wanted, Wanted]:
    """A hidden layer, through all kinds of kernels, pooled or not, and all cuts; a last layer through all kinds."""
    wide = KINDS[number % len(KINDS)][1] is Stride.MORE  # such maps are large without large pools
    kind = (Pool.TWO, Pool.NOT_SQUARE)[number % 2] if wide else Pool(1 + number % 3)
    pool = Pool.NONE if number // len(KINDS) % 2 else kind
    turn = number + number // len(KINDS)
    classes = {**_kernel(number, turn), **_pool(pool, 1 if wide else number // 6)}
    inputs, outputs, pixels = Cut(number % 3), number // 3 % 3, Cut(number // 9 % 3)
    chunks = {Cut.ONE: 1 + number // 27 % 3, Cut.TWO: 2 + number // 27 % 2 * 2, Cut.MORE: 3}[inputs]
    hidden = Wanted(classes, CHANNELS[chunks - 1], inputs, pixels)
    last_classes = {**_kernel(8 * number, turn + 1), "pool": int(Pool.NONE)}
    return hidden, Wanted(last_classes, OUTPUTS[outputs], Cut(number // 2 % 3), Cut.ONE)


def _classifier(group: int) -> tuple[Wanted, Wanted, Wanted]:
    """Fully connected layers: of a whole map, a hidden one and the last, cut in every way."""
    cut, other = Cut(group % 3), Cut((group // 3 + 1) % 3)
    whole = {"stride": int(Stride.ONE), "padding": int(Padding.NONE), "pool": int(Pool.NONE)}
    one = {**whole, "kernel": int(Kernel.ONE)}
    return (
        Wanted(whole, CHANNELS[group // 2 % 3], Cut(group // 2 % 3), Cut.ONE, full=True),
        Wanted(one, CHANNELS[cut], cut, Cut.ONE, full=True),
        Wanted({**one, "made_y": 1, "made_x": 1}, CHANNELS[other], other, Cut.ONE, full=True),
    )


def _first(number: int) -> Wanted:
    """Numbers of 6 and 8 bits through all kinds of kernels, pooled or not, one kernel row a step or all of them."""
    round_ = number // len(KINDS)
    # Mostly not where the next layer pools; whole windows, and not the largest: the image is what all pools make small.
    pool = (Pool.TWO, Pool.NOT_SQUARE)[number % 2] if round_ % 2 else Pool.NONE
    classes = {**_kernel(number, 0), **_pool(pool, 1)}
    return Wanted(classes, (1, 3), Cut.ONE, Cut(number // 2 % 3), (6, 8)[round_ // 2 % 2], number % 2 == 0)


def _single(number: int) -> Wanted:
    """The only layer: from numbers to scores."""
    kinds = [kind for kind in KINDS if kind[0] in (Kernel.THREE, Kernel.SQUARE)]
    kernel, stride, padded = kinds[5 * number % len(kinds)]
    padding = Padding.ZERO if padded else Padding.NONE
    classes = {"kernel": int(kernel), "stride": int(stride), "padding": int(padding), "pool": int(Pool.NONE)}
    return Wanted(classes, (1, 4), Cut.ONE, Cut.ONE, (6, 8)[number % 2], number // 2 % 2 == 0)


def _free(rng: random.Random) -> Wanted:
    """A small layer of any kind."""
    classes = {"stride": int(Stride.ONE), "pool": int(Pool.NONE), "kernel_y": rng.choice((1, 2, 3))}
    return Wanted(classes, (1, 24), Cut.ONE, Cut(rng.randrange(3)))


def _kernel(number: int, bit: int) -> Classes:
    """Kernel, stride and padding; what a padded map of bits is padded with, by `bit`."""
    kernel, stride, padded = KINDS[number % len(KINDS)]
    padding = BITS[bit % len(BITS)] if padded else Padding.NONE
    return {"kernel": int(kernel), "stride": int(stride), "padding": int(padding)}


def _pool(pool: Pool, number: int) -> Classes:
    """A pool whose windows cover all of the map in every other round, and leave a row in the others."""
    if pool is Pool.NONE:
        return {"pool": int(pool)}
    return {"pool": int(pool), **({"rest_y": 0, "rest_x": 0} if number % 2 else {"rest_y": 1})}


def contents(index: int, number: int) -> Contents:
    """What fills network number `index` for its request `number`: all combinations, one after the other."""
    at = 2 * index + number
    return Contents(
        weights=Weights(at % 3),
        thresholds=Thresholds(at // 3 % 5),
        scores=Scores((index + index // PERIOD + number) % len(Scores)),
        pixels=Pixels(at // 2 % len(Pixels)) if index % 2 else Pixels.RANDOM,
        flips=at // 15 % 2 == 0,
        minimum=(index // 5 + number) % 2 == 0,
        full=index % 4 != 3,
    )


def circumstances(index: int, seed: int) -> tuple[Circumstances, ...]:
    """A run at a pace of its own, and one that is disturbed."""
    rng = random.Random(seed)
    action, phase = disturbance(index)
    kind, batches = MEMORIES[index % len(MEMORIES)], BATCHES[index % len(BATCHES)]
    if is_classifier(index) and index // PERIOD % 2 == 0:
        kind = "slow writes"
    pause = PAUSES[index // len(BATCHES) % len(PAUSES)]
    return (
        Circumstances(memory(kind, rng), MANY if kind == "slow writes" else batches, pause=pause),
        Circumstances(memory("all stalls", rng), (2,), action, phase, rng.randrange(60)),
    )


def disturbance(index: int) -> tuple[Action, Phase]:
    """What happens to network number `index`."""
    return ACTIONS[index % len(ACTIONS)]


def memory(kind: str, rng: random.Random) -> MemorySettings:
    """Memory timing of a kind."""
    reorder, latency = rng.choice(list(Reorder)), rng.randrange(1, 60)
    stalls: Mapping[str, Stalls] = {
        "fast": Stalls(),
        "slow": Stalls(),
        "slow writes": Stalls(aw=245, w=254, b=250),
        "read stalls": Stalls(ar=rng.randrange(200), r=rng.randrange(200)),
        "write stalls": Stalls(aw=rng.randrange(200), w=rng.randrange(240), b=rng.randrange(240)),
        "all stalls": Stalls(*(rng.randrange(150) for _ in range(5))),
    }
    rate = rng.randrange(64, 160) if kind == "slow" else 512 if kind == "fast" else 256
    return MemorySettings(latency, rate, stalls[kind], reorder)
