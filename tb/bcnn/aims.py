"""Which bins an item of the random pipelines is after, told by its number and seed alone: nothing is solved or run."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from rtl.bcnn.config import CHUNK
from tb.aims import disturbance_aims
from tb.bcnn.coverage import NO_YES, POSSIBLE_STALLS
from tb.bcnn.network_graph import Contents
from tb.bcnn.network_item import PORTS, Cut, Kernel, Padding, Pool, Stride, Wanted
from tb.bcnn.strata import Circumstances, circumstances, contents, wishes
from tb.coverage import Bin


def aims(config: str, index: int, seed: int) -> Iterator[Bin]:
    """What network number `index` is likely to hit. config: says nothing, as each is drawn."""
    del config
    layers = wishes(index, seed)
    yield from _windows(layers)
    yield from _cuts(layers)
    yield "port", (str(random.Random(seed).choice(PORTS)),)
    for number, under in enumerate(circumstances(index, seed)):
        filled = contents(index, number)
        yield from _data(layers, filled)
        yield from _stalls(layers, filled)
        yield from _requests(under)
    yield from (
        ("in flight", (cut.name,)) for cut in Cut
    )  # by chance: how fast each layer is, no wish decides


def _windows(layers: Sequence[Wanted]) -> Iterator[Bin]:
    """Kernel, stride and padding of each layer that fixes them."""
    for place, wanted in enumerate(layers):
        classes = wanted.classes
        if not {"kernel", "stride", "padding"} <= set(classes):
            continue
        kernel, stride = Kernel(classes["kernel"]).name, Stride(classes["stride"]).name
        padding = Padding(classes["padding"])
        padded, binary = NO_YES[padding is not Padding.NONE], wanted.input_bits == 1
        if not is_only(layers):
            fusion = "none" if place == len(layers) - 1 else _fusion(wanted)
            yield "layer", (kernel, stride, padded, "bits" if binary else "numbers", fusion)
        if binary and padding is not Padding.NONE:
            yield "padding", (kernel, stride, padding.name)
        if not binary:
            yield from _numbers(wanted, layers, (kernel, stride, padded))


def is_only(layers: Sequence[Wanted]) -> bool:
    """One layer, from numbers to scores."""
    return len(layers) == 1


def _numbers(wanted: Wanted, layers: Sequence[Wanted], window: tuple[str, str, str]) -> Iterator[Bin]:
    bits, at_once = str(wanted.input_bits), "all" if wanted.rows_at_once else "one"
    yield "numbers", (*window, bits)
    if window[0] != Kernel.ONE.name:
        yield "rows", (window[0], bits, at_once)
        if is_only(layers):
            yield "single", (bits, at_once)


def _fusion(wanted: Wanted) -> str:
    return "activation" if wanted.classes.get("pool", Pool.NONE) == Pool.NONE else "pool"


def _chunks(channels: tuple[int, int]) -> str:
    """Of channels between these numbers, which need equally many."""
    return Cut(min(-(-channels[1] // CHUNK), len(Cut)) - 1).name


def _cuts(layers: Sequence[Wanted]) -> Iterator[Bin]:
    for wanted, following in zip(layers, [*layers[1:], None], strict=True):
        if wanted.input_bits > 1:
            continue
        yield "chunks", (_chunks(wanted.channels), "part" if wanted.channels[1] % CHUNK else "whole")
        # A bit of padding that is 1 is cut in whole chunks only, so that the channels fill them.
        if wanted.classes.get("padding") == Padding.PLUS and wanted.slices:
            yield "chunks", (_chunks(wanted.channels), "whole")
        if following:
            yield "tiles", (wanted.slices.name, _chunks(following.channels), wanted.groups.name)


def _data(layers: Sequence[Wanted], filled: Contents) -> Iterator[Bin]:
    thresholds = filled.thresholds.name
    if not is_only(layers):
        yield "data", (filled.weights.name, thresholds)
    for wanted in layers[:-1]:
        yield "thresholds", (thresholds, NO_YES[filled.flips], _fusion(wanted))
        yield from _pool(wanted, filled)
    yield "scores", (filled.scores.name, _operator(layers[-1], filled))
    yield "pixels", (filled.pixels.name, str(layers[0].input_bits))


def _pool(wanted: Wanted, filled: Contents) -> Iterator[Bin]:
    classes = wanted.classes
    if classes.get("pool", Pool.NONE) != Pool.NONE and "rest_y" in classes:
        rest = NO_YES[bool(classes["rest_y"])]
        yield "pool", (Pool(classes["pool"]).name, NO_YES[filled.minimum], rest)


def _operator(wanted: Wanted, filled: Contents) -> str:
    return "fully connected" if filled.full and wanted.full else "convolution"


def _stalls(layers: Sequence[Wanted], filled: Contents) -> Iterator[Bin]:
    """Each layer waits for something some time; for what, its neighbours' speed decides."""
    for place, wanted in enumerate(layers):
        operator = _operator(wanted, filled)
        last = place == len(layers) - 1
        told = "numbers" if wanted.input_bits > 1 else f"last {operator}" if last else operator
        yield from (("stall", pair) for pair in POSSIBLE_STALLS if pair[1] == told)


def _requests(under: Circumstances) -> Iterator[Bin]:
    yield from disturbance_aims(under.action, under.phase)
    single = len(under.batches) == 1
    queued = "one" if single else "apart" if under.pause else "back to back"
    yield "requests", (queued, "more" if sum(under.batches) > len(under.batches) else "one")
