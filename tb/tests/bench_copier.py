"""Simulated by test_bench.py: the whole bench around the copier."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
import pyuvm
from pyuvm import uvm_test

from tb.bench import Bench
from tb.compare import Sighting
from tb.env import Environment
from tb.expectation import Expectation, LayerView, MemoryTensor
from tb.records import Records, Region
from tb.settings import ControlTiming, MemorySettings, Reorder, Stalls

BYTES, SIZE, IMAGES, SEED = 16, 64, 5, 11
INPUT, OUTPUT = 0x1000, 0x4000
SHAPE = (2, 4, 8)
SETTINGS = MemorySettings(7, 200, Stalls(40, 60, 40, 60, 40), Reorder.BEATS)
FAULT_REGISTER = 0x100


def observe(layer: int, taps: Records) -> list[Sighting]:
    """The copier's tap address is the offset in the tensor."""
    index = taps["address"][:, None].astype(np.intp) + np.arange(BYTES)
    return [Sighting("copy", np.arange(len(taps)), index)]


def expectation(images: np.ndarray[Any, np.dtype[np.int8]]) -> Expectation:
    """Output equals input."""
    layers = (LayerView("copy", ("copy",), 0, 0),)
    return Expectation(layers, {"copy": images}, (IMAGES,), (MemoryTensor("copy", 0, SIZE),), observe)


@pyuvm.test()
class Copy(uvm_test):
    """Five images, random stalls; the fault of ASSAY_FAULT must be found."""

    def build_phase(self) -> None:
        """Make the environment."""
        bench = Bench(cocotb.top.control, Path.cwd(), BYTES, 65536, BYTES)
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
        await env.memory.allow([Region(0, OUTPUT, OUTPUT + IMAGES * SIZE - 1)])
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
        writes = await env.memory.writes()
        for image in range(IMAGES):
            data = await env.memory.dump(OUTPUT + image * SIZE, SIZE)
            env.scoreboard.check_memory(expected, image, data, OUTPUT + image * SIZE, writes)
        verdict = env.scoreboard.close(env.layer.monitor.taps.drop(), await env.host.counters())
        cycles = verdict.layers[0].counters["CYCLES"]
        Path("cycles.txt").write_text(f"{cycles} {await env.host.read('CYCLES_LO')}")
        return verdict.failures + env.memory.failures()
