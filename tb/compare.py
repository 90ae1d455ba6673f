"""Compare an observed tensor with the expected one, and say where, when and by what the first difference
was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from compiler.observation import Observed
from tb.records import Records

Integers = npt.NDArray[Any]


@dataclass(frozen=True)
class Origin:
    """What wrote an element: the address it went to, the cycle, and the instruction (tile) or layer."""

    address: int
    cycle: int
    writer: str


@dataclass(frozen=True)
class Mismatch:
    """The first wrong element of a tensor (n, y, x, c), and how many there are. got is None if nothing
    wrote it."""

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
        by = f" at address 0x{seen.address:x} in cycle {seen.cycle} from {seen.writer}" if seen else ""
        return (
            f"layer {self.layer}: node {self.node} (n, y, x, c) = ({place}): expected {self.expected}, "
            f"got {got}{by}; {self.wrong} of {self.total} values differ"
        )


def coordinate(image: int, shape: tuple[int, ...], element: int) -> tuple[int, ...]:
    """(n, y, x, c) of a flat element of one image's tensor; a vector is a map of one pixel."""
    as_map = shape if len(shape) == 3 else (1, 1, int(np.prod(shape)))
    return (image, *(int(part) for part in np.unravel_index(element, as_map)))


def compare_observed(
    layer: str, node: str, image: int, expected: Integers, seen: Observed, taps: Records
) -> Mismatch | None:
    """The first difference between golden (one image's tensor) and what the taps showed of it; None if there
    is none."""
    values, written = seen.values.reshape(-1), seen.written.reshape(-1)
    wrong = np.flatnonzero(((values != expected.reshape(-1)) | ~written) & seen.expected.reshape(-1))
    if not len(wrong):
        return None
    at = int(wrong[0])
    got = int(values[at]) if written[at] else None
    place = coordinate(image, expected.shape, at)
    origin = tap_origin(taps[int(seen.record.flat[at])], at) if written[at] else None
    return Mismatch(layer, node, place, int(expected.flat[at]), got, len(wrong), expected.size, origin)


def tap_origin(record: np.void, element: int) -> Origin:
    """What a tap record says of itself."""
    return Origin(int(record["address"]), int(record["cycle"]), f"instruction {int(record['tag'])}")


def compare_memory(
    node: str, image: int, expected: Integers, got: Integers, address: int, writes: Records
) -> Mismatch | None:
    """The first difference between golden and a tensor that stands in memory at `address`."""
    wrong = np.flatnonzero(got.reshape(-1) != expected.reshape(-1))
    if not len(wrong):
        return None
    at = int(wrong[0])
    place, origin = coordinate(image, expected.shape, at), memory_origin(writes, address + at * got.itemsize)
    return Mismatch(
        "in memory", node, place, int(expected.flat[at]), int(got.flat[at]), len(wrong), expected.size, origin
    )


def memory_origin(writes: Records, address: int) -> Origin | None:
    """The write beat that wrote a byte of memory last."""
    offsets = address - writes["address"].astype(np.int64)
    inside = (offsets >= 0) & (offsets < writes.dtype["data"].shape[0])
    lanes = np.where(inside, offsets, 0).astype(np.uint64)
    found = np.flatnonzero(inside & ((writes["strobe"] >> lanes) & np.uint64(1)).astype(bool))
    if not len(found):
        return None
    record = writes[found[-1]]
    return Origin(address, int(record["cycle"]), f"layer {int(record['layer'])}")
