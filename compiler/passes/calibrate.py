"""Calibrate: the least and greatest value of every feature map over given inputs."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from compiler.errors import BadData
from compiler.frontends.loaded import Range
from golden.ir import Graph, GraphError
from golden.run import run

BATCH = 32


def calibrate(graph: Graph, images: npt.NDArray[np.float32]) -> dict[str, Range]:
    """Ranges by tensor name of a float graph of one input, over images (n, height, width, channels).

    Raises BadData where the images do not suit the graph."""
    if len(images) == 0:
        raise BadData("there are no calibration images", file=graph.name)
    ranges: dict[str, Range] = {}
    for first in range(0, len(images), BATCH):
        for name, values in _values(graph, images[first : first + BATCH]).items():
            least, greatest = float(values.min()), float(values.max())
            if not (math.isfinite(least) and math.isfinite(greatest)):
                raise BadData(f"calibration: values of '{name}' are not finite", file=graph.name)
            known = ranges.get(name, (least, greatest))
            ranges[name] = (min(known[0], least), max(known[1], greatest))
    return ranges


def _values(graph: Graph, images: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.generic]]:
    try:
        # An overflow shows as an infinite value, which is refused by name.
        with np.errstate(over="ignore", invalid="ignore"):
            return run(graph, {graph.inputs[0]: images})
    except GraphError as error:
        raise BadData(f"calibration: {error}") from None
