"""The real models and photographs in the folder that the environment variable ASSAY_MODELS names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from compiler.errors import UnknownName
from compiler.images import Values, as_integers, image_size, read_image
from compiler.network import Inputs, Source
from golden.ir import Quantisation

VARIABLE = "ASSAY_MODELS"
PHOTOGRAPHS = tuple(
    Path("coral_mobilenet", name)
    for name in ("bird.bmp", "cat.bmp", "dragonfly.bmp", "grace_hopper.bmp", "hot_dog.jpg")
)

Pixels = npt.NDArray[np.uint8]


def folder() -> Path:
    """The folder of real models. Raises UnknownName where it is not set."""
    found = os.environ.get(VARIABLE)
    if not found:
        raise UnknownName(f"{VARIABLE} is not set")
    return Path(found)


def missing(*files: Path) -> str:
    """Why these files and the photographs cannot be had, '' if they can."""
    if not os.environ.get(VARIABLE):
        return f"{VARIABLE} is not set"
    absent = [name for name in (*files, *PHOTOGRAPHS) if not (folder() / name).is_file()]
    return f"{VARIABLE} has no {absent[0]}" if absent else ""


def cuts(shape: tuple[int, ...], count: int, seed: int) -> Pixels:
    """(count, height, width, 3) of a network's input shape: each photograph whole, then squares of them at
    random places and of random sizes."""
    return np.concatenate([_cut(index, shape, seed) for index in range(max(count, 1))])[:count]


def _cut(index: int, shape: tuple[int, ...], seed: int) -> Pixels:
    file = folder() / PHOTOGRAPHS[index % len(PHOTOGRAPHS)]
    if index < len(PHOTOGRAPHS):
        return read_image(file, shape)
    width, height = image_size(file)
    generator = np.random.default_rng((seed, index))
    side = int(generator.integers(min(width, height) // 2, min(width, height), endpoint=True))
    left = int(generator.integers(width - side, endpoint=True))
    top = int(generator.integers(height - side, endpoint=True))
    return read_image(file, shape, (left, top, left + side, top + side))


def middle(file: Path, shape: tuple[int, ...]) -> Pixels:
    """The largest square in the middle of a photograph, in a network's input shape."""
    width, height = image_size(folder() / file)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return read_image(folder() / file, shape, (left, top, left + side, top + side))


def source(
    shape: tuple[int, ...],
    quantisation: Quantisation,
    name: str,
    prepare: Callable[[Pixels], Values] | None = None,
) -> Source:
    """A network's source of inputs: cuts of photographs. prepare: what its float network is given for pixels."""

    def cut(count: int, seed: int) -> Inputs:
        pixels: Values = cuts(shape, count, seed)
        return Inputs(as_integers(prepare(pixels) if prepare else pixels, quantisation, name))

    return cut
