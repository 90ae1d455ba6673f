"""Simulated by test_bench.py: the whole bench around the copier."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
import numpy.typing as npt
import pyuvm
from pyuvm import uvm_test

from compiler.observation import gather
from compiler.program import Geometry, Layer, Observation, Placement, Program, Region
from tb.bench import Bench
from tb.env import Environment
from tb.expectation import Expectation
from tb.records import WriteRegion
from tb.settings import ControlTiming, MemorySettings, Reorder, Stalls

BYTES, SIZE, IMAGES, SEED = 16, 64, 5, 11
INPUT, OUTPUT = 0x1000, 0x4000
SHAPE = (2, 4, 8)
SETTINGS = MemorySettings(7, 200, Stalls(40, 60, 40, 60, 40), Reorder.BEATS)
FAULT_REGISTER = 0x100
# What copier.sv shows of itself, as parameters of the bench: like the array, and like a large pipeline.
NARROW = {"EVENT_LANES": 1, "TAPS": 1, "TAP_BYTES": BYTES, "TAP_LANE_BITS": 8}
WIDE = {"EVENT_LANES": 12, "TAPS": 15, "TAP_BYTES": 128, "TAP_LANE_BITS": 32}
EVENT_LANES, TAPS, TAP_BYTES, LANE_BITS = (WIDE if os.environ.get("ASSAY_WIDE") else NARROW).values()


def program() -> Program:
    """What the copier computes, as the layer table of a program: its tap address is the offset in the
    tensor."""
    shape = (1, *SHAPE)
    run = LANE_BITS // 8
    seen = Observation(0, Geometry("copy", TAPS - 1, 0, SIZE, 0, SIZE, 1, run=run, lane_pitch=run))
    layer = Layer("copy", ("copy",), 0, 0, {"copy": shape}, {"copy": "copy"}, (Region(0, SIZE),), (seen,))
    places = (Placement("input", shape, 0),), (Placement("copy", shape, 0),)
    return Program("copier", "", 0, "copy", TAP_BYTES, SIZE, SIZE, 1, *places, (layer,), b"", LANE_BITS)


def expectation(images: npt.NDArray[np.int8]) -> Expectation:
    """Output equals input."""
    made = program()
    observe = partial(gather, made)
    return Expectation(made.layers, {"copy": images}, (IMAGES,), made.outputs, observe, EVENT_LANES)


@pyuvm.test()
class Copy(uvm_test):
    """Five images, random stalls; the fault of ASSAY_FAULT must be found."""

    def build_phase(self) -> None:
        """Make the environment."""
        top: Any = cocotb.top
        bench = Bench(top.control, Path.cwd(), BYTES, 65536, TAP_BYTES)
        self.env = Environment("env", self, bench, ControlTiming(3, 60), SEED)

    async def run_phase(self) -> None:
        """Copy, compare, write down what was found."""
        self.raise_objection()
        failures = await self.copy()
        Path("failures.txt").write_text("\n".join(failures))
        self.drop_objection()

    async def copy(self) -> list[str]:
        """Run the request and return every failure."""
        env, images = self.env, np.random.default_rng(SEED).integers(-128, 128, (IMAGES, *SHAPE), np.int8)
        await env.bench.reset()
        await env.memory.apply(SETTINGS, SEED)
        await env.memory.fill(SEED, env.bench.memory_size)
        await env.memory.load(INPUT, images.tobytes())
        await env.memory.allow([WriteRegion(0, OUTPUT, OUTPUT + IMAGES * SIZE - 1)])
        await env.host.start()
        await env.host.transport.write(FAULT_REGISTER, int(os.environ["ASSAY_FAULT"]))
        env.host.patience = 5000
        expected = expectation(images)
        env.scoreboard.expect(expected)
        return await self.finish(expected)

    async def finish(self, expected: Expectation) -> list[str]:
        """Wait, compare memory, gather failures."""
        env = self.env
        await env.host.run(INPUT, OUTPUT, IMAGES)
        if not await env.host.transport.interrupt(env.host.patience):
            return ["no interrupt"]
        await env.bench.cycles(2)
        writes = await env.memory.writes()
        for image in range(IMAGES):
            data = await env.memory.dump(OUTPUT + image * SIZE, SIZE)
            env.scoreboard.check_memory(expected, image, data, OUTPUT + image * SIZE, writes)
        env.catch_up()
        verdict = env.scoreboard.close(env.layer.monitor.taps.drop(), await env.host.counters())
        cycles = verdict.layers[0].counters["CYCLES"]
        Path("cycles.txt").write_text(f"{cycles} {await env.host.read('CYCLES_LO')}")
        return [str(found) for found in verdict.failures + env.memory.failures()]
