"""The accelerator's counters against what the testbench counted itself and what the compiler promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compiler.program import Program
from tb.finding import Finding, Kind
from tb.scoreboard import LayerTotal

ACTIVITIES = ("COMPUTE", "READ_STALL", "WRITE_STALL", "DEP_STALL")


def check_counters(
    program: Program,
    images: int,
    total: Mapping[str, int],
    layers: Sequence[LayerTotal],
    read: int,
    written: int,
) -> list[Finding]:
    """One for each counter that is wrong. total: what the registers counted; read, written: bytes that crossed
    the memory port."""
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
    for name in ("MACS", "MACS_SKIPPED"):
        of_layers = sum(layer.counters[name] for layer in layers)
        if of_layers != total[name]:
            wrong.append(f"counter {name} is {total[name]}, but {of_layers} over all layer ends")
    computing = [layer.counters["COMPUTE"] for layer in layers]
    least, most = max(computing, default=0), sum(computing)
    if not least <= total["COMPUTE"] <= most:
        range_text = f"{least}, as the busiest layer computes, to {most}, as all of them do"
        wrong.append(f"counter COMPUTE is {total['COMPUTE']}, must be {range_text}")
    busy = sum(total[name] for name in ACTIVITIES)
    if busy > total["CYCLES"]:
        wrong.append(f"{' + '.join(ACTIVITIES)} is {busy}, more than {total['CYCLES']} cycles")
    return [Finding(Kind.COUNTER, line) for line in wrong]
