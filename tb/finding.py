"""What a check found wrong, as data: of what kind, where, when, and by what it was made; `text` tells it in a line.

`kind` is what failures are grouped by, and `Kind.checker` which part of the testbench saw it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any


class Checker(StrEnum):
    """A part of the testbench that can find something wrong."""

    DATA = "data"  # the scoreboard: tensors and the order in which layers end
    PROTOCOL = "protocol"  # the checkers of both ports, and of the regions that may be written
    REGISTER = "register"  # registers, counters, errors and the contract
    TIME = "time-out"  # an interrupt that was waited for in vain, or a process that did not end
    MODEL = "cycle model"
    BUILD = "build"


class Kind(StrEnum):
    """How something is wrong. Of a tensor: how all its wrong values look together."""

    NEVER_WRITTEN = "never written"
    STALE = "stale"  # the values of the image before
    SHIFTED = "shifted"  # the values of a neighbour in y, x or c
    OFF_BY_ONE = "off by one"
    SIGN = "sign"
    SATURATION = "saturation"
    ALL_WRONG = "all wrong"
    SOME_WRONG = "some wrong"
    SHOWN_TWICE = "shown twice"
    STRAY = "stray"  # belongs to no tensor or to no request
    ORDER = "order"  # layers end too often, not often enough or for another image
    UNSEEN = "not compared"
    PROTOCOL = "bus protocol"
    REGION = "write outside"
    BUS_ERROR = "bus error"
    ERROR = "error"  # one that should not come, or not the one that should
    REGISTER = "register"
    COUNTER = "counter"
    HANG = "hang"  # the accelerator's own watchdog says so
    UNWATCHED = "hang without watchdog"  # the accelerator's own watchdog should have said so
    LOST = "lost interrupt"  # the accelerator is idle again and has told nothing
    NO_INTERRUPT = "no interrupt"  # one that was waited for in vain: it goes on and on
    TIME_OUT = "time-out"
    CYCLES = "cycle model"
    BUILD = "build"
    ENDED_EARLY = "ended early"
    NOT_RUN = "not run"  # for others before it failed
    CHECK = "check"  # of a test that tells no more
    BROKEN = "broken"  # tools, disk, memory or input: says nothing about the design

    @property
    def checker(self) -> Checker:
        """Which part of the testbench sees this."""
        return CHECKERS.get(self, Checker.DATA)


CHECKERS = {
    Kind.PROTOCOL: Checker.PROTOCOL,
    Kind.REGION: Checker.PROTOCOL,
    Kind.BUS_ERROR: Checker.REGISTER,
    Kind.ERROR: Checker.REGISTER,
    Kind.REGISTER: Checker.REGISTER,
    Kind.COUNTER: Checker.REGISTER,
    Kind.HANG: Checker.REGISTER,
    Kind.UNWATCHED: Checker.REGISTER,
    Kind.LOST: Checker.REGISTER,
    Kind.NO_INTERRUPT: Checker.TIME,
    Kind.TIME_OUT: Checker.TIME,
    Kind.ENDED_EARLY: Checker.TIME,
    Kind.NOT_RUN: Checker.TIME,
    Kind.CYCLES: Checker.MODEL,
    Kind.BUILD: Checker.BUILD,
}


@dataclass(frozen=True)
class Finding:
    """coordinate: (n, y, x, c) in the tensor `node`, which `operator` made in `layer`; got: None if nothing was
    written; cycle: of the bench; address, cycle and writer: of the write; wrong, total: values of the tensor;
    request: which one of a simulation's; item: number of the job's item that it belongs to."""

    kind: Kind
    text: str
    layer: str = ""
    operator: str = ""
    node: str = ""
    coordinate: tuple[int, ...] = ()
    expected: int | None = None
    got: int | None = None
    address: int | None = None
    cycle: int | None = None
    writer: str = ""
    wrong: int = 0
    total: int = 0
    request: str = ""
    item: int | None = None

    def __str__(self) -> str:
        return self.text

    def within(self, name: str) -> Finding:
        """The same, told as one of something that has a name."""
        return replace(self, text=f"{name}: {self.text}")


def to_plain(finding: Finding) -> dict[str, Any]:
    """As JSON has it, without what is not known."""
    told = asdict(finding)
    return {name: value for name, value in told.items() if name == "text" or value not in (None, "", ())}


def from_plain(raw: Mapping[str, Any]) -> Finding:
    """What to_plain gave. Raises TypeError and ValueError."""
    changes = {"kind": Kind(raw["kind"]), "coordinate": tuple(raw.get("coordinate", ()))}
    return Finding(**{**raw, **changes})


def told(findings: Iterable[Finding]) -> dict[str, Any]:
    """A result's `failures`, one line each, and `findings`, the same as data."""
    listed = list(findings)
    return {"failures": [str(finding) for finding in listed], "findings": [to_plain(one) for one in listed]}
