"""How many cycles a program takes, from its instructions alone: units in parallel, held together by tokens,
queues and the weight FIFO, as docs/architecture.md describes them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from compiler.program import Program
from compiler.systolic.image import instructions
from compiler.systolic.model import tile_cycles
from rtl.systolic.config import CONFIGS, Config
from rtl.systolic.isa import INSTRUCTION_BYTES, UNIT, Instruction, Opcode, Sparsity, Unit

QUEUE_DEPTH = 4
TRANSFERS = 4  # loads that may be under way


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
    fifo: _Fifo = field(default_factory=lambda: _Fifo())
    transfers: deque[int] = field(default_factory=lambda: deque([0] * TRANSFERS, maxlen=TRANSFERS))
    setup: Instruction | None = None
    shadow: int = 0
    written: int = 0
    fetches: int = 0  # since the last load

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
        self.fetches += 1
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
            case Opcode.MATMUL_SETUP:
                self.setup = item
                self.free[unit] = start + self.latencies.setup
                return self.free[unit]
            case Opcode.POST_SETUP:
                self.free[unit] = start + self.latencies.setup
                return self.free[unit]
        words = -(-item["length"] // self.config.memory_bytes)
        if unit is Unit.LOAD:
            return self._transferred(start, self._first_word(start) + words)
        self.free[unit] = start + words + self.latencies.memory
        return self.free[unit]

    def _first_word(self, start: int) -> int:
        """When the words of a load begin to come: it is asked for while those before it are under way, and
        instructions share the port with it."""
        words = self.fetches * INSTRUCTION_BYTES // self.config.memory_bytes
        self.fetches = 0
        return max(start + self.latencies.memory, self.transfers[-1] + words)

    def _transferred(self, start: int, end: int) -> int:
        """Ends a load; the next one may be asked for when few enough are under way."""
        self.transfers.append(end)
        self.free[Unit.LOAD] = max(start + 1, self.transfers[0])
        return end

    def _post(self, item: Instruction, start: int) -> int:
        """One that settles waits for all before it to have written."""
        window = item["window_rows"] * item["window_columns"]
        bytes_read = 2 if item["from_map"] and item["add"] else 1
        if item["settle"]:
            start = max(start, self.written)
        self.free[Unit.POST] = start + item["rows"] * item["columns"] * window * bytes_read + 1
        self.written = self.free[Unit.POST] + self.latencies.post_visible
        return self.written

    def _load_weights(self, item: Instruction, start: int) -> int:
        """Tiles arrive one after the other, each when there is room for it."""
        size = self.config.indexed_tile_bytes if item["indexed"] else self.config.tile_bytes
        now = self._first_word(start)
        for _ in range(item["length"] // size):
            now = self.fifo.put(size // self.config.memory_bytes, now, self.config.weight_beats)
        return self._transferred(start, now)

    def _matmul(self, item: Instruction, start: int) -> int:
        """A tile goes into the shadow weights while the tile before it streams."""
        assert self.setup is not None
        if not item["reuse"]:
            loading = tile_cycles(Sparsity(self.setup["sparsity"]), self.config)
            start = max(start, max(self.fifo.next_arrival(), self.shadow) + loading)
            self.shadow = start
            self.fifo.take(start)
        pixels = item["rows"] * item["columns"] * (2 if self.setup["wide"] else 1)
        self.free[Unit.ARRAY] = start + pixels
        return self.free[Unit.ARRAY] + self.latencies.matmul_visible


@dataclass
class _Fifo:
    """Weight tiles in order: when each arrived whole and when the array took it, and the beats up to its
    end."""

    arrivals: list[int] = field(default_factory=list)
    departures: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=lambda: [0])
    taken: int = 0

    def put(self, beats: int, now: int, depth: int) -> int:
        """A tile that may come from now on, a beat a cycle; when it is there."""
        end = self.ends[-1] + beats
        while end - self.ends[self.taken] > depth:
            now = max(now, self.departures[self.taken])
            self.taken += 1
        self.ends.append(end)
        self.arrivals.append(now + beats)
        return now + beats

    def next_arrival(self) -> int:
        """Of the tile that the array takes next."""
        return self.arrivals[len(self.departures)]

    def take(self, now: int) -> None:
        """The array takes the next tile."""
        self.departures.append(now)


def cycles(
    program: Program, latencies: Latencies | None = None, config: Config | None = None
) -> tuple[int, ...]:
    """Estimated cycles of each layer, the last with those to the end of the image; they add up to one
    image's."""
    machine = _Machine(config or CONFIGS[program.config], latencies or Latencies())
    ends = [0] * len(program.layers)
    end = 0
    for item in instructions(program.image)[:-1]:
        end = max(end, machine.step(item))
        if item["layer_end"]:
            ends[item["layer"]] = end
    ends[-1] = end
    return tuple(b - a for a, b in zip([0, *ends[:-1]], ends, strict=True))
