"""Instructions as text, one a line, and back:

    MATMUL wait=LOAD,POST signal=POST layer=3 map_address=512 rows=4 columns=8 first=1   # comment

Fields that are zero may be left out. `wait` and `signal` name units; `base`, `pool` and `sparsity` their enumerations.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from compiler.errors import MalformedFile
from compiler.program import Program
from compiler.systolic.image import instructions
from rtl.systolic.isa import (
    FIELDS,
    Base,
    Field,
    Instruction,
    IsaError,
    Opcode,
    PoolKind,
    Sparsity,
    Unit,
    instruction,
)

ENUMERATIONS: dict[str, type[IntEnum]] = {"base": Base, "pool": PoolKind, "sparsity": Sparsity}
UNIT_MASKS = ("wait", "signal")


def disassemble(program: Program) -> str:
    """A program as text: its instructions, with a comment line where a layer's first one stands."""
    lines: list[str] = []
    seen: set[int] = set()
    for number, item in enumerate(instructions(program.image)):
        layer = item["layer"]
        if item.opcode is not Opcode.END and layer not in seen:
            seen.add(layer)
            lines.append(f"# layer {layer}: {program.layers[layer].name}")
        lines.append(f"{to_text(item)}  # {number}")
    return "\n".join(lines) + "\n"


def to_text(item: Instruction) -> str:
    """One instruction, its fields in the order of their bits, zeros left out."""
    fields = (field for field in FIELDS[item.opcode] if field.name != "opcode" and item[field.name])
    return " ".join([item.opcode.name, *(f"{field.name}={_value(field, item)}" for field in fields)])


def _value(field: Field, item: Instruction) -> str:
    value = item[field.name]
    if field.name in UNIT_MASKS:
        return ",".join(unit.name for unit in Unit if value >> unit & 1)
    kinds = ENUMERATIONS.get(field.name)
    return kinds(value).name if kinds and value in list(kinds) else str(value)


def assemble(text: str) -> list[Instruction]:
    """The instructions of a text. Raises MalformedFile with line number and rule."""
    return list(_assembled(text.splitlines()))


def _assembled(lines: Iterable[str]) -> Iterable[Instruction]:
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if words:
            try:
                yield _parse(words)
            except (IsaError, ValueError, KeyError) as error:
                raise MalformedFile(f"line {number}: {error}") from None


def _parse(words: list[str]) -> Instruction:
    name, *assignments = words
    if name not in Opcode.__members__:
        raise IsaError(f"unknown opcode {name!r}")
    fields: dict[str, int] = {}
    for assignment in assignments:
        field, equals, value = assignment.partition("=")
        if not equals or field in fields:
            raise IsaError(f"{assignment!r} must be field=value, each field once")
        fields[field] = _number(field, value)
    made = instruction(Opcode[name], **fields)
    return Instruction(made.opcode, {field: value for field, value in made.fields.items() if value})


def _number(field: str, text: str) -> int:
    if field in UNIT_MASKS:
        return sum(1 << _member(Unit, name, field) for name in set(text.split(",")))
    if field in ENUMERATIONS and not text.isdigit():
        return _member(ENUMERATIONS[field], text, field)
    return int(text, 0)


def _member(kinds: type[IntEnum], name: str, field: str) -> int:
    if name not in kinds.__members__:
        raise IsaError(f"{field}: {name!r} must be one of {', '.join(kinds.__members__)}")
    return kinds[name]
