"""What a request must produce, as plain data: golden tensors, and how to find each in what the taps show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tb.compare import Sighting
from tb.records import Records

Observer = Callable[[int, Records], list[Sighting]]


@dataclass(frozen=True)
class LayerView:
    """One row of a program's layer table: `nodes` are the graph nodes whose tensors it lets be seen; MACs of one
    image, nominal (padding counted) and executed."""

    name: str
    nodes: tuple[str, ...]
    macs: int
    executed: int


@dataclass(frozen=True)
class MemoryTensor:
    """A tensor that stands in memory after an image: the node, and its byte offset in the output of one image."""

    node: str
    offset: int
    size: int


@dataclass(frozen=True)
class Expectation:
    """tensors: of every node by name, (images, ...) int8. batches: images of each RUN, in order. observe gives the
    sightings of a layer in its tap records."""

    layers: tuple[LayerView, ...]
    tensors: Mapping[str, npt.NDArray[np.int8]]
    batches: tuple[int, ...]
    outputs: tuple[MemoryTensor, ...]
    observe: Observer

    @property
    def images(self) -> int:
        return sum(self.batches)

    def image_number(self, position: int) -> int:
        """The number within its RUN of the image at a position in the whole request."""
        for batch in self.batches:
            if position < batch:
                return position
            position -= batch
        return -1
