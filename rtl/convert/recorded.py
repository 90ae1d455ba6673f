"""Ports recorded cycle by cycle: which values count, where two records differ, and the same in MyHDL's simulator.

A record is text: a line of bits (0, 1, x, z) for each cycle, first port first, highest bit first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from myhdl import Simulation, delay, instance
from myhdl._block import _Block

from rtl.convert.design import Port
from rtl.convert.ports import bind, port_signals

Row = Mapping[str, str]
_CHANNEL = re.compile(r"(.*?)(ar|aw|r|w|b)(valid|ready|addr|id|len|size|burst|user|data|resp|last|strb)$")
_UNKNOWN = str.maketrans("xXzZ", "0000")
BYTE = 8


def read_record(path: Path, ports: Sequence[Port]) -> list[Row]:
    """Rows of bits by port name. Raises ValueError when a line does not fit the ports."""
    return [_split(line, ports) for line in path.read_text().split()]


def _split(line: str, ports: Sequence[Port]) -> Row:
    if len(line) != sum(port.width for port in ports):
        raise ValueError(f"a line of {len(line)} bits for ports of {sum(port.width for port in ports)}")
    row, position = {}, 0
    for port in ports:
        row[port.name] = line[position : position + port.width]
        position += port.width
    return row


def guard(port: str, ports: Mapping[str, object]) -> str | None:
    """The valid port that says when this one means something, or None."""
    channel = _CHANNEL.match(port)
    if channel and f"{channel[1]}{channel[2]}valid" in ports:
        return None if channel[3] in ("valid", "ready") else f"{channel[1]}{channel[2]}valid"
    prefix, _, field = port.rpartition("_")
    valid = f"{prefix}_valid"
    return valid if valid in ports and field not in ("valid", "ready") else None


def meaning(row: Row, port: str, lane_bits: int = BYTE) -> str:
    """The port's bits, `-` where nobody may read them: payload without valid, bytes without strobe, lanes of a tap
    (of lane_bits) beyond their count.

    A valid of several bits speaks for as many equal parts of its payload."""
    valid = guard(port, row)
    if valid is None:
        return row[port]
    flags, bits = row[valid], row[port]
    size = len(bits) // len(flags)
    parts = [bits[n * size : (n + 1) * size] for n in range(len(flags))]
    kept = [
        _lanes(row, port, n, part, lane_bits) if flags[n] == "1" else "-" * size
        for n, part in enumerate(parts)
    ]
    return "".join(kept)


def _lanes(row: Row, port: str, number: int, bits: str, lane_bits: int) -> str:
    """Lanes that count: by the strobes of a write beat, by the number of lanes of a tap."""
    size = lane_bits if port.endswith("tap_data") else BYTE
    count = len(bits) // size
    if port.endswith("wdata") and len(row[port.removesuffix("data") + "strb"]) == count:
        marks = row[port.removesuffix("data") + "strb"]
    elif port.endswith("tap_data"):
        text = row[port.removesuffix("data") + "lanes"][number * BYTE : (number + 1) * BYTE]
        lanes = count if set(text) - set("01") else min(count, int(text, 2))
        marks = ("1" * lanes).rjust(count, "0")
    else:
        return bits
    pieces = [bits[n * size : (n + 1) * size] for n in range(count)]
    return "".join(piece if mark == "1" else "-" * size for mark, piece in zip(marks, pieces, strict=True))


def differences(
    one: Sequence[Row], other: Sequence[Row], names: Sequence[str], lane_bits: int = BYTE
) -> Iterator[str]:
    """A line for each port that differs in a cycle after reset; an unknown bit that counts is a difference.

    The first line is about the number of cycles, if that differs."""
    if len(one) != len(other):
        yield f"{len(one)} cycles and {len(other)} cycles"
    for cycle, (row, twin) in enumerate(zip(one, other, strict=False)):
        if row["rst"] == "0" and cycle and one[cycle - 1]["rst"] == "0":
            for name in names:
                mine, theirs = meaning(row, name, lane_bits), meaning(twin, name, lane_bits)
                if mine != theirs or not set(mine) <= set("01-"):
                    yield f"cycle {cycle}: {name} is {mine} and {theirs}"


def simulate_record(
    top: _Block, rows: Sequence[Row], inputs: Sequence[str], outputs: Sequence[str]
) -> list[Row]:
    """Drive a block's inputs in MyHDL's simulator as recorded; its outputs as rows. Unknown input bits are 0."""
    arguments = bind(top.func, top.args, top.kwargs).arguments
    ports = {port: signal for name, value in arguments.items() for port, signal in port_signals(name, value)}
    replayed: list[Row] = []

    @instance  # type: ignore[untyped-decorator]
    def clocking() -> Iterator[object]:
        before: Row = {}
        for row in rows:
            for name in inputs:
                if row[name] != before.get(name):
                    ports[name].next = int(row[name].translate(_UNKNOWN), 2)
            before = row
            yield delay(1)
            replayed.append(
                {**{name: row[name] for name in inputs}, **{name: _bits(ports[name]) for name in outputs}}
            )
            ports["clk"].next = True
            yield delay(1)
            ports["clk"].next = False
            yield delay(1)

    Simulation(top, clocking).run(quiet=1)
    return replayed


def _bits(signal: object) -> str:
    width = len(signal) or 1  # type: ignore[arg-type]
    value = int(signal)  # type: ignore[call-overload]
    return f"{value & ((1 << width) - 1):0{width}b}"
