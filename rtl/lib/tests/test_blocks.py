"""Small blocks: recorded in MyHDL, replayed under Icarus and Verilator."""

import random
from itertools import pairwise

import pytest

from rtl.lib.tests.agents import Sink, Source, Wires
from rtl.lib.tests.replay import check

STREAMS = ("fifo_16", "small_fifo_2", "small_fifo_8", "skid_9", "same_width")


@pytest.mark.parametrize("pauses", [(0, 0), (0.5, 0.1), (0.1, 0.6)])
@pytest.mark.parametrize("name", STREAMS)
def test_streams_keep_order_and_lose_nothing(name, pauses, tmp_path):
    rng = random.Random(5)
    items = [(rng.getrandbits(8),) for _ in range(150)]
    agents = {}

    def make(ports):
        agents["sink"] = Sink(ports, "source", pause=pauses[1])
        return [Source(ports, "sink", items, pause=pauses[0]), agents["sink"]]

    check(name, make, 500, tmp_path)
    assert agents["sink"].items == items


@pytest.mark.parametrize("name", STREAMS)
def test_streams_are_empty_after_reset(name, tmp_path):
    agents = {}

    def make(ports):
        agents["source"] = Source(ports, "sink", [(n,) for n in range(1, 200)], pause=0)
        return [agents["source"], Sink(ports, "source", pause=1)]

    recording = check(name, make, 60, tmp_path, resets=(40,))
    assert agents["source"].taken >= 1
    assert recording.rows[39]["source_valid"] == 1
    assert recording.rows[41]["source_valid"] == 0


@pytest.mark.parametrize("name", ["fifo_16", "small_fifo_8", "skid_9"])
def test_streams_pass_a_word_a_cycle(name, tmp_path):
    agents = {}

    def make(ports):
        agents["sink"] = Sink(ports, "source", pause=0)
        return [Source(ports, "sink", [(n & 255,) for n in range(100)], pause=0), agents["sink"]]

    check(name, make, 110, tmp_path)
    assert len(agents["sink"].items) == 100


def test_widen_puts_the_first_word_lowest(tmp_path):
    rng = random.Random(6)
    items = [(rng.getrandbits(8),) for _ in range(200)]
    agents = {}

    def make(ports):
        agents["sink"] = Sink(ports, "source")
        return [Source(ports, "sink", items), agents["sink"]]

    check("widen_4", make, 500, tmp_path)
    expected = [
        int.from_bytes(bytes(item[0] for item in items[n : n + 4]), "little") for n in range(0, 200, 4)
    ]
    assert agents["sink"].items == [(value,) for value in expected]


def test_narrow_gives_the_lowest_part_first(tmp_path):
    rng = random.Random(7)
    items = [(rng.getrandbits(32),) for _ in range(60)]
    agents = {}

    def make(ports):
        agents["sink"] = Sink(ports, "source")
        return [Source(ports, "sink", items), agents["sink"]]

    check("narrow_4", make, 600, tmp_path)
    assert agents["sink"].items == [(byte,) for (item,) in items for byte in item.to_bytes(4, "little")]


def test_ram_reads_what_was_written_and_old_at_the_same_time(tmp_path):
    rng = random.Random(8)
    rows = [
        {"write_enable": 1, "write_address": n, "write_data": n * 100, "read_address": 0} for n in range(16)
    ]
    rows += [
        {
            "write_enable": rng.getrandbits(1),
            "write_address": rng.randrange(16),
            "write_data": rng.getrandbits(12),
            "read_address": rng.randrange(16),
        }
        for _ in range(300)
    ]
    memory = {}
    recording = check("ram_16", lambda ports: [Wires(ports, rows)], 316, tmp_path, settle=17)
    for now, then in pairwise(recording.rows):
        if now["read_address"] in memory:
            assert then["read_data"] == memory[now["read_address"]]
        if now["write_enable"]:
            memory[now["write_address"]] = now["write_data"]


def test_delay_shifts_signed_data(tmp_path):
    rng = random.Random(9)
    rows = [{"d": rng.randint(-64, 63)} for _ in range(100)]
    recording = check("delay_5", lambda ports: [Wires(ports, rows)], 100, tmp_path, settle=6)
    seen = [row["q"] for row in recording.rows]
    assert seen[5:] == [row["d"] & 127 for row in rows][:-5]


@pytest.mark.parametrize("cycles", [1, 6])
def test_delay_of_control_bits_is_silent_from_reset(cycles, tmp_path):
    rng = random.Random(10)
    rows = [{"d": rng.getrandbits(1)} for _ in range(100)]
    recording = check(
        f"delay_control_{cycles}", lambda ports: [Wires(ports, rows)], 100, tmp_path, resets=(50,)
    )
    seen = [row["q"] for row in recording.rows]
    assert seen[51 : 51 + cycles] == [0] * cycles
    assert seen[51 + cycles :] == [row["d"] for row in rows][51 : 100 - cycles]


@pytest.mark.parametrize("count", [1, 5])
def test_every_tells_the_last_of_so_many_since_reset(count, tmp_path):
    rng = random.Random(12)
    rows = [{"valid": rng.getrandbits(1)} for _ in range(100)]
    recording = check(
        f"every_{count}", lambda ports: [Wires(ports, rows)], 100, tmp_path, settle=4, resets=(50,)
    )
    number, told = 0, 0
    for row in recording.rows[51:]:
        number += row["valid"]
        assert row["last"] == (row["valid"] and number % count == 0)
        told += row["last"]
    assert told >= 3
