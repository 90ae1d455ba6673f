"""Load and store units, in MyHDL, Icarus and Verilator, against models of what the documents say they move."""

import pytest

from rtl.lib.tests.agents import Sink, Source, Wires, memory_byte
from rtl.lib.tests.replay import check
from rtl.systolic.isa import Opcode, instruction
from rtl.systolic.load import PENDING
from rtl.systolic.tests.movers import (
    COMMAND,
    LOADS,
    MAP,
    WIDTH,
    WIRES,
    Clear,
    Grants,
    Reads,
    SharedMap,
    Writes,
    bytes_of,
    memory_start,
    queued,
    random_program,
)  # fmt: skip
from rtl.systolic.tests.test_array import DESIGNS

HALTS = (7, 20, 41, 65, 86, 110)
NEVER = 1 << 20
HALTED = 4  # cycles from halt to clear


def simulate(design, program, pause, others_of, cycles, folder, halt, then):
    """Rows of a unit among others_of(ports), the DMA first; program `then` after a halt at a cycle and a clear."""
    clear = halt + HALTED
    # Sinks look from the second cycle after reset on, so nothing may be issued before.
    wires = [{**WIRES, "halt": n <= 4 or halt <= n <= clear} for n in range(cycles)]

    def make(ports):
        queue, others = Source(ports, "queue", queued(program), pause=pause), others_of(ports)
        clearing = Clear(queue, others[0], clear + 1, then)
        return [Wires(ports, wires), clearing, queue, Grants(ports, queue, len(program)), *others]

    return check(DESIGNS + design, make, cycles, folder, {clear}).rows


def run_load(program, pauses, cycles, folder, halt=NEVER, then=()):
    """Pauses of instructions, commands, beats, and of what takes words and bytes."""

    def others(ports):
        taking = [Sink(ports, "to_map", pause=pauses[3], seed=8), Sink(ports, "to_weights", pause=pauses[3])]
        return [Reads(ports, *pauses[1:3]), *taking]

    return simulate("load_8", program, pauses[0], others, cycles, folder, halt, then)


def run_store(program, pauses, cycles, folder, halt=NEVER, then=()):
    """Pauses of instructions, commands and words, share of the scratchpad port; rows and the DMA."""
    seen = []

    def others(ports):
        seen[:] = [Writes(ports, *pauses[1:3]), SharedMap(ports, pauses[3])]
        return seen

    return simulate("store_8", program, pauses[0], others, cycles, folder, halt, then), seen[0]


def same(seen, expected, whole):
    """All that is expected was seen or, where the run was cut, the beginning of it."""
    assert seen == (expected if whole else expected[: len(seen)])


def check_issue(rows, program, whole):
    """In order, each once, with its tokens, in one cycle; a command only when granted and not in halt."""
    issued = []
    for row in rows:
        sent = row["command_valid"] and row["command_ready"]
        assert sent == row["tokens_take"] == (row["queue_valid"] and row["queue_ready"])
        if row["queue_valid"]:
            assert row["tokens_wanted"] == row["queue_data"] >> 4 & 15
        if row["command_valid"]:
            assert row["queue_valid"] and row["tokens_granted"] and not row["halt"]
        if sent:
            issued.append(tuple(row[f"command_{field}"] for field in COMMAND))
    same(issued, [(memory_start(item), item["length"], item["layer"]) for item in program], whole)


def check_end(rows, ended, most, soonest, program, whole):
    """At most so many under way, idle told in every cycle, tokens `soonest` cycles after the end or later."""
    under_way, ends, given = 0, [], []
    for cycle, row in enumerate(rows):
        assert row["idle"] == (not row["queue_valid"] and not under_way), cycle
        under_way += row["tokens_take"] - ended(row)
        assert 0 <= under_way <= most, cycle
        ends += [cycle] * ended(row)
        if row["tokens_give"]:
            given.append((cycle, row["tokens_give"]))
    owed = [(end, item["signal"]) for end, item in zip(ends, program, strict=whole) if item["signal"]]
    same([signal for _, signal in given], [signal for _, signal in owed], whole)
    assert all(cycle >= end + soonest for (cycle, _), (end, _) in zip(given, owed, strict=whole))


def delivered(row):
    """What leaves the load unit in a cycle: scratchpad bytes, a weight word, a parameter word."""
    if row["to_map_valid"] and row["to_map_ready"]:
        for lane, byte in bytes_of(row["to_map_data"], row["to_map_strobes"]):
            yield "map", row["to_map_address"] + lane, byte
    if row["to_weights_valid"] and row["to_weights_ready"]:
        yield "weights", row["to_weights_data"]
    if row["parameter_enables"]:
        yield "parameters", row["parameter_enables"], row["parameter_index"], row["parameter_data"]


def deliveries(item):
    """What an instruction must deliver, in order; word n of a parameter set has enable n."""
    data = bytes(memory_byte(memory_start(item) + n) for n in range(item["length"]))
    if item.opcode == Opcode.LOAD_MAP:
        return [("map", item["address"] + n, byte) for n, byte in enumerate(data)]
    words = [int.from_bytes(data[n : n + WIDTH], "little") for n in range(0, len(data), WIDTH)]
    if item.opcode == Opcode.LOAD_WEIGHTS:
        return [("weights", item["indexed"] << 8 * WIDTH | word) for word in words]
    return [("parameters", 1 << n, item["parameter_set"], word) for n, word in enumerate(words)]


def last_beat(row):
    return row["beats_valid"] and row["beats_ready"] and row["beats_last"]


def check_load(rows, program, whole=True):
    check_issue(rows, program, whole)
    expected = [delivery for item in program for delivery in deliveries(item)]
    same([delivery for row in rows for delivery in delivered(row)], expected, whole)
    # A token can be taken in the cycle after it is given, a byte be read from the second after its write on.
    check_end(rows, last_beat, PENDING, 1, program, whole)


def check_store(rows, program, written, whole=True):
    check_issue(rows, program, whole)
    sources = [
        (memory_start(item), item["address"] + n, n) for item in program for n in range(item["length"])
    ]
    same(written, [(start + n, MAP[byte]) for start, byte, n in sources], whole)
    check_end(rows, lambda row: row["done"], 1, 0, program, whole)


@pytest.mark.parametrize("pauses", [(0, 0, 0, 0), (0.3, 0.3, 0.3, 0.3), (0, 0, 0.7, 0), (0, 0, 0, 0.7)])
def test_load_delivers_each_byte_word_and_parameter_once(pauses, tmp_path):
    program = random_program(LOADS, 40, 31)
    check_load(run_load(program, pauses, 2500, tmp_path), program)


def test_load_has_as_many_transfers_under_way_as_it_may(tmp_path):
    program = [instruction(Opcode.LOAD_WEIGHTS, length=WIDTH * 20)] * (2 * PENDING)
    rows = run_load(program, (0, 0, 0.3, 0), 600, tmp_path)
    check_load(rows, program)
    taken, first_end = (
        [n for n, row in enumerate(rows) if row["tokens_take"]],
        [*map(last_beat, rows)].index(1),
    )
    assert taken[PENDING - 1] < first_end < taken[PENDING]


@pytest.mark.parametrize("cycle", HALTS)
def test_load_issues_nothing_in_halt_and_is_new_after_clear(cycle, tmp_path):
    """Transfers under way go on until the clear, which may fall inside one."""
    program = [item for item in random_program(LOADS, 40, 32) if item["signal"]]
    then, clear = random_program(LOADS, 5, 33), cycle + HALTED
    rows = run_load(program, (0, 0, 0.3, 0.1), 400, tmp_path, cycle, then)
    check_load(rows[:clear], program, whole=False)
    check_load(rows[clear + 1 :], then)


@pytest.mark.parametrize("pauses", [(0, 0, 0, 0), (0.3, 0.3, 0.3, 0.3), (0, 0, 0.8, 0), (0, 0, 0, 0.7)])
def test_store_writes_each_byte_once_and_waits_for_done(pauses, tmp_path):
    program = random_program([Opcode.STORE], 24, 34)
    rows, memory = run_store(program, pauses, 2500, tmp_path)
    check_store(rows, program, memory.written)


def test_store_gives_a_word_a_cycle(tmp_path):
    program = [instruction(Opcode.STORE, length=WIDTH * 200, address=3, offset=3)]
    rows, memory = run_store(program, (0, 0, 0, 0), 300, tmp_path)
    check_store(rows, program, memory.written)
    taken = [n for n, row in enumerate(rows) if row["out_valid"] and row["out_ready"]]
    assert taken == list(range(taken[0], taken[0] + 201))


@pytest.mark.parametrize("cycle", HALTS)
def test_store_issues_nothing_in_halt_and_is_new_after_clear(cycle, tmp_path):
    program = [item for item in random_program([Opcode.STORE], 40, 35) if item["length"] > 90]
    then = random_program([Opcode.STORE], 3, 36)
    rows, memory = run_store(program, (0, 0, 0.8, 0.1), 600, tmp_path, cycle, then)
    clear = cycle + HALTED
    check_store(rows[:clear], program, memory.before, whole=False)
    check_store(rows[clear + 1 :], then, memory.written)
