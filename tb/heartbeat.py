"""The heartbeat of a simulation: it costs an awakening of Python a second, whatever the simulator's speed."""

from __future__ import annotations

import time
from pathlib import Path

from regress.simulators.heartbeat import beat
from tb.bench import Bench

FIRST_CYCLES = 100
MOST_CYCLES = 1 << 24
SECONDS = 1.0


async def keep_beating(bench: Bench, folder: Path) -> None:
    """Say for ever in which cycle the simulation is."""
    step = FIRST_CYCLES
    while True:
        begin = time.monotonic()
        await bench.cycles(step)
        beat(folder, bench.cycle)
        step = next_step(step, time.monotonic() - begin)


def next_step(step: int, seconds: float) -> int:
    """Cycles to the next beat after `step` cycles took `seconds`: a second's worth, at most eight times as many."""
    wanted = step * SECONDS / max(seconds, SECONDS / 8)
    return min(max(int(wanted), FIRST_CYCLES), MOST_CYCLES)
