"""Simulated by test_checkers.py: traffic, legal and broken, cycle by cycle, into the checkers.

A scenario is a list of cycles; each gives the pins that change. Every scenario ends with idle cycles, and
what the checkers told is written to told.json by scenario name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge
from cocotb.types import LogicArray

from tb.records import WriteRegion, encode_regions
from tb.uvc.memory import Command

Cycle = dict[str, int | str]
ZEROS = dict.fromkeys(
    (
        "arvalid",
        "arready",
        "rvalid",
        "rready",
        "rlast",
        "awvalid",
        "awready",
        "wvalid",
        "wready",
        "wlast",
        "bvalid",
        "bready",
        "araddr",
        "arlen",
        "arid",
        "awaddr",
        "awlen",
        "awid",
        "rid",
        "bid",
        "rdata",
        "wdata",
        "rresp",
        "bresp",
        "awuser",
        "irq",
        "tap_valid",
        "event_valid",
        "tap_data",
    ),
    0,
)
IDLE: Cycle = {**ZEROS, "arsize": 3, "awsize": 3, "arburst": 1, "awburst": 1, "wstrb": 0xFF}  # fmt: skip

AR: Cycle = {"arvalid": 1, "arready": 1, "arlen": 1}
NO_AR: Cycle = {"arvalid": 0, "arready": 0}
R: Cycle = {"rvalid": 1, "rready": 1, "rlast": 0}
R_LAST: Cycle = {**R, "rlast": 1}
AW: Cycle = {"awvalid": 1, "awready": 1, "awlen": 1}
NO_AW: Cycle = {"awvalid": 0, "awready": 0}
W: Cycle = {"wvalid": 1, "wready": 1, "wlast": 0}
W_LAST: Cycle = {**W, "wlast": 1}
NO_W: Cycle = {"wvalid": 0, "wready": 0, "wlast": 0}
B: Cycle = {**NO_W, "bvalid": 1, "bready": 1}
NO_TAP: Cycle = {"tap_valid": 0, "tap_data": 0, "tap_lanes": 2, "record_taps": 1}
READ = [AR, {**NO_AR, **R}, R_LAST, IDLE]
WRITE = [AW, {**NO_AW, **W}, W_LAST, B, IDLE]

LEGAL: dict[str, list[Cycle]] = {
    "read": READ,
    "write": WRITE,
    "stalled read": [{**AR, "arready": 0}, {}, {"arready": 1}, {**NO_AR, **R, "rready": 0}, {"rready": 1},
    R_LAST], "stalled write": [AW, {**NO_AW, **W, "wready": 0}, {}, {"wready": 1}, W_LAST, {**B, "bready": 0},
    {"bready": 1}], "unknown unstrobed byte": [AW, {**NO_AW, **W, "wstrb": 0x7F, "wdata": "X" * 8 + "0" * 56},
                               {**W_LAST, "wdata": 0}, B],
    "unknown lane that means nothing": [{"tap_valid": 1, "tap_lanes": 1, "tap_data": "X" * 16 + "0" * 16}, NO_TAP],
    "unknown lane that is not recorded": [{"record_taps": 0}, {"tap_valid": 1, "tap_data": "X" * 32}, NO_TAP],
    "two taps and two layer ends": [{"tap_valid": 3, "event_valid": 3}, {**NO_TAP, "event_valid": 2}, IDLE],
}  # fmt: skip
BROKEN: dict[str, list[Cycle]] = {
    "AR: valid fell before ready": [{**AR, "arready": 0}, NO_AR],
    "AR: payload changed before ready": [{**AR, "arready": 0}, {"araddr": 8}, {"arready": 1}, NO_AR],
    "AW: valid fell before ready": [{**AW, "awready": 0}, NO_AW],
    "AW: payload changed before ready": [{**AW, "awready": 0}, {"awaddr": 8}, {"awready": 1}, NO_AW],
    "W: valid fell before ready": [AW, {**NO_AW, **W, "wready": 0}, NO_W],
    "W: payload changed before ready": [AW, {**NO_AW, **W, "wready": 0}, {"wdata": 5}, {"wready": 1}, NO_W],
    "R: valid fell before ready": [AR, {**NO_AR, **R, "rready": 0}, {"rvalid": 0}],
    "R: payload changed before ready": [AR, {**NO_AR, **R, "rready": 0}, {"rdata": 5}, {"rready": 1}],
    "B: valid fell before ready": [*WRITE[:3], {**B, "bready": 0}, {"bvalid": 0}],
    "B: payload changed before ready": [*WRITE[:3], {**B, "bready": 0}, {"bresp": 2}, {"bready": 1}],
    "address: size is not the width of the port": [{**AR, "arsize": 2}],
    "address: burst is not INCR": [{**AW, "awburst": 2}],
    "address: not aligned to the port": [{**AR, "araddr": 4}],
    "address: burst crosses a 4 KB boundary": [{**AW, "awaddr": 0xFF8}],
    "address: ID out of range": [{**AR, "arid": 2}],
    "AR: too many reads outstanding": [AR, {}, {}, {}, {}],
    "AW: too many writes outstanding": [AW, {}, {}, {}, {}],
    "R: no read of this ID is outstanding": [AR, {**NO_AR, **R, "rid": 1}],
    "R: last is not at the end of the burst": [AR, {**NO_AR, **R_LAST}],
    "W: data without an address": [W],
    "W: last is not at the end of the burst": [AW, {**NO_AW, **W_LAST}],
    "B: no write of this ID is finished": [AW, {**NO_AW, **W}, B],
    "valid is high in reset": [{"rst": 1}, {}, {"arvalid": 1}, {"arvalid": 0, "rst": 0}],
    "control output is unknown": [{"rready": "X"}, {"rready": 0}],
    "AR: payload is unknown while valid": [{**AR, "arid": "0X"}, {**NO_AR, "arid": 0}, R, R_LAST],
    "AW: payload is unknown while valid": [{**AW, "awid": "0X"}, {**NO_AW, "awid": 0, **W}, W_LAST, B],
    "W: strobe or last is unknown while valid": [AW, {**NO_AW, **W, "wstrb": "X0000000"}],
    "W: a strobed byte is unknown while valid": [AW, {**NO_AW, **W, "wdata": "X" * 64}],
    "write outside the layer's regions": [{**AW, "awaddr": 0x40}, {**NO_AW, **W}, W_LAST, B],
    "observed lane is unknown": [{"tap_valid": 1, "tap_data": "X" * 16 + "0" * 16}, NO_TAP],
    "observation valid is unknown": [{"event_valid": "0X"}, {"event_valid": 0}],
}
LITE_WRITE = [{**AW, **W}, {**NO_AW, **B}, IDLE]
LITE_READ = [AR, {**NO_AR, **R}, IDLE]
LITE_BROKEN: dict[str, list[Cycle]] = {
    "AW: valid or payload changed before ready": [{**AW, "awready": 0}, NO_AW],
    "W: valid or payload changed before ready": [{**W, "wready": 0}, {"wdata": 3}],
    "AR: valid or payload changed before ready": [{**AR, "arready": 0}, {"araddr": 4}],
    "B: valid fell before ready": [{**AW, **W}, {**NO_AW, **B, "bready": 0}, {"bvalid": 0}],
    "B: payload changed before ready": [
        {**AW, **W},
        {**NO_AW, **B, "bready": 0},
        {"bresp": 2},
        {"bready": 1},
    ],
    "R: valid fell before ready": [AR, {**NO_AR, **R, "rready": 0}, {"rvalid": 0}],
    "R: payload changed before ready": [AR, {**NO_AR, **R, "rready": 0}, {"rdata": 4}, {"rready": 1}],
    "B: answer without a write": [B],
    "R: answer without a read": [R],
    "B: EXOKAY is not a response of AXI4-Lite": [{**AW, **W}, {**NO_AW, **B, "bresp": 1}],
    "R: EXOKAY is not a response of AXI4-Lite": [AR, {**NO_AR, **R, "rresp": 1}],
    "no answer": [AR, NO_AR, *([{}] * 1100)],
    "valid is high in reset": [{"rst": 1}, {}, {"bvalid": 1}, {"bvalid": 0, "rst": 0}],
    "control output is unknown": [{"irq": "X"}, {"irq": 0}],
    "B: payload is unknown while valid": [{**AW, **W}, {**NO_AW, **B, "bresp": "XX"}],
    "R: payload is unknown while valid": [AR, {**NO_AR, **R, "rdata": "X" * 64}],
}
FILES = {name: Path(f"checks_{name}.txt") for name in ("memory", "control", "regions")}


def drive(dut: Any, cycle: Cycle) -> None:
    """Put values on pins."""
    for name, value in cycle.items():
        getattr(dut, name).value = LogicArray(value) if isinstance(value, str) else value


async def play(dut: Any, scenario: list[Cycle]) -> None:
    """One cycle after the other, then idle, then reset."""
    rest: list[Cycle] = [IDLE, {}, {"rst": 1}, {}, {"rst": 0}]
    for cycle in [*scenario, *rest]:
        drive(dut, cycle)
        await FallingEdge(dut.clk)


def told(seen: dict[str, int]) -> dict[str, list[str]]:
    """The rules that the checkers have told since the last call, by checker."""
    found = {}
    for name, path in FILES.items():
        lines = path.read_text().splitlines()
        found[name] = [line.partition(" ")[2] for line in lines[seen.get(name, 0) :]]
        seen[name] = len(lines)
    return found


@cocotb.test()
async def twins(dut: Any) -> None:
    """Play every scenario."""
    Path("regions_1.bin").write_bytes(encode_regions([WriteRegion(0, 0, 63)]))
    drive(dut, IDLE)
    await FallingEdge(dut.clk)
    drive(dut, {"rst": 0, "command": int(Command.REGIONS), "command_length": 1, "command_toggle": 1})
    await FallingEdge(dut.clk)
    results: dict[str, dict[str, dict[str, list[str]]]] = {}
    seen: dict[str, int] = {}
    lite = {"write": LITE_WRITE, "read": LITE_READ}
    groups: dict[str, dict[str, list[Cycle]]] = {
        "legal": LEGAL,
        "broken": BROKEN,
        "lite legal": lite,
        "lite broken": LITE_BROKEN,
    }
    for group, scenarios in groups.items():
        dut.lite.value = int(group.startswith("lite"))
        for name, scenario in scenarios.items():
            await play(dut, scenario)
            results.setdefault(group, {})[name] = told(seen)
    Path("told.json").write_text(json.dumps(results))
