"""What is done to an accelerator with a request: run it, or disturb it, bring it back with a soft reset
and run it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from compiler.matching import Matcher
from compiler.observation import gather
from compiler.program import Program
from host.protocol import DeviceError, DeviceTimeout
from rtl.lib.registers import Error, Status
from tb.counters import check_counters
from tb.disturbance import Disturbance, disturbance
from tb.env import Environment
from tb.expectation import Expectation
from tb.finding import Finding, Kind
from tb.hang import diagnosis
from tb.job import Action, Job, Phase, Request
from tb.outcome import EVERY_NODE, OUTPUTS_ONLY, RequestOutcome, layer_record
from tb.performance import interval
from tb.placement import MemoryMap, place, write_regions
from tb.records import PROGRAM_TAG
from tb.scoreboard import Verdict
from tb.settings import MemorySettings
from tb.variants import find_config

# An error's code to what is told of it; the accelerator's own watchdog tells of a hang.
STOPPED: Mapping[int, Kind] = {
    Error.BUS_READ: Kind.BUS_ERROR,
    Error.BUS_WRITE: Kind.BUS_ERROR,
    Error.WATCHDOG: Kind.HANG,
}
HOST_CYCLES = 400  # most that the register accesses around a RUN take, held back by the bench
Tensors = Mapping[str, npt.NDArray[Any]]


class RequestSequence:
    """Carries out one request on an environment."""

    def __init__(self, env: Environment, job: Job, request: Request, folder: Path) -> None:
        self.env, self.job, self.request = env, job, request
        self.program = Program.load(folder / request.program)
        with np.load(folder / request.data) as data:
            self.tensors = {name: data[name] for name in data.files}
        self.images = sum(request.batches)
        self.memory_map = place(self.program, self.images, env.bench.memory_bytes, request.seed)
        self.outcome = RequestOutcome(
            request.name,
            str(request.action),
            self.images,
            len(request.batches),
            compared=EVERY_NODE if request.taps else OUTPUTS_ONLY,
        )

    async def body(self) -> RequestOutcome:
        """Disturb if asked for, then run undisturbed and compare everything."""
        try:
            if self.request.action is not Action.RUN:
                await self._disturb(disturbance(self.request))
            await self._run()
        except (DeviceError, DeviceTimeout) as error:
            await self._stopped(error)
            await self._recover()
        self.outcome.failures += self.env.memory.new_failures()
        return self.outcome

    async def _stopped(self, error: DeviceError | DeviceTimeout) -> None:
        """What was found until then, and where the accelerator stood."""
        env = self.env
        env.catch_up()
        cycle = env.bench.cycle
        layer, operator = env.scoreboard.unfinished()
        self.outcome.failures += env.scoreboard.abandon().failures
        if isinstance(error, DeviceTimeout):
            kind, text = await diagnosis(env, error)
        else:
            kind, text = STOPPED.get(error.code, Kind.ERROR), str(error)
        self.outcome.failures.append(Finding(kind, text, layer, operator, cycle=cycle))

    def _fail(self, kind: Kind, text: str) -> None:
        self.outcome.failures.append(Finding(kind, text))

    async def _prepare(self, settings: MemorySettings, watchdog: int | None = None) -> None:
        memory, where = self.env.memory, self.memory_map
        inputs = {place.tensor: self.tensors[place.tensor] for place in self.program.inputs}
        await memory.apply(settings, self.request.seed)
        await memory.fill(self.request.seed, where.end)
        await memory.load(where.inputs, self.program.pack_inputs(inputs))
        await memory.allow(write_regions(self.program, self.images, where.outputs))
        self.env.layer.monitor.record_taps(self.request.taps)
        await self.env.host.start(self.job.watchdog if watchdog is None else watchdog)

    async def _run(self) -> None:
        env, where = self.env, self.memory_map
        await self._prepare(self.request.memory)
        expected = self._expected
        await env.host.configure(self.program.image, where.program)
        self.outcome.configure_cycles = env.transport.interrupted - env.transport.asked
        before = await env.memory.traffic()
        env.scoreboard.expect(expected)
        self.outcome.began, first_cycle = time.monotonic(), env.bench.cycle
        started = await self._run_batches(where)
        elapsed = env.bench.cycle - first_cycle
        verdict = await self._verdict(expected)
        self._check_cycles(verdict, elapsed)
        self._tell_pace(verdict, started)
        self.outcome.run_seconds = time.monotonic() - self.outcome.began
        after = await env.memory.traffic()
        self._report(verdict, after[0] - before[0], after[1] - before[1])

    async def _run_batches(self, where: MemoryMap) -> int:
        """Every RUN as soon as there is room for it, or after a pause; the cycle in which the first one was asked
        for."""
        first, started, pause = 0, 0, self.request.pause
        for count in self.request.batches:
            inputs = where.inputs + first * self.program.input_bytes
            outputs = where.outputs + first * self.program.output_bytes
            if first and pause:
                await self.env.host.wait()
                await self.env.bench.cycles(pause)
            await self.env.host.room()
            await (self._follow if first else self.env.host.run)(inputs, outputs, count)
            started = started if first else self.env.transport.asked
            first += count
        await self.env.host.wait(1 if pause else len(self.request.batches))
        return started

    async def _follow(self, inputs: int, outputs: int, count: int) -> None:
        """A further RUN. If it finds the accelerator idle, all counters begin from zero: the scoreboard is told so.
        They are read before, unless the accelerator became idle while the registers were written, of which CYCLES
        tells."""
        env, begin = self.env, self.env.bench.cycle
        idle = await env.host.idle()
        if idle:
            counters = await env.host.counters()
            env.catch_up()
            env.scoreboard.restarted(begin, counters)
        await env.host.run(inputs, outputs, count)
        if not idle and await env.host.read("CYCLES_LO") <= env.bench.cycle - begin:
            env.catch_up()
            env.scoreboard.restarted(env.transport.asked, None)

    async def _verdict(self, expected: Expectation) -> Verdict:
        env, size = self.env, self.program.output_bytes
        await env.bench.cycles(4)
        env.catch_up()
        writes = await env.memory.writes()
        stored = await env.memory.dump(self.memory_map.outputs, self.images * size)
        for image in range(self.images):
            data = stored[image * size : (image + 1) * size]
            env.scoreboard.check_memory(expected, image, data, self.memory_map.outputs + image * size, writes)
        counters = await env.host.counters()
        verdict = env.scoreboard.close(env.layer.monitor.taps.drop(), counters)
        if await env.host.counters() != counters:
            self._fail(Kind.COUNTER, "the counters go on after the last image")
        return verdict

    @cached_property
    def _expected(self) -> Expectation:
        """Of a request that is disturbed wanted twice."""
        inputs = {place.tensor for place in self.program.inputs}
        nodes = {name: tensor for name, tensor in self.tensors.items() if name not in inputs}
        made = self.program
        return Expectation(
            made.layers,
            nodes,
            self.request.batches,
            made.outputs,
            partial(gather, made),
            find_config(self.job.variant, self.job.config).event_lanes,
            self.request.taps,
            Matcher(made, nodes).matches,
            self.request.operators,
        )

    def _report(self, verdict: Verdict, read: npt.NDArray[Any], written: npt.NDArray[Any]) -> None:
        outcome = self.outcome
        for number, layer in enumerate(verdict.layers):
            record = layer_record(
                layer.name, layer.counters, layer.equal, int(read[number]), int(written[number])
            )
            outcome.layers.append(record)
        outcome.program_bytes = int(read[PROGRAM_TAG])
        outcome.tensors, outcome.values = verdict.tensors, verdict.values
        outcome.classes = verdict.classes
        outcome.failures += verdict.failures
        if verdict.totals is None:
            outcome.cycles = sum(layer["cycles"] for layer in outcome.layers)
            return
        outcome.cycles = verdict.totals["CYCLES"]
        outcome.failures += check_counters(
            self.program, self.images, verdict.totals, verdict.layers, int(read.sum()), int(written.sum())
        )

    def _check_cycles(self, verdict: Verdict, elapsed: int) -> None:
        """CYCLES against the cycles of the bench, from before the RUN is written to after its interrupt is read."""
        if verdict.totals is None:
            return
        counted = verdict.totals["CYCLES"]
        least = elapsed - HOST_CYCLES if len(self.request.batches) == 1 else 0
        if not least <= counted <= elapsed:
            self._fail(Kind.COUNTER, f"counter CYCLES is {counted}, but {elapsed} cycles went by")

    def _tell_pace(self, verdict: Verdict, started: int) -> None:
        if verdict.ends:
            self.outcome.first_frame_cycles = verdict.ends[0] - started
            self.outcome.interval = interval(verdict.ends)

    async def _disturb(self, plan: Disturbance) -> None:
        """Run into the disturbance, see the error it must bring, and reset."""
        env = self.env
        self.env.scoreboard.expect(self._expected)
        try:
            if self.request.phase is Phase.CONFIGURE:
                await self._disturb_configure(plan)
            else:
                await self._disturb_run(plan)
        except DeviceError as found:
            self._check_error(plan, found)
        self.outcome.phase = await self._phase()
        self.outcome.failures += env.scoreboard.abandon().failures
        await self._recover()

    async def _disturb_configure(self, plan: Disturbance) -> None:
        env, address, image = self.env, self.memory_map.program, plan.image(self.program)
        await self._prepare(plan.memory(self.request.memory), plan.watchdog)
        if plan.error is Error.NONE or plan.request:
            await env.memory.load(address, image)
            await env.host.request_configure(address, len(image))
        if plan.error is Error.NONE:
            await env.bench.cycles(1 + self.request.delay % max(1, self.request.memory.latency))
        if plan.request:
            await self._ask_for_nothing()
        elif plan.error is not Error.NONE:
            await env.host.configure(image, address)
            raise DeviceError(0, 0)

    async def _disturb_run(self, plan: Disturbance) -> None:
        env, where = self.env, self.memory_map
        await self._prepare(self.request.memory, plan.watchdog)
        await env.host.configure(plan.image(self.program), where.program)
        # A small image is read before a host could act behind its RUN.
        at_once = (
            self.request.action is Action.WATCHDOG
            and self.request.phase is Phase.FIRST
            and not self.request.delay
        )
        if at_once:
            await env.memory.apply(plan.memory(self.request.memory), self.request.seed)
        await env.host.run(where.inputs, where.outputs, self.request.batches[0])
        if plan.index is None and not at_once:
            await self._reach(self.request.phase)
            await env.memory.apply(plan.memory(self.request.memory), self.request.seed)
        if plan.request:
            await self._ask_for_nothing()
        elif plan.error is not Error.NONE:
            await env.host.wait()
            raise DeviceError(0, 0)

    async def _ask_for_nothing(self) -> None:
        """A RUN of no images; raises the DeviceError that comes of it."""
        await self.env.host.run(self.memory_map.inputs, self.memory_map.outputs, 0)
        raise await self.env.host.wait_error()

    async def _reach(self, phase: Phase) -> None:
        """Let time pass until the phase, and `delay` cycles more."""
        if phase is Phase.LATER and not await self.env.bench.layer_end(self.job.patience):
            raise DeviceTimeout("no layer ended")
        await self.env.bench.cycles(1 + self.request.delay)

    def _check_error(self, plan: Disturbance, found: DeviceError) -> None:
        self.outcome.error = found.code
        if found.code != plan.error:
            wanted = f"error {int(plan.error)} ({plan.error.name})"
            self._fail(Kind.ERROR, f"{self.request.action}: awaited {wanted}, but {told(found)}")
        elif plan.index is not None and found.index != plan.index:
            text = f"{self.request.action}: ERROR_PC {found.index}, must be {plan.index}"
            self._fail(Kind.REGISTER, text)

    async def _phase(self) -> Phase:
        """How far the accelerator is."""
        self.env.catch_up()
        ended = sum(layer.images for layer in self.env.scoreboard.verdict.layers)
        if ended:
            return Phase.LATER
        configured = await self.env.host.read("STATUS") & Status.CONFIGURED
        return Phase.FIRST if configured else Phase.CONFIGURE

    async def _recover(self) -> None:
        """Soft reset; the registers must then say that nothing is going on."""
        env = self.env
        await env.memory.apply(replace(self.request.memory, read_error=0, write_error=0), self.request.seed)
        try:
            await env.host.soft_reset()
        except DeviceTimeout as error:
            self._fail(Kind.REGISTER, str(error))
            await env.bench.reset()
        for name in ("STATUS", "ERROR", "IRQ_STATUS"):
            value = await env.host.read(name)
            if value:
                self._fail(Kind.REGISTER, f"{name} is 0x{value:x} after a soft reset")
        env.catch_up()
        env.layer.monitor.taps.drop()
        env.scoreboard.rest()


def told(found: DeviceError) -> str:
    """An error as it is told; code 0 stands for a run that ended as if nothing had happened."""
    return str(found) if found.code else "the accelerator went on without an error"
