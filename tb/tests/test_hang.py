"""An interrupt that does not come: the accelerator is idle, or works on and on, or its watchdog has failed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from host.protocol import DeviceTimeout
from rtl.lib.registers import Status
from tb.finding import Checker, Kind
from tb.hang import diagnosis

LIMIT = 1000


class Bench:
    """An accelerator in a state, whose port moves so many bytes while it is watched."""

    def __init__(self, status: Status, limit: int, moved: int, interrupt: bool = False) -> None:
        self.registers = {"STATUS": int(status), "WATCHDOG": limit}
        self.moved, self.comes, self.waited, self.asked = moved, interrupt, 0, 0
        self.transport = self

    async def read(self, name: str) -> int:
        return self.registers[name]

    async def interrupt(self, cycles: int) -> bool:
        self.waited = cycles
        return self.comes

    async def traffic(self) -> tuple[Any, Any]:
        self.asked += 1
        return np.array([64, self.moved * (self.asked - 1)], np.uint32), np.array([8], np.uint32)


@pytest.mark.parametrize(
    ("bench", "kind", "told"),
    [
        (Bench(Status.CONFIGURED, LIMIT, 0), Kind.LOST, "takes itself for idle"),
        (Bench(Status.BUSY, LIMIT, 0), Kind.UNWATCHED, "the watchdog (1000 cycles) does not tell"),
        (Bench(Status.RESETTING, LIMIT, 0), Kind.UNWATCHED, "the memory port is silent"),
        (Bench(Status.BUSY, LIMIT, 16), Kind.NO_INTERRUPT, "it goes on"),
        (Bench(Status.BUSY, LIMIT, 0, interrupt=True), Kind.NO_INTERRUPT, "it goes on"),
        (Bench(Status.BUSY, 0, 0), Kind.NO_INTERRUPT, "the watchdog is off"),
    ],
)
def test_what_it_does(bench: Bench, kind: Kind, told: str) -> None:
    env: Any = SimpleNamespace(host=bench, memory=bench)
    found, text = asyncio.run(diagnosis(env, DeviceTimeout("no interrupt in 9 cycles")))
    assert (found, text.startswith("no interrupt in 9 cycles; ")) == (kind, True)
    assert told in text
    assert found is not Kind.UNWATCHED or bench.waited > LIMIT


def test_only_one_that_goes_on_is_a_mere_time_out() -> None:
    seen = {kind: kind.checker for kind in (Kind.LOST, Kind.UNWATCHED, Kind.NO_INTERRUPT)}
    assert list(seen.values()) == [Checker.REGISTER, Checker.REGISTER, Checker.TIME]
