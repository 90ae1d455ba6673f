"""docs/systolic-instructions.md, written from the tables that encoder, compiler and RTL read.

`python -m compiler.systolic.document` writes it anew."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

from rtl.systolic.isa import FIELDS, INSTRUCTION_BYTES, UNIT, Base, Opcode, PoolKind, Sparsity, Unit, offset

PATH = Path(__file__).parents[2] / "docs" / "systolic-instructions.md"

_PURPOSES = {
    Opcode.LOAD_MAP: "Memory to scratchpad.",
    Opcode.LOAD_WEIGHTS: "Memory to weight FIFO; blocks while the FIFO is full.",
    Opcode.LOAD_PARAMETERS: "Memory to one parameter set: biases, multipliers, shifts.",
    Opcode.MATMUL_SETUP: "Scalars that the MATMUL instructions after it use, until the next one.",
    Opcode.MATMUL: "Streams a rectangle of pixels through one weight tile and adds to the accumulators.",
    Opcode.POST_SETUP: "Scalars that the POST instructions after it use, until the next one.",
    Opcode.POST: "Accumulators or scratchpad to scratchpad: requantise, then add or pool.",
    Opcode.STORE: "Scratchpad to memory.",
    Opcode.END: "The last instruction: the image is done when every unit is idle. "
    "What stands in its other fields means nothing.",
}


def document() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Instructions of the systolic array"
    yield ""
    yield "Written from `rtl/systolic/isa.py` by `python -m compiler.systolic.document`."
    yield "What the instructions mean is told in [architecture.md](architecture.md), section Systolic array."
    yield ""
    yield f"Every instruction has {8 * INSTRUCTION_BYTES} bits, bit 0 first in memory."
    yield "Bits above the last field are zero. A field with a minus in its range is two's complement."
    yield ""
    yield from _enumeration("Units (bits of `wait` and `signal`)", Unit)
    yield from _enumeration("Base (of `offset`)", Base)
    yield from _enumeration("Pool kinds", PoolKind)
    yield from _enumeration("Sparsity", Sparsity)
    for opcode in Opcode:
        yield from _instruction(opcode)


def _enumeration(title: str, kinds: type[IntEnum]) -> Iterator[str]:
    yield f"**{title}**: {', '.join(f'{kind.value} {kind.name}' for kind in kinds)}."
    yield ""


def _instruction(opcode: Opcode) -> Iterator[str]:
    unit = f", {UNIT[opcode].name} unit" if opcode in UNIT else ""
    yield f"## {opcode.name} (opcode {opcode.value}{unit})"
    yield _PURPOSES[opcode]
    yield ""
    yield "| bits | field | range | meaning |"
    yield "|---|---|---|---|"
    for field in FIELDS[opcode]:
        low, width = offset(opcode, field.name)
        bits = f"{low + width - 1}:{low}" if width > 1 else str(low)
        yield f"| {bits} | `{field.name}` | {field.low}..{field.high} | {field.text} |"
    yield ""


if __name__ == "__main__":
    PATH.write_text(document())
