"""Compare an observed tensor with the expected one, and say where, when and by what the first difference
was made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from compiler.observation import Observed
from tb.finding import Finding, Kind
from tb.mismatch import kind_of
from tb.records import Records

Integers = npt.NDArray[Any]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Origin:
    """What wrote an element: the address it went to, the cycle, and the instruction (tile) or layer."""

    address: int
    cycle: int
    writer: str


OriginOf = Callable[[int], Origin | None]


@dataclass(frozen=True)
class Subject:
    """The tensor that is compared: which node, the layer and operator that made it, one image of golden's (`expected`)
    and, of the image before, None for the first."""

    layer: str
    node: str
    operator: str
    image: int
    expected: Integers
    before: Integers | None = None

    def mismatch(self, got: Integers, written: Booleans, wrong: Booleans, origin: OriginOf) -> Finding:
        """What is told of wrong elements; got, written, wrong: flat, one for each element; origin: who wrote it."""
        at = int(np.flatnonzero(wrong)[0])
        shape = self.expected.shape
        value = int(got[at]) if written[at] else None
        seen = Finding(
            kind_of(self.expected, got.reshape(shape), written.reshape(shape), self.before),
            "",
            self.layer,
            self.operator,
            self.node,
            coordinate(self.image, shape, at),
            int(self.expected.flat[at]),
            value,
            wrong=int(wrong.sum()),
            total=self.expected.size,
        )
        made = origin(at) if written[at] else None
        if made is None:
            return with_text(replace(seen, kind=Kind.NEVER_WRITTEN))
        return with_text(replace(seen, address=made.address, cycle=made.cycle, writer=made.writer))


def with_text(seen: Finding) -> Finding:
    """A mismatch that tells itself in a line."""
    place = ", ".join(map(str, seen.coordinate))
    got = "nothing" if seen.got is None else str(seen.got)
    by = f" at address 0x{seen.address:x} in cycle {seen.cycle} from {seen.writer}" if seen.writer else ""
    text = (
        f"layer {seen.layer}: node {seen.node} (n, y, x, c) = ({place}): expected {seen.expected}, "
        f"got {got}{by}; {seen.wrong} of {seen.total} values differ ({seen.kind})"
    )
    return replace(seen, text=text)


def coordinate(image: int, shape: tuple[int, ...], element: int) -> tuple[int, ...]:
    """(n, y, x, c) of a flat element of one image's tensor; a vector is a map of one pixel."""
    as_map = shape if len(shape) == 3 else (1, 1, int(np.prod(shape)))
    return (image, *(int(part) for part in np.unravel_index(element, as_map)))


def compare_observed(subject: Subject, seen: Observed, taps: Records) -> Finding | None:
    """The first difference between golden and what the taps showed of it; None if there is none."""
    values, written, mine = seen.values.reshape(-1), seen.written.reshape(-1), seen.expected.reshape(-1)
    wrong = ((values != subject.expected.reshape(-1)) | ~written) & mine
    if not wrong.any():
        return None
    # What other layers show of the tensor is not looked at here, and is as right as can be.
    values = np.where(mine, values, subject.expected.reshape(-1))
    return subject.mismatch(
        values, written | ~mine, wrong, lambda at: tap_origin(taps[int(seen.record.flat[at])])
    )


def tap_origin(record: np.void) -> Origin:
    """What a tap record says of itself."""
    return Origin(int(record["address"]), int(record["cycle"]), f"instruction {int(record['tag'])}")


def compare_memory(subject: Subject, got: Integers, address: int, writes: Records) -> Finding | None:
    """The first difference between golden and a tensor that stands in memory at `address`."""
    wrong = got.reshape(-1) != subject.expected.reshape(-1)
    if not wrong.any():
        return None
    return subject.mismatch(
        got.reshape(-1),
        np.ones_like(wrong),
        wrong,
        lambda at: memory_origin(writes, address + at * got.itemsize),
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
