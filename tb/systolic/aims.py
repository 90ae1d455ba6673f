"""Which bins an item of the random layers is after, told by its number and seed alone: nothing is solved or run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rtl.systolic.isa import Sparsity
from tb.aims import disturbance_aims
from tb.coverage import Bin
from tb.job import Phase
from tb.systolic.layer_item import Corner, Fusion, Kernel, Operator, Precision, Stride, Tiles
from tb.systolic.strata import Circumstances, circumstances, is_graph, stratum

FULL_RATE = 256  # beats in 256 cycles: one in every cycle
Classes = Mapping[str, int]


def aims(config: str, index: int, seed: int) -> Iterator[Bin]:
    """What item number `index` is likely to hit."""
    under = circumstances(index, seed)
    yield from _requests(under)
    if under.phase is Phase.LATER or is_graph(index):
        return  # a small graph, whose layers are free
    classes = stratum(index, config)
    if "input_tiles" in classes:
        yield from _tiles(classes)
    elif "kernel" in classes and "fusion" in classes:
        yield from _layer(classes)
    if "corner" in classes:
        yield "data", (Corner(classes["corner"]).name, Precision(classes["precision"]).name)
    if "operator" in classes:
        yield from _stalls(classes, under)


def _layer(classes: Classes) -> Iterator[Bin]:
    kernel, stride = Kernel(classes["kernel"]).name, Stride(classes["stride"]).name
    padding, precision = ("no", "yes")[classes["padded"]], Precision(classes["precision"]).name
    fusion = Fusion(classes["fusion"]).name
    yield "layer", (kernel, stride, padding, precision, fusion)
    yield "sparsity", (Sparsity(classes["sparsity"]).name, kernel, stride, precision, fusion)


def _tiles(classes: Classes) -> Iterator[Bin]:
    cut = Tiles(classes["input_tiles"]).name, Tiles(classes["output_tiles"]).name
    yield "sparse tiles", (Sparsity(classes["sparsity"]).name, *cut)
    if "pixel_tiles" in classes:
        yield "tiles", (*cut, Tiles(classes["pixel_tiles"]).name)


def _stalls(classes: Classes, under: Circumstances) -> Iterator[Bin]:
    """Of a request of one layer. What the array waits for between products no class decides."""
    operator, stalls = Operator(classes["operator"]), under.memory.stalls
    slow = under.memory.rate < FULL_RATE
    waits = {"read": slow or stalls.ar or stalls.r, "write": slow or stalls.aw or stalls.w or stalls.b}
    products = operator in (Operator.CONVOLUTION, Operator.FULLY_CONNECTED)
    for kind, likely in {**waits, "dependency": products}.items():
        if likely:
            yield "stall", (kind, operator.name)
            if operator is Operator.CONVOLUTION and "sparsity" in classes:
                yield "sparse stall", (Sparsity(classes["sparsity"]).name, kind)


def _requests(under: Circumstances) -> Iterator[Bin]:
    yield from disturbance_aims(under.action, under.phase)
    queued = "back to back" if len(under.batches) > 1 else "one"
    yield "requests", (queued, "more" if sum(under.batches) > len(under.batches) else "one")
