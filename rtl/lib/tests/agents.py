"""Agents for streams and for the memory behind AXI4 ports."""

import random
from collections import deque

from rtl.lib.tests.replay import RESET_CYCLES, Agent


def memory_byte(address):
    """What the memory holds where nothing was written."""
    return (address * 167 + (address >> 8) * 59 + 13) & 255


class Source(Agent):
    """Offers items (tuples of field values) to a stream, with pauses."""

    def __init__(self, ports, prefix, items, fields=("data",), pause=0.3, seed=1):
        self.items, self.pause, self.random = deque(items), pause, random.Random(seed)
        self.fields = [ports[f"{prefix}_{field}"] for field in fields]
        self.valid, self.ready = ports[f"{prefix}_valid"], ports[f"{prefix}_ready"]
        self.offered, self.taken = None, 0

    def drive(self, cycle):
        if (
            self.offered is None
            and cycle >= RESET_CYCLES
            and self.items
            and self.random.random() >= self.pause
        ):
            self.offered = self.items.popleft()
            for field, value in zip(self.fields, self.offered, strict=True):
                field.next = value
        self.valid.next = self.offered is not None

    def sample(self, cycle):
        if self.valid and self.ready:
            self.offered, self.taken = None, self.taken + 1


class Sink(Agent):
    """Takes items from a stream, with pauses."""

    def __init__(self, ports, prefix, fields=("data",), pause=0.3, seed=2):
        self.pause, self.random, self.items = pause, random.Random(seed), []
        self.fields = [ports[f"{prefix}_{field}"] for field in fields]
        self.valid, self.ready = ports[f"{prefix}_valid"], ports[f"{prefix}_ready"]

    def drive(self, cycle):
        self.ready.next = self.random.random() >= self.pause

    def sample(self, cycle):
        if cycle > RESET_CYCLES and self.valid and self.ready:
            self.items.append(tuple(int(field) for field in self.fields))


class Wires(Agent):
    """Drives plain inputs from a list of rows (name -> value), one a cycle."""

    def __init__(self, ports, rows):
        self.ports, self.rows = ports, rows

    def drive(self, cycle):
        for name, value in self.rows[min(cycle, len(self.rows) - 1)].items():
            self.ports[name].next = value


class ReadMemory(Agent):
    """Answers reads: random latency and stalls, other IDs' bursts in any order, errors at given burst
    numbers.
    """

    def __init__(self, ports, prefix, memory_bytes, seed=3, stall=0.3, errors=(), latency=12, memory=None):
        self.p = {
            name.removeprefix(prefix): signal for name, signal in ports.items() if name.startswith(prefix)
        }
        self.bytes, self.random, self.stall, self.latency = memory_bytes, random.Random(seed), stall, latency
        self.errors, self.queues, self.current, self.beat = set(errors), {}, None, None
        self.bursts, self.most_in_flight, self.memory = [], 0, {} if memory is None else memory

    def word(self, address):
        """The memory word at an address."""
        line = [self.memory.get(address + lane, memory_byte(address + lane)) for lane in range(self.bytes)]
        return int.from_bytes(bytes(line), "little")

    def drive(self, cycle):
        self.p["arready"].next = self.random.random() >= self.stall
        if self.beat is None and cycle >= RESET_CYCLES and self.random.random() >= self.stall:
            self._next_beat(cycle)
        self.p["rvalid"].next = self.beat is not None
        if self.beat is not None:
            identifier, address, last, bad = self.beat
            if "rid" in self.p:
                self.p["rid"].next = identifier
            self.p["rdata"].next = self.word(address)
            self.p["rlast"].next = last
            self.p["rresp"].next = 2 if bad else 0

    def _next_beat(self, cycle):
        ready = [key for key, queue in self.queues.items() if queue and queue[0][0] <= cycle]
        if self.current is None and ready:
            self.current = [*self.queues[self.random.choice(ready)].popleft()]
        if self.current:
            _, identifier, address, beats, bad = self.current
            self.beat = (identifier, address, beats == 1, bad)
            self.current = None if beats == 1 else [0, identifier, address + self.bytes, beats - 1, bad]

    def sample(self, cycle):
        if self.p["rvalid"] and self.p["rready"]:
            self.beat = None
        if cycle > RESET_CYCLES and self.p["arvalid"] and self.p["arready"]:
            self._accept(cycle)
        in_flight = sum(map(len, self.queues.values())) + (self.current is not None)
        self.most_in_flight = max(self.most_in_flight, in_flight)

    def _accept(self, cycle):
        address, beats, identifier = int(self.p["araddr"]), int(self.p["arlen"]) + 1, int(self.p["arid"])
        assert address % self.bytes == 0, "address not aligned to the port"
        assert address % 4096 + beats * self.bytes <= 4096, "burst crosses 4 KB"
        number = len(self.bursts)
        self.bursts.append((address, beats, int(self.p["aruser"]), identifier))
        due = cycle + self.random.randint(1, self.latency)
        self.queues.setdefault(identifier, deque()).append(
            (due, identifier, address, beats, number in self.errors)
        )


class WriteMemory(Agent):
    """Takes writes with stalls, checks WLAST and 4 KB, answers in order; errors at given burst numbers."""

    def __init__(self, ports, prefix, memory_bytes, seed=4, stall=0.3, errors=(), latency=12, memory=None):
        self.p = {
            name.removeprefix(prefix): signal for name, signal in ports.items() if name.startswith(prefix)
        }
        self.bytes, self.random, self.stall, self.latency = memory_bytes, random.Random(seed), stall, latency
        self.errors, self.owed, self.answers, self.answer = set(errors), deque(), deque(), False
        self.bursts, self.memory, self.beats, self.most_in_flight = [], {} if memory is None else memory, 0, 0
        self.strobed, self.users, self.answered = 0, [], 0

    def drive(self, cycle):
        for name in ("awready", "wready"):
            # Data is taken only for a known address.
            room = name == "awready" or bool(self.owed)
            self.p[name].next = room and self.random.random() >= self.stall
        if (
            not self.answer
            and self.answers
            and self.answers[0][0] <= cycle
            and self.random.random() >= self.stall
        ):
            self.answer = True
            self.p["bresp"].next = 2 if self.answers.popleft()[1] else 0
        self.p["bvalid"].next = self.answer

    def sample(self, cycle):
        if cycle <= RESET_CYCLES:
            return
        if self.p["bvalid"] and self.p["bready"]:
            self.answer, self.answered = False, self.answered + 1
        if self.p["wvalid"] and self.p["wready"]:
            self._take(cycle)
        if self.p["awvalid"] and self.p["awready"]:
            address, beats = int(self.p["awaddr"]), int(self.p["awlen"]) + 1
            assert address % self.bytes == 0, "address not aligned to the port"
            assert address % 4096 + beats * self.bytes <= 4096, "burst crosses 4 KB"
            self.owed.append([address, beats, len(self.bursts) in self.errors])
            self.bursts.append((address, beats, int(self.p["awuser"])))
        self.most_in_flight = max(self.most_in_flight, len(self.bursts) - self.answered)

    def _take(self, cycle):
        assert self.owed, "data without address"
        burst = self.owed[0]
        strobes, data = int(self.p["wstrb"]), int(self.p["wdata"]).to_bytes(self.bytes, "little")
        for lane in range(self.bytes):
            if strobes >> lane & 1:
                self.memory[burst[0] + lane] = data[lane]
                self.strobed += 1
        burst[0], burst[1], self.beats = burst[0] + self.bytes, burst[1] - 1, self.beats + 1
        assert int(self.p["wlast"]) == (burst[1] == 0), "WLAST is not at the end of the burst"
        if burst[1] == 0:
            self.owed.popleft()
            self.answers.append((cycle + self.random.randint(1, self.latency), burst[2]))

    @property
    def quiet(self):
        """Nothing is owed to anybody."""
        return not self.owed and self.answered == len(self.bursts)
