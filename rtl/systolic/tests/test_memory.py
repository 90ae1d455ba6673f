"""Scratchpad, tokens and dispatch, in MyHDL, Icarus and Verilator, against plain models."""

import random

from rtl.lib.registers import Error
from rtl.lib.tests.agents import Wires
from rtl.lib.tests.replay import check
from rtl.systolic.config import CONFIGS
from rtl.systolic.isa import UNIT, Opcode, Unit, encode, instruction
from rtl.systolic.scratchpad import SCRATCHPAD_LATENCY
from rtl.systolic.tests.test_array import DESIGNS, run

TINY = CONFIGS["tiny"]
UNITS = ("load", "array", "post", "store")


def second_run(rng, address, split, lanes):
    """An address whose lanes from `split` on lie in banks that the first run leaves free."""
    taken = {(address + lane) // 8 % 2 for lane in range(split)}
    for _ in range(50):
        other = rng.randrange(256)
        if not taken & {(other + lane) // 8 % 2 for lane in range(split, lanes)}:
            return other
    return None


def random_reads(rng):
    """Addresses of the array's runs, the lanes of each, and the address of the other port."""
    address, split, lanes = rng.randrange(256), rng.randint(1, 9), rng.randint(1, 16)
    split = min(split, lanes)
    other = second_run(rng, address, split, lanes)
    if other is None:
        lanes, other = split, rng.randrange(256)
    row = {"array_address": address, "array_next_address": other, "array_split": split}
    return row | {"address": rng.randrange(256)}, lanes


def test_scratchpad_reads_any_runs_and_wraps(tmp_path):
    """Bytes written before the read's address came are seen; those of the cycle before are not looked at."""
    rng, reads = random.Random(1), []
    rows = []
    for n in range(900):
        addresses, lanes = random_reads(rng)
        reads.append(lanes)
        rows.append({
            "write_valid": int(n > 3 and (n < 38 or rng.random() < 0.5)),
            "write_address": 8 * (n - 4) & 255 if n < 38 else rng.randrange(256),
            "write_data": rng.getrandbits(64),
            "write_strobes": 255 if n < 38 else rng.getrandbits(8),
            **addresses,
        })  # fmt: skip
    seen, memory, written = run("scratchpad_256", rows, tmp_path, settle=44), [0] * 256, [0] * 256
    looked = 0
    for n, row in enumerate(rows[: 900 - SCRATCHPAD_LATENCY]):
        then = seen[n + SCRATCHPAD_LATENCY]
        runs = [
            ("array_address", "array_data", range(row["array_split"])),
            ("array_next_address", "array_next_data", range(row["array_split"], reads[n])),
            ("address", "data", range(8)),
        ]
        for address, data, lanes in runs if n >= 44 else ():
            for lane in lanes:
                byte = row[address] + lane & 255
                if written[byte] <= n - 2 and (lane + row[address] % 8 < 16 or data == "array_next_data"):
                    assert then[data] >> 8 * lane & 255 == memory[byte], (n, data, lane)
                    looked += 1
        for lane in range(8 if row["write_valid"] else 0):
            if row["write_strobes"] >> lane & 1:
                place = row["write_address"] + lane & 255
                memory[place], written[place] = row["write_data"] >> 8 * lane & 255, n
    assert looked > 5000


def token_rows(count):
    """Random giving and taking that never over- or underflows a counter, with the grants that must come."""
    rng, tokens, rows, expected = random.Random(2), {}, [], []
    for n in range(count):
        row = {}
        for taker, name in enumerate(UNITS):
            wanted = rng.getrandbits(4) & ~(1 << taker)
            granted = all(tokens.get((giver, taker), 0) for giver in range(4) if wanted >> giver & 1)
            row |= {
                f"{name}_wanted": wanted,
                f"{name}_take": int(granted and n > 3 and rng.random() < 0.7),
                f"{name}_give": 0,
            }
            expected.append(granted)
        before = dict(tokens)
        for pair in [(giver, taker) for giver in range(4) for taker in range(4) if giver != taker]:
            if n > 3 and before.get(pair, 0) < 7 and rng.random() < 0.1:
                row[f"{UNITS[pair[0]]}_give"] |= 1 << pair[1]
                tokens[pair] = tokens.get(pair, 0) + 1
            if row[f"{UNITS[pair[1]]}_take"] and row[f"{UNITS[pair[1]]}_wanted"] >> pair[0] & 1:
                tokens[pair] -= 1
        rows.append(row)
    return rows, expected


def test_tokens_are_granted_when_all_wanted_are_there(tmp_path):
    rows, expected = token_rows(400)
    seen = run("tokens_4", rows, tmp_path)
    granted = [bool(row[f"{name}_granted"]) for row in seen for name in UNITS]
    assert granted[20:] == expected[20:]
    assert 0.1 < sum(granted) / len(granted) < 0.9


GOOD = {
    Opcode.LOAD_MAP: {"length": 8, "address": TINY.scratchpad_bytes - 8},
    Opcode.LOAD_WEIGHTS: {"length": 8},
    Opcode.LOAD_PARAMETERS: {"length": TINY.parameter_bytes, "parameter_set": TINY.parameter_sets - 1},
    Opcode.MATMUL: {
        "rows": 1,
        "columns": 1,
        "k_lanes": 16,
        "products": 4,
        "c_lanes": 4,
        "accumulator": TINY.accumulators - 1,
    },
    Opcode.MATMUL_SETUP: {"sparsity": 2},
    Opcode.POST_SETUP: {},
    Opcode.POST: {
        "rows": 1,
        "columns": 1,
        "window_rows": 1,
        "window_columns": 1,
        "c_lanes": 4,
        "parameter_set": 3,
    },
    Opcode.STORE: {"length": 8, "address": TINY.scratchpad_bytes - 8},
}
BAD = [
    (Opcode.LOAD_MAP, "length", 0),
    (Opcode.LOAD_MAP, "length", 9),
    (Opcode.LOAD_WEIGHTS, "length", 0),
    (Opcode.LOAD_PARAMETERS, "length", TINY.parameter_bytes - 1),
    (Opcode.LOAD_PARAMETERS, "parameter_set", 4),
    (Opcode.MATMUL, "rows", 0),
    (Opcode.MATMUL, "columns", 0),
    (Opcode.MATMUL, "k_lanes", 0),
    (Opcode.MATMUL, "k_lanes", 17),
    (Opcode.MATMUL, "products", 5),
    (Opcode.MATMUL_SETUP, "sparsity", 3),
    (Opcode.MATMUL, "c_lanes", 0),
    (Opcode.MATMUL, "c_lanes", 5),
    (Opcode.MATMUL, "accumulator", TINY.accumulators),
    (Opcode.POST, "rows", 0),
    (Opcode.POST, "columns", 0),
    (Opcode.POST, "window_rows", 0),
    (Opcode.POST, "window_rows", 2),
    (Opcode.POST, "window_columns", 0),
    (Opcode.POST, "window_columns", 2),
    (Opcode.POST, "pool", 3),
    (Opcode.POST, "c_lanes", 0),
    (Opcode.POST, "c_lanes", 5),
    (Opcode.POST, "parameter_set", 4),
    (Opcode.STORE, "length", 0),
    (Opcode.STORE, "length", 9),
]
STEP, START = 8, 6


def word_of(opcode, **changes):
    return int.from_bytes(encode(instruction(opcode, **{**GOOD[opcode], **changes})), "little")


def dispatched(words, folder):
    """What dispatch shows a cycle after it got each word, all queues ready, with a reset in between."""
    rows = [
        {
            "stream_data": 0,
            "stream_valid": 0,
            "index": 0,
            "halt": 0,
            "all_idle": 1,
            "load_ready": 1,
            "array_ready": 1,
            "post_ready": 1,
            "store_ready": 1,
        }
        for _ in range(START + STEP * len(words))
    ]
    for n, item in enumerate(words):
        rows[START + STEP * n] |= {"stream_data": item, "stream_valid": 1, "index": n}
    resets = [START + STEP * n + 4 for n in range(len(words))]
    seen = check(
        DESIGNS + "dispatch_tiny", lambda ports: [Wires(ports, rows)], len(rows), folder, resets, 5
    ).rows
    return [seen[START + STEP * n + 1] for n in range(len(words))]


def test_dispatch_refuses_each_bad_operand(tmp_path):
    shown = dispatched([word_of(opcode, **{name: value}) for opcode, name, value in BAD], tmp_path)
    for n, row in enumerate(shown):
        assert (row["error_valid"], row["error_code"], row["error_index"]) == (
            1,
            int(Error.OPERAND_RANGE),
            n,
        ), BAD[n]
        assert not any(row[f"{unit}_valid"] for unit in UNITS)


def test_dispatch_refuses_unknown_opcodes_and_sends_the_others_to_their_unit(tmp_path):
    unknown = [code for code in range(16) if code not in set(Opcode)]
    shown = dispatched([*unknown, *(word_of(opcode) for opcode in GOOD), int(Opcode.END)], tmp_path)
    for row in shown[: len(unknown)]:
        assert (row["error_valid"], row["error_code"]) == (1, int(Error.ILLEGAL_INSTRUCTION))
    for opcode, row in zip(GOOD, shown[len(unknown) :], strict=False):
        assert not row["error_valid"], opcode
        assert [row[f"{unit}_valid"] for unit in UNITS] == [int(UNIT[opcode] == unit) for unit in Unit]
    assert [row["image_done"] for row in shown] == [0] * (len(shown) - 1) + [1]
