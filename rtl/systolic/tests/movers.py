"""Programs of LOAD and STORE, and what stands around the units: DMAs, scratchpad port, token grants, clear."""

import random
from collections import deque

from rtl.lib.tests.agents import Sink, Source, memory_byte
from rtl.lib.tests.replay import Agent
from rtl.systolic.config import CONFIGS
from rtl.systolic.isa import UNIT, Base, Opcode, encode, instruction

TINY = CONFIGS["tiny"]
WIDTH = TINY.memory_bytes
LOADS = (Opcode.LOAD_MAP, Opcode.LOAD_WEIGHTS, Opcode.LOAD_PARAMETERS)
BASES = {Base.PROGRAM: 0x1000, Base.INPUT: 0x5A5A_A5A8, Base.OUTPUT: 0xF000_2010}
WIRES = {"halt": 0, **{f"bases_{base.name.lower()}": start for base, start in BASES.items()}}
COMMAND = ("address", "length", "layer")
MAP = random.Random(1).randbytes(TINY.scratchpad_bytes)


def random_move(rng, opcode):
    """An instruction that keeps the rules of docs/architecture.md: memory and scratchpad aligned alike."""
    masks = {name: rng.choice((0, rng.getrandbits(4) & ~(1 << UNIT[opcode]))) for name in ("wait", "signal")}
    place = {}
    if opcode in (Opcode.LOAD_MAP, Opcode.STORE):
        length = rng.choice((1, 7, 8, 9, rng.randint(1, 90), rng.randint(150, 300)))
        end = len(MAP) - length
        place = {"address": rng.choice((0, end, rng.randint(0, end), rng.randint(0, end)))}
    elif opcode == Opcode.LOAD_WEIGHTS:
        length, place = WIDTH * rng.randint(1, 12), {"indexed": rng.getrandbits(1)}
    else:
        length, place = TINY.parameter_bytes, {"parameter_set": rng.getrandbits(6)}
    offset = rng.choice((0, 1 << 31)) + WIDTH * rng.randrange(1 << rng.choice((4, 24)))
    where = {"base": rng.choice(list(Base)), "offset": offset + place.get("address", 0) % WIDTH}
    return instruction(opcode, layer=rng.getrandbits(12), length=length, **masks, **where, **place)


def random_program(opcodes, count, seed):
    rng = random.Random(seed)
    return [random_move(rng, rng.choice(opcodes)) for _ in range(count)]


def queued(program):
    """Items for the stream of instructions."""
    return [(int.from_bytes(encode(item), "little"),) for item in program]


def memory_start(item):
    return (BASES[Base(item["base"])] + item["offset"]) % 2**32


def covering(address, length):
    """Aligned words over a range of bytes: where each is, and which of its bytes lie inside."""
    end = address + length
    for place in range(address & -WIDTH, end, WIDTH):
        yield place, sum(1 << lane for lane in range(WIDTH) if address <= place + lane < end)


def bytes_of(word, mask):
    """Lanes and bytes that the mask marks."""
    return [(lane, word >> 8 * lane & 255) for lane in range(WIDTH) if mask >> lane & 1]


class Grants(Agent):
    """Grants what the instruction at the head waits for at once or after a while; without one, anything."""

    def __init__(self, ports, queue, count):
        self.granted, self.idle = ports["tokens_granted"], ports["idle"]
        self.queue, self.count, self.random, self.head, self.due = queue, count, random.Random(5), None, 0

    def drive(self, cycle):
        if self.queue.offered is None:
            self.granted.next = self.random.getrandbits(1)
            return
        if self.head != self.queue.taken:
            self.head, self.due = self.queue.taken, cycle + self.random.choice((0, 0, 1, 30))
        self.granted.next = not self.queue.offered[0] >> 4 & 15 or cycle >= self.due

    def sample(self, cycle):
        self.finished = self.queue.taken == self.count and bool(self.idle)


class Reads(Sink):
    """A read DMA: every command is answered with the words that cover its bytes."""

    def __init__(self, ports, command_pause, beat_pause):
        super().__init__(ports, "command", COMMAND, command_pause)
        self.beats = Source(ports, "beats", [], ("data", "keep", "last"), beat_pause, seed=7)

    def drive(self, cycle):
        super().drive(cycle)
        self.beats.drive(cycle)

    def sample(self, cycle):
        self.beats.sample(cycle)
        known = len(self.items)
        super().sample(cycle)
        for address, length, _ in self.items[known:]:
            for place, keep in covering(address, length):
                word = int.from_bytes(bytes(memory_byte(place + lane) for lane in range(WIDTH)), "little")
                self.beats.items.append((word, keep, place + WIDTH >= address + length))

    def forget(self):
        self.beats.items, self.beats.offered = deque(), None


class Writes(Sink):
    """A write DMA: the words of a command go to memory by its range; some cycles after the last it is done."""

    def __init__(self, ports, command_pause, word_pause):
        super().__init__(ports, "command", COMMAND, command_pause)
        self.ports, self.word_pause = ports, word_pause
        self.words, self.due, self.written, self.before = deque(), None, [], []

    def drive(self, cycle):
        super().drive(cycle)
        self.ports["out_ready"].next = bool(self.words) and self.random.random() >= self.word_pause
        self.ports["done"].next = cycle == self.due

    def sample(self, cycle):
        if self.ports["out_valid"] and self.ports["out_ready"]:
            place, mask = self.words.popleft()
            word = int(self.ports["out_data"])
            self.written += [(place + lane, byte) for lane, byte in bytes_of(word, mask)]
            if not self.words:
                self.due = cycle + self.random.randint(1, 9)
        known = len(self.items)
        super().sample(cycle)
        for address, length, _ in self.items[known:]:
            self.words.extend(covering(address, length))

    def forget(self):
        self.words, self.due, self.before, self.written = deque(), None, self.written, []


class SharedMap(Agent):
    """The scratchpad's second read port: two cycles after an address its bytes, or what POST asked for."""

    def __init__(self, ports, share):
        self.ports, self.share, self.random, self.coming = ports, share, random.Random(6), deque([0, 0])

    def drive(self, cycle):
        self.ports["map_data"].next = self.coming.popleft()
        self.ports["blocked"].next = self.random.random() < self.share

    def sample(self, cycle):
        address = int(self.ports["read_address"])
        run = bytes(MAP[(address + lane) % len(MAP)] for lane in range(WIDTH))
        others = self.random.getrandbits(8 * WIDTH)
        self.coming.append(others if self.ports["blocked"] else int.from_bytes(run, "little"))


class Clear(Agent):
    """Cleared in the cycle before, what is around the unit forgets all and another program is queued."""

    def __init__(self, queue, dma, cycle, program):
        self.queue, self.dma, self.cycle, self.program = queue, dma, cycle, program

    def drive(self, cycle):
        if cycle == self.cycle:
            self.queue.items, self.queue.offered = deque(queued(self.program)), None
            self.dma.forget()
