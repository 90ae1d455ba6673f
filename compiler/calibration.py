"""How a float network is to be quantised, and which ranges its maps then have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from compiler.errors import BadData, MissingRange
from compiler.frontends.loaded import Loaded, Range
from compiler.images import as_real, existing, read_data
from compiler.passes import quantised
from compiler.passes.calibrate import DEFAULT_CALIBRATOR, calibrate, check_calibrator
from compiler.passes.prune import BLOCK
from compiler.passes.widths import END_BITS
from golden.ir import Graph

CALIBRATION_SEED = 0
RANDOM_CALIBRATION_IMAGES = 32
UNIT_RANGE: Range = (0.0, 1.0)


@dataclass(frozen=True)
class Recipe:
    """bits: of maps and weights, 8 or 4. kept: weights that stay of each block of 4. end_weights: bits of the
    weights of the first and last layer of a 4-bit network. What a QONNX file states of its integers stays.

    calibration: data, on which the calibrator measures ranges; without it they are the file's, or else measured
    on random images."""

    bits: int = 8
    calibration: str | Path | None = None
    kept: int = BLOCK
    end_weights: int = END_BITS
    calibrator: str = DEFAULT_CALIBRATOR


DEFAULT_RECIPE = Recipe()


def ranges_of(graph: Graph, loaded: Loaded, recipe: Recipe) -> dict[str, Range]:
    """Ranges of every map of a float graph that was read as `loaded`, after FLOAT_PASSES and pruning.

    Raises BadData for data or a calibrator that do not suit."""
    check_calibrator(recipe.calibrator)
    name, shape = graph.inputs[0], graph.tensor(graph.inputs[0]).shape
    if recipe.calibration is not None:
        data = read_data(existing(recipe.calibration), shape)
        real = as_real(data, str(recipe.calibration))
        ranges = calibrate(graph, real, recipe.calibrator, recipe.bits)
        exact = {known: loaded.ranges[known] for known in loaded.prescribed.bits if known in loaded.ranges}
        return ranges | ({name: UNIT_RANGE} if data.dtype == np.uint8 else {}) | exact
    if _complete(graph, loaded.ranges):
        if recipe.calibrator != DEFAULT_CALIBRATOR:
            raise BadData(
                f"--calibrator {recipe.calibrator} needs --calibration: the file states its own ranges"
            )
        return loaded.ranges
    least, greatest = loaded.ranges.get(name, UNIT_RANGE)
    generator = np.random.default_rng(CALIBRATION_SEED)
    images = generator.random((RANDOM_CALIBRATION_IMAGES, *shape[1:]), dtype=np.float32)
    real = images * np.float32(greatest - least) + np.float32(least)
    measured = calibrate(graph, real, recipe.calibrator, recipe.bits)
    return measured | {name: (least, greatest)} | loaded.ranges


def image_range(graph: Graph, loaded: Loaded, recipe: Recipe) -> Range:
    """The least and greatest real input: as calibration data have it, or the file states it, or 0 to 1."""
    name = graph.inputs[0]
    if recipe.calibration is None:
        return loaded.ranges.get(name, UNIT_RANGE)
    data = read_data(existing(recipe.calibration), graph.tensor(name).shape)
    real = as_real(data, str(recipe.calibration))
    return UNIT_RANGE if data.dtype == np.uint8 else (float(real.min()), float(real.max()))


def _complete(graph: Graph, ranges: dict[str, Range]) -> bool:
    try:
        quantised(graph, ranges, 8)
    except MissingRange:
        return False
    return True


def without_inner_ranges(loaded: Loaded) -> Loaded:
    """Without the ranges of maps that pruning has changed: only those of the input and of maps whose integers
    the file prescribes still hold."""
    held = (*loaded.graph.inputs, *loaded.prescribed.bits)
    ranges = {name: value for name, value in loaded.ranges.items() if name in held}
    return replace(loaded, ranges=ranges)
