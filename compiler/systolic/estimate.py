"""How many cycles a program takes, from its instructions alone: units in parallel, held together by tokens,
queues and the weight FIFO, as docs/architecture.md describes them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from compiler.program import Program
from compiler.systolic.image import instructions
from rtl.systolic.config import CONFIGS, Config
from rtl.systolic.isa import INSTRUCTION_BYTES, UNIT, Instruction, Opcode, Unit

QUEUE_DEPTH = 4


@dataclass(frozen=True)
class Latencies:
    """Cycles beside the one a pixel, result or memory word takes; fitted to simulations of whole networks, in
    which every layer then came within 5 % or 40 cycles."""

    memory: int = 20
    matmul_visible: int = 40
    post_visible: int = 34
    setup: int = 2


@dataclass
class _Machine:
    """Times at which each thing happens, instruction after instruction in program order: all that an
    instruction waits for stands before it."""

    config: Config
    latencies: Latencies
    fetched: int = 0
    free: dict[Unit, int] = field(default_factory=lambda: dict.fromkeys(Unit, 0))
    starts: dict[Unit, deque[int]] = field(
        default_factory=lambda: {unit: deque(maxlen=QUEUE_DEPTH) for unit in Unit}
    )
    tokens: dict[tuple[Unit, Unit], deque[int]] = field(
        default_factory=lambda: {(giver, taker): deque() for giver in Unit for taker in Unit}
    )
    arrivals: list[int] = field(default_factory=list)
    departures: list[int] = field(default_factory=list)
    shadow: int = 0
    written: int = 0

    def step(self, item: Instruction) -> int:
        """Runs one instruction; when its effects are visible."""
        unit = UNIT[item.opcode]
        start = max(self._fetch(unit), self.free[unit])
        for giver in Unit:
            if item["wait"] >> giver & 1:
                start = max(start, self.tokens[giver, unit].popleft())
        self.starts[unit].append(start)
        visible = self._run(item, unit, start)
        for taker in Unit:
            if item["signal"] >> taker & 1:
                self.tokens[unit, taker].append(visible)
        return visible

    def _fetch(self, unit: Unit) -> int:
        """Fetch stops at a full queue."""
        queued = self.starts[unit]
        room = queued[0] if len(queued) == QUEUE_DEPTH else 0
        cost = max(1, INSTRUCTION_BYTES // self.config.memory_bytes)
        self.fetched = max(self.fetched + cost, room)
        return self.fetched

    def _run(self, item: Instruction, unit: Unit, start: int) -> int:
        match item.opcode:
            case Opcode.MATMUL:
                return self._matmul(item, start)
            case Opcode.LOAD_WEIGHTS:
                return self._load_weights(item, start)
            case Opcode.POST:
                return self._post(item, start)
            case Opcode.POST_SETUP:
                self.free[unit] = start + self.latencies.setup
                return self.free[unit]
        words = -(-item["length"] // self.config.memory_bytes)
        self.free[unit] = start + words + self.latencies.memory
        return self.free[unit]

    def _post(self, item: Instruction, start: int) -> int:
        """One that reads the map waits for all before it to have written."""
        window = item["window_rows"] * item["window_columns"]
        bytes_read = 2 if item["from_map"] and item["add"] else 1
        if item["from_map"]:
            start = max(start, self.written)
        self.free[Unit.POST] = start + item["rows"] * item["columns"] * window * bytes_read + 1
        self.written = self.free[Unit.POST] + self.latencies.post_visible
        return self.written

    def _load_weights(self, item: Instruction, start: int) -> int:
        """Tiles arrive one after the other, each when there is room for it."""
        tile_words = self.config.tile_bytes // self.config.memory_bytes
        room = self.config.weight_beats // tile_words
        now = start + self.latencies.memory
        for _ in range(item["length"] // self.config.tile_bytes):
            number = len(self.arrivals)
            if number >= room:
                now = max(now, self.departures[number - room])
            now += tile_words
            self.arrivals.append(now)
        self.free[Unit.LOAD] = now
        return now

    def _matmul(self, item: Instruction, start: int) -> int:
        """A tile goes into the shadow weights, a row a cycle, while the tile before it streams."""
        if not item["reuse"]:
            loaded = max(self.arrivals[len(self.departures)], self.shadow) + self.config.rows
            start = max(start, loaded)
            self.shadow = start
            self.departures.append(start)
        pixels = item["rows"] * item["columns"] * (2 if item["wide"] else 1)
        self.free[Unit.ARRAY] = start + pixels
        return self.free[Unit.ARRAY] + self.latencies.matmul_visible


def cycles(program: Program, latencies: Latencies | None = None) -> tuple[int, ...]:
    """Estimated cycles of each layer, the last with those to the end of the image; they add up to one
    image's."""
    config = CONFIGS[program.config]
    machine = _Machine(config, latencies or Latencies())
    ends = [0] * len(program.layers)
    end = 0
    for item in instructions(program.image)[:-1]:
        end = max(end, machine.step(item))
        if item["layer_end"]:
            ends[item["layer"]] = end
    ends[-1] = end
    return tuple(b - a for a, b in zip([0, *ends[:-1]], ends, strict=True))
