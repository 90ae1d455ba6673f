"""A functional model of the systolic array, instruction by instruction, as docs/architecture.md describes it.

It takes a device image and memory bytes and gives output bytes and tap records, in no time but in any order
that tokens and queues allow: which unit goes next is drawn at random, and every instruction has a start and
an end between which others run. What two units touch at once, what was never written, and a program that gets
stuck are errors.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compiler.systolic.image import HEADER, instructions
from compiler.tests.systolic_array import Indices, MachineError, require
from compiler.tests.systolic_execution import Execution, Running, tap_type, touched
from rtl.systolic.config import Config
from rtl.systolic.isa import UNIT, Opcode, Unit

QUEUE_DEPTH = 4
MOST_TOKENS = 7
Move = tuple[Unit | None, Callable[[], None]]


@dataclass
class Result:
    output: bytes
    taps: npt.NDArray[np.void]
    events: list[int]
    macs: int
    macs_skipped: int
    most_tokens: int


class Machine:
    """One program, any number of images, each from a state in which nothing was ever written."""

    def __init__(self, image: bytes, config: Config, seed: int = 0) -> None:
        self.image = image
        self.config = config
        self.code = instructions(image)
        header = HEADER.unpack_from(image)
        require(header[1] == config.hash, "the program is for another configuration")
        self.input_bytes, self.output_bytes = header[3:5]
        self.random = random.Random(seed)

    def run(self, data: bytes) -> list[Result]:
        """One result for each image in `data`."""
        step = self.input_bytes
        return [
            _ImageRun(self, data[at : at + step], number).run()
            for number, at in enumerate(range(0, len(data), step))
        ]


class _ImageRun:
    def __init__(self, machine: Machine, data: bytes, number: int) -> None:
        self.machine, self.config = machine, machine.config
        self.random = machine.random
        # Units that are now and then far slower than others reach orders that equal chances hardly do.
        self.speeds = {unit: self.random.choice((1.0, 0.1, 0.01)) for unit in (None, *Unit)}
        self.execution = Execution(machine.config, machine.image, data, machine.output_bytes, number)
        self.tokens = {(giver, taker): 0 for giver in Unit for taker in Unit}
        self.queues: dict[Unit, deque[int]] = {unit: deque() for unit in Unit}
        self.running: dict[Unit, Running] = {}
        self.fetched = 0
        self.most_tokens = 0

    def run(self) -> Result:
        code = self.machine.code
        while True:
            moves = self._moves()
            if not moves:
                break
            weights = [self.speeds[unit] for unit, _ in moves]
            self.random.choices(moves, weights)[0][1]()
        waiting = any(self.queues.values()) or self.running or self.fetched < len(code) - 1
        require(not waiting, f"stuck: {self._situation()}")
        require(code[-1].opcode is Opcode.END, "the last instruction must be END")
        require(not any(self.tokens.values()), f"tokens are left: {self._situation()}")
        done = self.execution
        require(not done.state.fifo, "weights are left in the FIFO")
        taps = np.concatenate(done.taps) if done.taps else np.empty(0, tap_type(self.config.tap_bytes))
        return Result(done.output.tobytes(), taps, done.events, done.macs, done.skipped, self.most_tokens)

    def _situation(self) -> str:
        left = {f"{a.name}->{b.name}": n for (a, b), n in self.tokens.items() if n}
        heads = {unit.name: queue[0] for unit, queue in self.queues.items() if queue}
        return f"fetched {self.fetched}, queue heads {heads}, tokens {left}"

    def _moves(self) -> list[Move]:
        moves: list[Move] = []
        if self._can_fetch():
            moves.append((None, self._fetch))
        for unit in Unit:
            if unit in self.running:
                if self._can_advance(self.running[unit]):
                    moves.append((unit, lambda unit=unit: self._advance(unit)))  # type: ignore[misc]
            elif self.queues[unit] and self._has_tokens(unit):
                moves.append((unit, lambda unit=unit: self._start(unit)))  # type: ignore[misc]
        return moves

    def _can_fetch(self) -> bool:
        item = self.machine.code[self.fetched]
        return item.opcode is not Opcode.END and len(self.queues[UNIT[item.opcode]]) < QUEUE_DEPTH

    def _fetch(self) -> None:
        self.queues[UNIT[self.machine.code[self.fetched].opcode]].append(self.fetched)
        self.fetched += 1

    def _has_tokens(self, unit: Unit) -> bool:
        item = self.machine.code[self.queues[unit][0]]
        return all(self.tokens[giver, unit] for giver in Unit if item["wait"] >> giver & 1)

    def _start(self, unit: Unit) -> None:
        index = self.queues[unit].popleft()
        item = self.machine.code[index]
        for giver in Unit:
            self.tokens[giver, unit] -= item["wait"] >> giver & 1
        running = Running(index, item, *touched(item, self.execution.state.matmul_setup, self.config))
        for other in self.running.values():
            _check_race(running, other)
        self.running[unit] = running

    def _can_advance(self, running: Running) -> bool:
        return running.executed or not self.execution.blocked(running)

    def _advance(self, unit: Unit) -> None:
        """Its effect, or its end. Weight tiles come into the FIFO one by one."""
        running = self.running[unit]
        if running.executed:
            self._finish(unit)
            return
        try:
            running.executed = self.execution.execute(running)
        except MachineError as error:
            raise MachineError(f"instruction {running.index} {running.item}: {error}") from None

    def _finish(self, unit: Unit) -> None:
        item = self.running.pop(unit).item
        for taker in Unit:
            if item["signal"] >> taker & 1:
                self.tokens[unit, taker] += 1
                self.most_tokens = max(self.most_tokens, self.tokens[unit, taker])
                require(self.tokens[unit, taker] <= MOST_TOKENS, f"tokens overflow: {self._situation()}")


def _check_race(one: Running, other: Running) -> None:
    """No two units touch one thing at once if either of them writes it."""
    both = [(one.writes, other.writes), (one.writes, other.reads), (one.reads, other.writes)]
    for first, second in both:
        for kind in first.keys() & second.keys():
            race = _overlap(first[kind], second[kind])
            require(not race, f"race on {kind}: instructions {one.index} and {other.index}")


def _overlap(first: Indices, second: Indices) -> bool:
    if not (len(first) and len(second)) or first.max() < second.min() or second.max() < first.min():
        return False
    return bool(np.intersect1d(first, second).size)
