"""What a request must produce, as plain data: golden tensors, and how to find each in what the taps show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from compiler.observation import Gathered
from compiler.program import Layer, Placement
from tb.compare import Subject
from tb.records import Records

Observer = Callable[[int, Records], Gathered]
Matches = Callable[[int, int, Records], bool]


def never(layer: int, image: int, records: Records) -> bool:
    """Every layer is looked at closely."""
    return False


@dataclass(frozen=True)
class Expectation:
    """layers: the program's layer table. tensors: of every node of the graph by tensor name, (images, ...),
    int8 or int32. batches: images of each RUN, in order. outputs: what stands in memory for each image. observe:
    from a layer and its tap records to tensors. event_lanes: layers that may end in one cycle. taps: whether
    the taps are recorded; if not, only what stands in memory is compared. matches: whether the records of a layer
    and image show its golden tensors and nothing else; where they do not, `observe` tells what is wrong. operators:
    what makes each node."""

    layers: tuple[Layer, ...]
    tensors: Mapping[str, npt.NDArray[Any]]
    batches: tuple[int, ...]
    outputs: tuple[Placement, ...]
    observe: Observer
    event_lanes: int = 1
    taps: bool = True
    matches: Matches = never
    operators: Mapping[str, str] = field(default_factory=dict)

    @property
    def images(self) -> int:
        """Of all batches."""
        return sum(self.batches)

    @property
    def observable(self) -> set[str]:
        """Tensors that are compared somewhere."""
        shown = {name for layer in self.layers for name in layer.tensors}
        return shown | {place.tensor for place in self.outputs}

    def subject(self, layer: str, node: str, position: int) -> Subject:
        """A node's tensor of the image at a position in the whole request, to compare with."""
        golden = self.tensors[node]
        before = golden[position - 1] if position else None
        return Subject(layer, node, self.operators.get(node, ""), position, golden[position], before)

    def maker(self, node: str) -> str:
        """The layer that makes a node, the last one if several make parts of it."""
        return next((layer.name for layer in reversed(self.layers) if node in layer.tensors), "")

    def operator(self, layer: int) -> str:
        """What a layer does: the operator of its first node that has one."""
        return next(
            (self.operators[node] for node in self.layers[layer].tensors if node in self.operators), ""
        )

    def number_in_batch(self, position: int) -> int:
        """The number within its RUN of the image at a position in the whole request."""
        for batch in self.batches:
            if position < batch:
                return position
            position -= batch
        return -1
