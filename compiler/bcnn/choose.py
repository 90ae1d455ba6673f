"""Chooses a pipeline for a network: for every layer the least hardware that makes the cycles asked for.

Engines are chosen one by one, since the slowest of them alone decides. Least means fewest LUTs; where blocks of memory
then do not suffice, they are given a price in LUTs that rises until both bounds hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from compiler.bcnn.estimate import input_cycles
from compiler.bcnn.resources import Usage, together, usage
from compiler.bcnn.stages import Stage, bits_of, chain, pool_of, refusal
from compiler.errors import DoesNotFit
from golden.ir import Conv2D, Graph
from rtl.bcnn.config import CHUNK, ONE_BIT, SCORE_BITS, Config, ConfigError, Layer

PRICES = (0, *(4**power for power in range(8)), math.inf)
"""LUTs that a block of memory is worth."""


@dataclass(frozen=True)
class Bounds:
    """What a pipeline may take. cycles: from image to image; luts, brams (blocks of 36 Kbit): estimated, see
    `compiler.bcnn.resources`."""

    cycles: int
    luts: float = math.inf
    brams: float = math.inf


@dataclass(frozen=True)
class Option:
    """One way to build a layer."""

    layer: Layer
    usage: Usage


def choose(graph: Graph, bounds: Bounds, name: str, memory_bytes: int = 16) -> Config:
    """A pipeline called `name` for a binary graph. Raises DoesNotFit naming the bound that fails."""
    stages = chain(graph)
    found = [
        _fast_enough(layer, stage, bounds)
        for layer, stage in zip(_layers(graph, stages), stages, strict=True)
    ]
    for price in PRICES:
        chosen = [min(options, key=partial(_cost, price=price)) for options in found]
        taken = together([option.usage for option in chosen])
        if taken.luts <= bounds.luts and taken.brams <= bounds.brams:
            return _config(name, memory_bytes, chosen, bounds)
    raise DoesNotFit(_excess(found, bounds), file=graph.name)


def _config(name: str, memory_bytes: int, chosen: Sequence[Option], bounds: Bounds) -> Config:
    try:
        config = Config(name, memory_bytes, tuple(option.layer for option in chosen))
    except ConfigError as error:
        raise DoesNotFit(str(error)) from None
    if input_cycles(config) > bounds.cycles:
        needed = f"an image of {config.input_bytes} bytes takes {input_cycles(config)} cycles to read"
        raise DoesNotFit(f"{needed}, asked for are {bounds.cycles}")
    return config


def _cost(option: Option, price: float) -> tuple[float, float]:
    """What is least in the option that is taken."""
    luts, brams = option.usage.luts, option.usage.brams
    return (brams, luts) if price == math.inf else (luts + price * brams, brams)


def _excess(found: Sequence[Sequence[Option]], bounds: Bounds) -> str:
    """Why no choice fits."""
    luts = sum(min(option.usage.luts for option in options) for options in found)
    brams = sum(min(option.usage.brams for option in options) for options in found)
    for what, least, most in (("LUTs", luts, bounds.luts), ("BRAMs", brams, bounds.brams)):
        if least > most:
            return f"{bounds.cycles} cycles need at least {least:,} {what}, allowed are {most:,}"
    return (
        f"{bounds.cycles} cycles: no pipeline of those tried has both at most {bounds.luts:,} LUTs and"
        f" {bounds.brams:,} BRAMs; {luts:,} LUTs or {brams:,} BRAMs alone can be had"
    )


def _fast_enough(layer: Layer, stage: Stage, bounds: Bounds) -> list[Option]:
    """The ways to build a layer that keep up. Raises DoesNotFit where there is none."""
    options = [Option(candidate, usage(candidate)) for candidate in candidates(layer)]
    kept = [option for option in options if option.usage.cycles <= bounds.cycles]
    if not kept:
        least = min(option.usage.cycles for option in options)
        raise refusal(stage.product, f"takes at least {least} cycles, asked for are {bounds.cycles}")
    return kept


def candidates(layer: Layer) -> Iterator[Layer]:
    """The layer with every legal uf and p."""
    row = layer.kernel[1] * layer.channels
    planes = -(-layer.channels // CHUNK)
    widths = {row * layer.kernel[0], row, *(layer.kernel[1] * CHUNK * cut for cut in range(1, planes))}
    for uf in sorted(widths):
        for p in range(1, layer.out_width + 1):
            try:
                yield replace(layer, uf=uf, p=p)
            except ConfigError:
                continue


def _layers(graph: Graph, stages: Sequence[Stage]) -> Iterator[Layer]:
    """The layers of a graph, whole kernel rows and rows of outputs at once."""
    shape = graph.tensor(graph.inputs[0]).shape[1:]
    counts = {"conv": 0, "fc": 0}
    for stage in stages:
        kind = "conv" if isinstance(stage.product.operator, Conv2D) else "fc"
        counts[kind] += 1
        layer = _layer(graph, stage, shape, f"{kind}{counts[kind]}")
        yield layer
        shape = layer.map_height, layer.map_width, layer.filters


def _layer(graph: Graph, stage: Stage, shape: tuple[int, ...], name: str) -> Layer:
    """Raises DoesNotFit naming the node for what no engine does."""
    node, weights = stage.product, graph.tensor(stage.product.inputs[1]).shape
    height, width, channels = (*(1,) * (3 - len(shape)), *shape)
    kernel, window = (height, width), dict[str, Any]()
    if isinstance(node.operator, Conv2D):
        value = node.operator.padding_value if any(node.operator.padding) else 0
        kernel = weights[1], weights[2]
        window = {"stride": node.operator.stride, "padding": node.operator.padding, "padding_value": value}
    if bits_of(graph, node, node.inputs[1]) != ONE_BIT:
        raise refusal(node, "weights of more than one bit are for other accelerators")
    scores = bits_of(graph, node, node.output) == SCORE_BITS
    p = 1 if scores else (*graph.tensor(node.output).shape, 1, 1)[2]
    window |= {"pool": pool_of(stage), "input_bits": bits_of(graph, node, node.inputs[0]), "scores": scores}
    try:
        return Layer(name, height, width, channels, weights[0], kernel, kernel[1] * channels, p, **window)
    except ConfigError as error:
        raise refusal(node, str(error)) from None


def table(config: Config) -> list[tuple[str, ...]]:
    """What a pipeline takes: heads, a row for each layer, and the whole."""
    parts = [usage(layer) for layer in config.layers]
    rows = [
        (layer.name, str(layer.uf), str(layer.p), *_cells(part))
        for layer, part in zip(config.layers, parts, strict=True)
    ]
    heads = ("layer", "uf", "p", "cycles", "LUT", "BRAM36")
    return [heads, *rows, ("whole", "", "", *_cells(together(parts)))]


def _cells(part: Usage) -> tuple[str, ...]:
    return f"{part.cycles:,}", f"{part.luts:,}", f"{part.brams:,g}"
