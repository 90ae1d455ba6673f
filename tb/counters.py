"""The accelerator's counters against what the testbench counted itself and what the compiler promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from compiler.program import Program
from tb.scoreboard import LayerTotal

ACTIVITIES = ("COMPUTE", "READ_STALL", "WRITE_STALL", "DEP_STALL")


def check_counters(
    program: Program, images: int, layers: Sequence[LayerTotal], read: int, written: int
) -> list[str]:
    """One line for each counter that is wrong. read, written: bytes that crossed the memory port."""
    total: Counter[str] = Counter()
    for layer in layers:
        total.update(layer.counters)
    executed = images * sum(layer.macs_executed for layer in program.layers)
    nominal = images * sum(layer.macs for layer in program.layers)
    wanted = {
        "BYTES_READ": read,
        "BYTES_WRITTEN": written,
        "MACS": executed,
        "MACS_SKIPPED": nominal - executed,
    }
    wrong = [
        f"counter {name} is {total[name]}, must be {value}"
        for name, value in wanted.items()
        if total[name] != value
    ]
    busy = sum(total[name] for name in ACTIVITIES)
    if busy > total["CYCLES"]:
        wrong.append(f"{' + '.join(ACTIVITIES)} is {busy}, more than {total['CYCLES']} cycles")
    return wrong
