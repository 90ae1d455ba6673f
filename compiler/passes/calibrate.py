"""Calibrate: the range of every feature map over given inputs, by one of CALIBRATORS.

`minmax`: from the least to the greatest value. `percentile`: without the outermost values.
`mse`: the range whose quantisation errs least on the map's values, at the bits that the map will have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from compiler.errors import BadData
from compiler.frontends.loaded import Range
from compiler.passes.clipping import least_error_range, percentile_range
from compiler.passes.histograms import Histogram, histograms
from compiler.passes.widths import activation_bits
from golden.ir import Array, Graph, GraphError
from golden.run import run

BATCH = 32
CALIBRATORS = ("minmax", "percentile", "mse")
DEFAULT_CALIBRATOR = CALIBRATORS[0]

Images = npt.NDArray[np.float32]


def calibrate(
    graph: Graph, images: Images, calibrator: str = DEFAULT_CALIBRATOR, bits: int = 8
) -> dict[str, Range]:
    """Ranges by tensor name of a float graph of one input, over images (n, height, width, channels).

    bits: what the graph will be quantised to; it matters to `mse` alone. The inputs keep their extremes.
    Raises BadData where the images do not suit the graph, and for an unknown calibrator."""
    check_calibrator(calibrator)
    if len(images) == 0:
        raise BadData("there are no calibration images", file=graph.name)
    extremes = _extremes(graph, images)
    if calibrator == "minmax":
        return extremes
    widths = activation_bits(graph, bits)
    spread = histograms(_batches(graph, images), extremes)
    chosen = {name: _chosen(histogram, calibrator, widths[name]) for name, histogram in spread.items()}
    return chosen | {name: extremes[name] for name in graph.inputs}


def check_calibrator(name: str) -> None:
    """Raises BadData for a name that is not among CALIBRATORS."""
    if name not in CALIBRATORS:
        raise BadData(f"no calibrator '{name}': there are {', '.join(CALIBRATORS)}")


def _chosen(histogram: Histogram, calibrator: str, bits: int) -> Range:
    if calibrator == "percentile":
        return percentile_range(histogram)
    return least_error_range(histogram, bits)


def _extremes(graph: Graph, images: Images) -> dict[str, Range]:
    ranges: dict[str, Range] = {}
    for batch in _batches(graph, images):
        for name, values in batch.items():
            least, greatest = float(values.min()), float(values.max())
            if not (math.isfinite(least) and math.isfinite(greatest)):
                raise BadData(f"calibration: values of '{name}' are not finite", file=graph.name)
            known = ranges.get(name, (least, greatest))
            ranges[name] = (min(known[0], least), max(known[1], greatest))
    return ranges


def _batches(graph: Graph, images: Images) -> Iterator[dict[str, Array]]:
    """The values of every map, some images at a time."""
    for first in range(0, len(images), BATCH):
        yield _values(graph, images[first : first + BATCH])


def _values(graph: Graph, images: Images) -> dict[str, Array]:
    try:
        # An overflow shows as an infinite value, which is refused by name.
        with np.errstate(over="ignore", invalid="ignore"):
            return run(graph, {graph.inputs[0]: images})
    except GraphError as error:
        raise BadData(f"calibration: {error}") from None
