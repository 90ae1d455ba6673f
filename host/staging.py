"""Inputs on their way to an accelerator: checked when they are written, packed when a request takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from compiler.errors import BadData, UnknownName
from compiler.program import Placement, Program

Values = npt.NDArray[Any]


class Staging:
    """The images written for each input of a program; at most `capacity` of them."""

    def __init__(self, program: Program, capacity: int) -> None:
        self._program, self._capacity = program, capacity
        self._values: dict[str, Values] = {}

    def write(self, name: str, values: npt.ArrayLike) -> None:
        """Keep a copy of an input's images, of shape (n, ...) and the type of the placement. Raises BadData and
        UnknownName."""
        place = find_place(name, self._program.inputs, "input")
        given = np.asarray(values)
        wanted = ("n", *place.shape[1:])
        if given.dtype != place.dtype or given.shape[1:] != place.shape[1:] or given.ndim != len(wanted):
            raise BadData(f"input '{name}' is {given.dtype} {given.shape}, needed {place.dtype} {wanted}")
        if not 1 <= len(given) <= self._capacity:
            raise BadData(f"input '{name}' has {len(given)} images, needed 1 to {self._capacity}")
        self._values[name] = given.copy()

    def packed(self, count: int | None) -> bytes:
        """The bytes of the first `count` images (None: all). Raises BadData."""
        missing = [place.tensor for place in self._program.inputs if place.tensor not in self._values]
        if missing:
            raise BadData(f"nothing was written to input '{missing[0]}': write() it before run()")
        sizes = {name: len(values) for name, values in self._values.items()}
        if count is None and len(set(sizes.values())) > 1:
            raise BadData(f"inputs have different numbers of images: {sizes}")
        written = min(sizes.values())
        images = written if count is None else count
        if not 1 <= images <= written:
            raise BadData(f"count is {images}, needed 1 to {written}, the images written")
        return self._program.pack_inputs({name: values[:images] for name, values in self._values.items()})


def find_place(name: str, places: tuple[Placement, ...], kind: str) -> Placement:
    """The placement of an input or output. Raises UnknownName."""
    for place in places:
        if place.tensor == name:
            return place
    there = ", ".join(place.tensor for place in places)
    raise UnknownName(f"the program has no {kind} '{name}': there are {there}")


def chunks(inputs: Mapping[str, npt.ArrayLike], size: int) -> Iterator[dict[str, Values]]:
    """The inputs in parts of at most `size` images. Raises BadData when there are none or they differ in number."""
    arrays = {name: np.asarray(values) for name, values in inputs.items()}
    counts = {len(values) if values.ndim else 0 for values in arrays.values()}
    if len(counts) != 1 or 0 in counts:
        raise BadData(f"inputs have {sorted(counts)} images, needed one number above zero")
    (count,) = counts
    for first in range(0, count, size):
        yield {name: values[first : first + size] for name, values in arrays.items()}
