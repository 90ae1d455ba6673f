"""Functional coverage of the systolic array: what an item that passed has covered."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from itertools import product
from typing import Any

from rtl.lib.registers import Error
from rtl.systolic.config import Config
from rtl.systolic.isa import Sparsity
from tb.coverage import Cross, Hit, Values
from tb.job import Action, Phase
from tb.outcome import RequestOutcome
from tb.prepare import Stimulus
from tb.systolic.layer_item import Corner, Fusion, Kernel, LayerShape, Operator, Precision, Stride, Tiles
from tb.systolic.tiles import cut_of_layer, sparsity_of_layer


def names(kinds: type[IntEnum]) -> Values:
    """The values of an axis."""
    return tuple(kind.name for kind in kinds)


STALLS = ("read", "write", "dependency")
PHASES = tuple(str(phase) for phase in Phase)
ERRORS = tuple(error.name for error in Error if error is not Error.NONE)
# Which error can come when. A configuration is checked before anything runs; instructions run after it; a
# layer is stored to memory after its results are complete, so that a write can only fail later.
POSSIBLE_ERRORS = (
    ("CONFIG_MISMATCH", "configure"),
    ("ILLEGAL_INSTRUCTION", "first layer"),
    ("ILLEGAL_INSTRUCTION", "later"),
    ("OPERAND_RANGE", "first layer"),
    ("OPERAND_RANGE", "later"),
    ("BUS_READ", "configure"),
    ("BUS_READ", "first layer"),
    ("BUS_READ", "later"),
    ("BUS_WRITE", "later"),
    ("WATCHDOG", "configure"),
    ("WATCHDOG", "first layer"),
    ("WATCHDOG", "later"),
    ("BAD_REQUEST", "configure"),
    ("BAD_REQUEST", "first layer"),
    ("BAD_REQUEST", "later"),
)
# The array waits for another unit only with a product in hand; a pool or an add alone has none.
POSSIBLE_STALLS = (
    *product(("read", "write"), names(Operator)),
    ("dependency", "CONVOLUTION"),
    ("dependency", "FULLY_CONNECTED"),
)
CROSSES = (
    Cross(
        "layer",
        (
            ("kernel", names(Kernel)),
            ("stride", names(Stride)),
            ("padding", ("no", "yes")),
            ("precision", ("INT8", "INT4")),
            ("fusion", names(Fusion)),
        ),
    ),
    Cross(
        "sparsity",
        (
            ("mode", names(Sparsity)),
            ("kernel", names(Kernel)),
            ("stride", names(Stride)),
            ("precision", ("INT8", "INT4")),
            ("fusion", names(Fusion)),
        ),
    ),
    Cross("sparse tiles", (("mode", names(Sparsity)), ("inputs", names(Tiles)), ("outputs", names(Tiles)))),
    Cross("sparse stall", (("mode", names(Sparsity)), ("kind", STALLS))),
    Cross("tiles", (("inputs", names(Tiles)), ("outputs", names(Tiles)), ("pixels", names(Tiles)))),
    Cross("stall", (("kind", STALLS), ("operator", names(Operator))), POSSIBLE_STALLS),
    Cross("error", (("code", ERRORS), ("phase", PHASES)), POSSIBLE_ERRORS),
    Cross("reset", (("phase", PHASES),)),
    Cross("data", (("corner", names(Corner)), ("precision", names(Precision)))),
    Cross("requests", (("queued", ("one", "back to back")), ("images", ("one", "more")))),
)


def sample(shape: LayerShape, made: Stimulus, outcome: RequestOutcome, seed: int, config: Config) -> Hit:
    """What an item covered."""
    found = [*_layer(shape, made), *_tiles(shape, made, config), *_stalls(shape, made, outcome)]
    found += [*_disturbance(outcome), ("data", (shape.corner.name, shape.precision.name))]
    return Hit(seed, tuple(found))


def _layer(shape: LayerShape, made: Stimulus) -> Iterator[tuple[str, Values]]:
    """The convolution as it ran: fused with the node after it only if both are in one layer."""
    if shape.operator is not Operator.CONVOLUTION or shape.precision.name not in ("INT8", "INT4"):
        return
    fused = len(made.program.layers[0].nodes) > 1
    if shape.fusion in (Fusion.ADD, Fusion.POOL) and not fused:
        return
    padding = "yes" if any(shape.padding) else "no"
    kernel, stride = _kernel(shape).name, _stride(shape).name
    yield "layer", (kernel, stride, padding, shape.precision.name, shape.fusion.name)
    mode = sparsity_of_layer(made.program, 0).name
    yield "sparsity", (mode, kernel, stride, shape.precision.name, shape.fusion.name)


def _kernel(shape: LayerShape) -> Kernel:
    height, width = shape.kernel
    if height != width:
        return Kernel.NOT_SQUARE
    return {1: Kernel.ONE, 3: Kernel.THREE}.get(height, Kernel.SQUARE)


def _stride(shape: LayerShape) -> Stride:
    return {(1, 1): Stride.ONE, (2, 2): Stride.TWO}.get(shape.stride, Stride.MORE)


def _tiles(shape: LayerShape, made: Stimulus, config: Config) -> Iterator[tuple[str, Values]]:
    # Of a larger kernel the channels are cut within each kernel row: its tiles are not those of the channels.
    if shape.operator is Operator.CONVOLUTION and _kernel(shape) is Kernel.ONE:
        cut = cut_of_layer(made.program, 0, shape.in_channels, shape.out_channels, config)
        if cut:
            mode = sparsity_of_layer(made.program, 0).name
            yield "sparse tiles", (mode, cut.reduction.name, cut.outputs.name)
            if cut.pixels is not None:
                yield "tiles", (cut.reduction.name, cut.outputs.name, cut.pixels.name)


def _stalls(shape: LayerShape, made: Stimulus, outcome: RequestOutcome) -> Iterator[tuple[str, Values]]:
    """Stalls of a request of one layer, which are those of its operator."""
    if len(outcome.layers) != 1:
        return
    stalls: dict[str, Any] = outcome.layers[0]["stalls"]
    for kind in STALLS:
        if stalls[kind]:
            yield "stall", (kind, shape.operator.name)
            if shape.operator is Operator.CONVOLUTION:
                yield "sparse stall", (sparsity_of_layer(made.program, 0).name, kind)


def _disturbance(outcome: RequestOutcome) -> Iterator[tuple[str, Values]]:
    if outcome.action == Action.SOFT_RESET:
        yield "reset", (outcome.phase,)
    elif outcome.error:
        yield "error", (Error(outcome.error).name, outcome.phase)
    batches = "back to back" if outcome.batches > 1 else "one"
    yield "requests", (batches, "more" if outcome.images > outcome.batches else "one")
