"""Compare one observed tensor with the expected one, and say where, when and by what the first difference was made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tb.records import Records

NEVER = -32768


@dataclass(frozen=True)
class Sighting:
    """Where a node's tensor was seen in a layer's tap records: for record `rows[r]`, lane l shows the element
    `index[r, l]` of the flattened tensor (h, w, c), or none (-1)."""

    node: str
    rows: npt.NDArray[np.intp]
    index: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Origin:
    """What wrote an element: the address it went to, the cycle, and the instruction (tile)."""

    address: int
    cycle: int
    tile: int


@dataclass(frozen=True)
class Mismatch:
    """The first wrong element of a tensor (n, y, x, c), and how many there are. got is None if nothing wrote it."""

    layer: str
    node: str
    coordinate: tuple[int, ...]
    expected: int
    got: int | None
    wrong: int
    total: int
    origin: Origin | None

    def __str__(self) -> str:
        place = ", ".join(map(str, self.coordinate))
        got = "nothing" if self.got is None else str(self.got)
        seen = self.origin
        by = f" at address 0x{seen.address:x}, cycle {seen.cycle}, by instruction {seen.tile}" if seen else ""
        return (
            f"layer {self.layer}: node {self.node} (n, y, x, c) = ({place}): expected {self.expected}, got {got}"
            f"{by}; {self.wrong} of {self.total} values differ"
        )


def assemble(size: int, sighting: Sighting, taps: Records) -> npt.NDArray[np.int16]:
    """The tensor as it was seen, flat; NEVER where nothing was."""
    values = np.full(size, NEVER, np.int16)
    data = taps["data"][sighting.rows]
    shown = sighting.index >= 0
    values[sighting.index[shown]] = data[shown]
    return values


def first_mismatch(
    layer: str,
    image: int,
    expected: npt.NDArray[np.int8],
    got: npt.NDArray[np.int16],
    node: str,
) -> tuple[Mismatch, int] | None:
    """The first difference, without its origin, and its flat index; None if all values are equal."""
    wrong = np.flatnonzero(got != expected.reshape(-1))
    if not len(wrong):
        return None
    at = int(wrong[0])
    where = tuple(int(part) for part in np.unravel_index(at, as_map(expected.shape)))
    value = None if got[at] == NEVER else int(got[at])
    found = Mismatch(layer, node, (image, *where), int(expected.flat[at]), value, len(wrong), expected.size, None)
    return found, at


def as_map(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(h, w, c) of a tensor of one image; a vector is a map of one pixel."""
    return shape if len(shape) == 3 else (1, 1, int(np.prod(shape)))


def origin(sighting: Sighting, taps: Records, element: int) -> Origin | None:
    """What showed an element of the tensor last."""
    rows, lanes = np.nonzero(sighting.index == element)
    if not len(rows):
        return None
    record = taps[sighting.rows[rows[-1]]]
    return Origin(int(record["address"]) + int(lanes[-1]), int(record["cycle"]), int(record["tag"]))


def memory_origin(writes: Records, address: int) -> Origin | None:
    """The write beat that wrote a byte of memory last; its tile is the layer tag of the burst."""
    offsets = address - writes["address"].astype(np.int64)
    inside = (offsets >= 0) & (offsets < writes["data"].shape[1])
    lanes = np.where(inside, offsets, 0).astype(np.uint64)
    strobed = inside & ((writes["strobe"] >> lanes) & np.uint64(1)).astype(bool)
    found = np.flatnonzero(strobed)
    if not len(found):
        return None
    record = writes[found[-1]]
    return Origin(address, int(record["cycle"]), int(record["layer"]))
