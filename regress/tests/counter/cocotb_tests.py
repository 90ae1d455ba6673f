"""cocotb tests of the counter; each is chosen by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, First, ReadOnly, RisingEdge, Timer
from cocotb.utils import get_sim_time


@cocotb.test()
async def counts(dut: Any) -> None:
    """Ten clocks of 10 ns count ten."""
    dut.enable.value = 1
    await Timer(100, "ns")
    assert int(dut.count.value) == 10


@cocotb.test()
async def counts_edges(dut: Any) -> None:
    """What Python writes at a falling edge holds from the next rising edge on; time goes on as in HDL."""
    dut.enable.value = 0
    for period in range(1, 4):
        await FallingEdge(dut.clk)
        dut.enable.value = period != 2
        await RisingEdge(dut.clk)
        assert get_sim_time("ns") == 10 * period + 5
        await ReadOnly()
        assert int(dut.count.value) == (1, 1, 2)[period - 1]


@cocotb.test()
async def outlives_removed_timers(dut: Any) -> None:
    """A timer that is removed before its time came does not hold the simulation up when it comes."""
    for late in (33, 35, 40):  # of edges, and between them
        assert isinstance(await First(Timer(late, "ns"), RisingEdge(dut.clk)), RisingEdge)
    await Timer(100, "ns")


@cocotb.test()
async def fails(dut: Any) -> None:
    """Expects what is not so."""
    await Timer(100, "ns")
    assert int(dut.count.value) == 99, "count is not 99"


@cocotb.test()
async def hangs(dut: Any) -> None:
    """Never ends."""
    while True:
        await Timer(1, "ms")


@cocotb.test()
async def dies(dut: Any) -> None:
    """Ends the process before results are written."""
    os._exit(7)


@cocotb.test()
async def notes_start_value(dut: Any) -> None:
    """Writes down what the register that nothing resets starts with."""
    await Timer(1, "ns")
    Path("unset.txt").write_text(str(dut.unset.value))


@cocotb.test()
async def reads_hidden(dut: Any) -> None:
    """Reads a signal that no control file makes public."""
    assert dut.hidden.value is not None
