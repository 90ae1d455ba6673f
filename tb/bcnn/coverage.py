"""Functional coverage of pipelines: what a request that passed has covered of a configuration and its contents."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from itertools import product

from rtl.bcnn.config import CHUNK, Config, Layer
from rtl.bcnn.config import ERRORS as CODES
from rtl.lib.registers import Error
from tb.bcnn.network_graph import Contents, Pixels, Scores, Thresholds, Weights, is_full
from tb.bcnn.network_item import PORTS, Cut, Kernel, Padding, Pool, Stride
from tb.bcnn.strata import Circumstances
from tb.coverage import Cross, Hit, Values
from tb.job import Action, Phase
from tb.outcome import RequestOutcome


def names(kinds: type[IntEnum]) -> Values:
    """The values of an axis."""
    return tuple(kind.name for kind in kinds)


NO_YES = ("no", "yes")
PHASES = tuple(str(phase) for phase in Phase)
KERNELS = tuple(kind.name for kind in Kernel if kind is not Kernel.ONE)
NUMBERS = ("6", "8")
FUSIONS = ("activation", "pool")
# A kernel of one pixel has no padding: no padding is as wide as its kernel.
WINDOWS = tuple(
    (kernel, stride, padding)
    for kernel, stride, padding in product(names(Kernel), names(Stride), NO_YES)
    if kernel != Kernel.ONE.name or padding == "no"
)
# Numbers that become scores are a pipeline of one layer, which has a cross of its own.
MAPS = (
    ("bits", "none"),
    ("bits", "activation"),
    ("bits", "pool"),
    ("numbers", "activation"),
    ("numbers", "pool"),
)
POSSIBLE_LAYERS = tuple((*window, *kind) for window in WINDOWS for kind in MAPS)
PLACES = ("numbers", "convolution", "fully connected", "last convolution", "last fully connected")
# The first layer waits for the memory to be read, the others for the layer before them; what a layer makes waits for
# room, in the next map or in the memory.
POSSIBLE_STALLS = (
    ("read", "numbers"),
    *(("dependency", place) for place in PLACES[1:]),
    *(("write", place) for place in PLACES),
)
# A stream is checked before anything runs; the first error of a write is told when a layer has ended.
POSSIBLE_ERRORS = (
    ("CONFIG_MISMATCH", "configure"),
    *(("BUS_READ", phase) for phase in PHASES),
    ("BUS_WRITE", "later"),
    *(("WATCHDOG", phase) for phase in PHASES),
    *(("BAD_REQUEST", phase) for phase in PHASES),
)
CROSSES = (
    Cross(
        "layer",
        (
            ("kernel", names(Kernel)),
            ("stride", names(Stride)),
            ("padding", NO_YES),
            ("map", ("bits", "numbers")),
            ("fusion", ("none", *FUSIONS)),
        ),
        POSSIBLE_LAYERS,
    ),
    Cross(
        "padding",
        (("kernel", KERNELS), ("stride", names(Stride)), ("kind", names(Padding)[1:])),
    ),
    Cross(
        "numbers",
        (("kernel", names(Kernel)), ("stride", names(Stride)), ("padding", NO_YES), ("bits", NUMBERS)),
        tuple((*window, bits) for window in WINDOWS for bits in NUMBERS),
    ),
    Cross("rows", (("kernel", KERNELS), ("bits", NUMBERS), ("at once", ("one", "all")))),
    Cross("single", (("bits", NUMBERS), ("at once", ("one", "all")))),
    Cross("tiles", (("inputs", names(Cut)), ("outputs", names(Cut)), ("pixels", names(Cut)))),
    Cross("chunks", (("number", names(Cut)), ("last", ("whole", "part")))),
    Cross("pool", (("kind", names(Pool)[1:]), ("minimum", NO_YES), ("rest", NO_YES))),
    Cross("data", (("weights", names(Weights)), ("thresholds", names(Thresholds)))),
    Cross("thresholds", (("kind", names(Thresholds)), ("flips", NO_YES), ("fusion", FUSIONS))),
    Cross("scores", (("kind", names(Scores)), ("operator", ("convolution", "fully connected")))),
    Cross("pixels", (("kind", names(Pixels)), ("bits", NUMBERS))),
    Cross("stall", (("kind", ("read", "dependency", "write")), ("place", PLACES)), POSSIBLE_STALLS),
    Cross("error", (("code", CODES), ("phase", PHASES)), POSSIBLE_ERRORS),
    Cross("reset", (("phase", PHASES),)),
    Cross(
        "requests",
        (("queued", ("one", "back to back", "apart")), ("images", ("one", "more"))),
    ),
    Cross("in flight", (("images", names(Cut)),)),
    Cross("port", (("bytes", tuple(map(str, sorted(set(PORTS))))),)),
)


def sample(
    config: Config, contents: Contents, under: Circumstances, outcome: RequestOutcome, seed: int
) -> Hit:
    """What a request covered."""
    found = [*_windows(config), *_cuts(config), *_pools(config, contents), *_data(config, contents)]
    found += [
        *_stalls(config, contents, outcome),
        *_requests(under, outcome),
        ("port", (str(config.memory_bytes),)),
    ]
    return Hit(seed, tuple(found))


def is_single(config: Config) -> bool:
    """One layer, from numbers to scores."""
    return len(config.layers) == 1


def _windows(config: Config) -> Iterator[tuple[str, Values]]:
    """Kernel, stride and padding of each layer."""
    for layer in config.layers:
        kernel, stride, padding = _kernel(layer), _stride(layer), NO_YES[any(layer.padding)]
        if not is_single(config):
            yield "layer", (kernel, stride, padding, "bits" if layer.binary else "numbers", _fusion(layer))
        if layer.binary and any(layer.padding):
            kind = {0: Padding.ZERO, 1: Padding.PLUS, -1: Padding.MINUS}[layer.padding_value]
            yield "padding", (kernel, stride, kind.name)
        if not layer.binary:
            bits, at_once = str(layer.input_bits), "all" if layer.row_steps == 1 else "one"
            yield "numbers", (kernel, stride, padding, bits)
            if kernel != Kernel.ONE.name and layer.kernel[0] > 1:
                yield "rows", (kernel, bits, at_once)
                if is_single(config):
                    yield "single", (bits, at_once)


def _kernel(layer: Layer) -> str:
    height, width = layer.kernel
    if height != width:
        return Kernel.NOT_SQUARE.name
    return {1: Kernel.ONE, 3: Kernel.THREE}.get(height, Kernel.SQUARE).name


def _stride(layer: Layer) -> str:
    return {(1, 1): Stride.ONE, (2, 2): Stride.TWO}.get(layer.stride, Stride.MORE).name


def _fusion(layer: Layer) -> str:
    return "none" if layer.scores else "pool" if layer.pooled else "activation"


def _cut(parts: int) -> str:
    return Cut(min(parts, len(Cut)) - 1).name


def _cuts(config: Config) -> Iterator[tuple[str, Values]]:
    """Slices of the channels that are read, chunks of those that are made, groups of pixels."""
    for layer in config.layers:
        if layer.binary:
            whole = "part" if layer.channels % CHUNK else "whole"
            yield "chunks", (_cut(layer.planes), whole)
        if layer.binary and not layer.scores:
            chunks = -(-layer.filters // CHUNK)
            yield "tiles", (_cut(layer.slices), _cut(chunks), _cut(layer.groups))


def _pools(config: Config, contents: Contents) -> Iterator[tuple[str, Values]]:
    for layer in config.layers:
        if layer.pooled:
            square = {(2, 2): Pool.TWO, (3, 3): Pool.SQUARE}.get(layer.pool, Pool.NOT_SQUARE)
            rest = bool(layer.out_height % layer.pool[0] or layer.out_width % layer.pool[1])
            yield "pool", (square.name, NO_YES[contents.minimum], NO_YES[rest])


def _data(config: Config, contents: Contents) -> Iterator[tuple[str, Values]]:
    thresholds, last = contents.thresholds.name, config.layers[-1]
    if not is_single(config):
        yield "data", (contents.weights.name, thresholds)
    for layer in config.layers[:-1]:
        yield "thresholds", (thresholds, NO_YES[contents.flips], _fusion(layer))
    operator = "fully connected" if contents.full and is_full(last) else "convolution"
    yield "scores", (contents.scores.name, operator)
    yield "pixels", (contents.pixels.name, str(config.layers[0].input_bits))


def _stalls(config: Config, contents: Contents, outcome: RequestOutcome) -> Iterator[tuple[str, Values]]:
    """What the engines' counters say that they have waited for."""
    for layer, told in zip(config.layers, outcome.layers, strict=True):
        operator = "fully connected" if contents.full and is_full(layer) else "convolution"
        place = f"last {operator}" if layer.scores else operator
        place = place if layer.binary else "numbers"
        for kind, cycles in told["stalls"].items():
            if cycles and (kind, place) in POSSIBLE_STALLS:
                yield "stall", (kind, place)


def _requests(under: Circumstances, outcome: RequestOutcome) -> Iterator[tuple[str, Values]]:
    if outcome.action == Action.SOFT_RESET:
        yield "reset", (outcome.phase,)
    elif outcome.error:
        yield "error", (Error(outcome.error).name, outcome.phase)
    queued = "one" if outcome.batches == 1 else "apart" if under.pause else "back to back"
    yield "requests", (queued, "more" if outcome.images > outcome.batches else "one")
    if outcome.interval and outcome.first_frame_cycles:
        yield "in flight", (_cut(max(1, round(outcome.first_frame_cycles / outcome.interval))),)
