"""DMAs, arbiter and instruction fetch: recorded in MyHDL, replayed under Icarus and Verilator."""

import random

import pytest

from rtl.lib.tests.agents import ReadMemory, Sink, Source, Wires, WriteMemory, memory_byte
from rtl.lib.tests.designs import MEMORY_BYTES
from rtl.lib.tests.replay import Agent, check

COMMAND = ("address", "length", "layer")
BEATS = ("data", "keep", "last")


def commands(count, seed, longest=300):
    """Random transfers: any alignment, some across 4 KB, some of one byte."""
    rng = random.Random(seed)
    edges = [(4096 * 3 - 5, 300, 7), (1, 1, 1), (4096 - 1, 2, 2), (128, 128, 3), (8, 8, 4)]
    return edges + [
        (rng.randrange(1 << 16), rng.randint(1, longest), rng.randrange(4096)) for _ in range(count)
    ]


def bytes_of(items):
    """Transfers out of (data, keep, last) beats: the kept bytes, in order."""
    transfers, current = [], []
    for data, keep, last in items:
        current += [data >> 8 * lane & 255 for lane in range(MEMORY_BYTES) if keep >> lane & 1]
        if last:
            transfers.append(current)
            current = []
    return transfers


class Errors(Agent):
    """Counts the cycles in which a signal is 1."""

    def __init__(self, ports, name="error"):
        self.signal, self.count = ports[name], 0

    def sample(self, cycle):
        self.count += int(self.signal)


@pytest.mark.parametrize(
    ("stall", "pause", "latency"), [(0, 0, 3), (0.3, 0.3, 12), (0, 0.7, 30), (0.6, 0, 30)]
)
def test_reads_bring_the_bytes_asked_for(stall, pause, latency, tmp_path):
    wanted, seen = commands(12, 21), {}

    def make(ports):
        seen["data"] = Sink(ports, "data", BEATS, pause=pause)
        seen["memory"] = ReadMemory(ports, "port_", MEMORY_BYTES, stall=stall, latency=latency)
        seen["errors"] = Errors(ports)
        return [
            Wires(ports, [{"halt": 0}]),
            Source(ports, "command", wanted, COMMAND, pause=0.2),
            *seen.values(),
        ]

    check("read_dma_8", make, 2200, tmp_path)
    expected = [[memory_byte(address + n) for n in range(length)] for address, length, _ in wanted]
    assert bytes_of(seen["data"].items) == expected
    assert {burst[2] for burst in seen["memory"].bursts} == {layer for *_, layer in wanted}
    assert {burst[3] for burst in seen["memory"].bursts} == {1}
    assert seen["errors"].count == 0
    if latency == 30 and not stall:
        assert seen["memory"].most_in_flight == 4


def test_reads_stream_a_word_a_cycle(tmp_path):
    seen = {}

    def make(ports):
        seen["data"] = Sink(ports, "data", BEATS, pause=0)
        memory = ReadMemory(ports, "port_", MEMORY_BYTES, stall=0, latency=1)
        return [
            Wires(ports, [{"halt": 0}]),
            Source(ports, "command", [(0, 8 * 400, 1)], COMMAND, 0),
            memory,
            seen["data"],
        ]

    check("read_dma_8", make, 430, tmp_path)
    assert len(seen["data"].items) == 400


def test_a_read_error_is_told(tmp_path):
    seen = {}

    def make(ports):
        seen["errors"] = Errors(ports)
        memory = ReadMemory(ports, "port_", MEMORY_BYTES, errors={1})
        source = Source(ports, "command", [(0, 8 * 40, 1)], COMMAND)
        return [Wires(ports, [{"halt": 0}]), source, memory, Sink(ports, "data", BEATS), seen["errors"]]

    check("read_dma_8", make, 300, tmp_path)
    assert seen["errors"].count == 16


@pytest.mark.parametrize("cycle", [5, 8, 12, 20, 33, 50, 90])
def test_a_halted_reader_leaves_the_bus_clean(cycle, tmp_path):
    seen = {}

    def make(ports):
        seen["memory"] = ReadMemory(ports, "port_", MEMORY_BYTES, latency=25)
        rows = [{"halt": n >= cycle} for n in range(cycle + 1)]
        source = Source(ports, "command", commands(8, 22), COMMAND, pause=0)
        return [Wires(ports, rows), source, seen["memory"], Sink(ports, "data", BEATS, pause=0.8)]

    recording = check("read_dma_8", make, 450, tmp_path)
    assert not seen["memory"].current and not any(seen["memory"].queues.values())
    assert recording.rows[-1]["idle"] == 1
    issued = [
        n
        for n, row in enumerate(recording.rows)
        if row["port_arvalid"] and not recording.rows[n - 1]["port_arvalid"]
    ]
    assert all(n <= cycle for n in issued)


@pytest.mark.parametrize(("stall", "pause", "latency"), [(0, 0, 3), (0.3, 0.3, 12), (0, 0.5, 40)])
def test_writes_change_the_bytes_named_and_no_other(stall, pause, latency, tmp_path):
    wanted, seen = commands(12, 23), {}
    # Later transfers must not hide what earlier ones wrote wrongly.
    wanted = [(n * 8192 + address % 4096, length, layer) for n, (address, length, layer) in enumerate(wanted)]
    words, expected, rng = [], {}, random.Random(24)
    for address, length, _ in wanted:
        for base in range(address & -MEMORY_BYTES, address + length, MEMORY_BYTES):
            data = rng.getrandbits(64)
            words.append((data,))
            for lane in range(MEMORY_BYTES):
                if address <= base + lane < address + length:
                    expected[base + lane] = data >> 8 * lane & 255

    def make(ports):
        seen["memory"] = WriteMemory(ports, "port_", MEMORY_BYTES, stall=stall, latency=latency)
        seen["done"], seen["errors"] = Errors(ports, "done"), Errors(ports)
        sources = [
            Source(ports, "command", wanted, COMMAND, 0.2),
            Source(ports, "data", words, pause=pause, seed=9),
        ]
        return [Wires(ports, [{"halt": 0}]), *sources, *seen.values()]

    recording = check("write_dma_8", make, 2200, tmp_path)
    assert seen["memory"].memory == expected
    assert seen["memory"].quiet and recording.rows[-1]["idle"] == 1
    assert seen["done"].count == len(wanted) and seen["errors"].count == 0
    assert sum(row["written"] for row in recording.rows[4:]) == len(expected)
    if latency == 40:
        assert seen["memory"].most_in_flight >= 4


@pytest.mark.parametrize("cycle", [5, 7, 9, 12, 20, 33, 50, 90])
def test_a_halted_writer_owes_nothing_and_writes_nothing_more(cycle, tmp_path):
    seen = {}

    class Watch(Agent):
        def sample(self, now):
            if now == cycle + 1:
                self.strobed = seen["memory"].strobed
                self.held = int(seen["memory"].p["wvalid"]) and int(seen["memory"].p["wstrb"])

        def finish(self):
            assert seen["memory"].strobed - self.strobed <= bin(self.held).count("1")

    def make(ports):
        seen["memory"] = WriteMemory(ports, "port_", MEMORY_BYTES, latency=25)
        rows = [{"halt": n >= cycle} for n in range(cycle + 1)]
        command = Source(ports, "command", commands(8, 25), COMMAND, pause=0)
        data = Source(ports, "data", [(n * 257,) for n in range(400)], pause=0.6)
        return [Wires(ports, rows), command, data, Watch(), seen["memory"]]

    recording = check("write_dma_8", make, 450, tmp_path)
    assert seen["memory"].quiet and recording.rows[-1]["idle"] == 1


def test_a_write_error_is_told(tmp_path):
    seen = {}

    def make(ports):
        seen["errors"], seen["done"] = Errors(ports), Errors(ports, "done")
        memory = WriteMemory(ports, "port_", MEMORY_BYTES, errors={2})
        command = Source(ports, "command", [(0, 8 * 40, 1)], COMMAND)
        return [
            Wires(ports, [{"halt": 0}]),
            command,
            Source(ports, "data", [(n,) for n in range(40)]),
            memory,
            *seen.values(),
        ]

    check("write_dma_8", make, 300, tmp_path)
    assert seen["errors"].count == 1 and seen["done"].count == 1


@pytest.mark.parametrize("stall", [0, 0.4])
def test_two_readers_get_their_own_data_in_order(stall, tmp_path):
    seen, wanted = {}, {"low": commands(6, 26), "high": commands(6, 27)}

    def make(ports):
        memory = ReadMemory(ports, "mem_", MEMORY_BYTES, stall=stall, latency=30)
        for name in wanted:
            seen[name] = Sink(ports, f"{name}_data", BEATS, seed=len(name))
        sources = [Source(ports, f"{name}_command", items, COMMAND) for name, items in wanted.items()]
        return [Wires(ports, [{"halt": 0}]), *sources, memory, *seen.values()]

    check("two_readers_8", make, 2000, tmp_path)
    for name, items in wanted.items():
        expected = [[memory_byte(address + n) for n in range(length)] for address, length, _ in items]
        assert bytes_of(seen[name].items) == expected


class Starter(Agent):
    """Starts the fetch of each (address, count), the next when all of the last has been taken."""

    def __init__(self, ports, programs, sink):
        self.ports, self.programs, self.sink, self.due, self.expected = ports, list(programs), sink, 6, 0

    def drive(self, cycle):
        start = bool(self.programs) and cycle >= self.due and len(self.sink.items) == self.expected
        self.ports["start"].next = start
        if start:
            address, count = self.programs.pop(0)
            self.ports["address"].next, self.ports["count"].next = address, count
            self.expected, self.due = self.expected + count, cycle + 5


@pytest.mark.parametrize("memory_bytes", [8, 32, 64])
def test_fetch_gives_each_program_in_order_and_nothing_else(memory_bytes, tmp_path):
    programs, seen = [(4096 - 64, 1), (0, 21), (4096 - 64, 5), (64, 40)], {}

    def make(ports):
        seen["sink"] = Sink(ports, "instruction")
        seen["index"] = []
        starter = Starter(ports, programs, seen["sink"])
        memory = ReadMemory(ports, "port_", memory_bytes, latency=20)
        return [Wires(ports, [{"halt": 0}]), starter, memory, seen["sink"]]

    recording = check(f"fetch_{memory_bytes}", make, 1500, tmp_path)
    expected = [
        int.from_bytes(bytes(memory_byte(address + 32 * n + k) for k in range(32)), "little")
        for address, count in programs
        for n in range(count)
    ]
    assert [item[0] for item in seen["sink"].items] == expected
    numbers = [
        row["index"] for row in recording.rows[4:] if row["instruction_valid"] and row["instruction_ready"]
    ]
    assert numbers == [n for _, count in programs for n in range(count)]
    assert recording.rows[-1]["ended"] == 1
