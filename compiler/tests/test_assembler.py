"""Text and instructions are two forms of one thing, and the committed document is the tables'."""

from __future__ import annotations

import random

import pytest

from compiler.errors import MalformedFile
from compiler.systolic import compile_graph, disassemble
from compiler.systolic.assembler import assemble, to_text
from compiler.systolic.document import PATH, document
from compiler.systolic.image import instructions
from compiler.tests.random_graphs import random_network
from rtl.systolic.config import CONFIGS
from rtl.systolic.isa import FIELDS, Field, Instruction, Opcode, decode, encode, instruction


def random_value(field: Field, source: random.Random) -> int:
    return source.choice((0, field.low, field.high, source.randint(field.low, field.high)))


def random_instruction(opcode: Opcode, source: random.Random) -> Instruction:
    fields = {field.name: random_value(field, source) for field in FIELDS[opcode] if field.name != "opcode"}
    made = instruction(opcode, **fields)
    return Instruction(opcode, {name: value for name, value in made.fields.items() if value})


@pytest.mark.parametrize("opcode", Opcode)
def test_text_and_bits_come_back(opcode: Opcode) -> None:
    source = random.Random(opcode)
    for _ in range(200):
        item = random_instruction(opcode, source)
        assert assemble(to_text(item)) == [item]
        assert decode(encode(item)) == item


def test_a_whole_program_comes_back() -> None:
    program = compile_graph(random_network(3), CONFIGS["tiny"])
    assert assemble(disassemble(program)) == instructions(program.image)
    assert all(f": {layer.name}\n" in disassemble(program) for layer in program.layers)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("NOP", "unknown opcode 'NOP'"),
        ("END wait", "must be field=value"),
        ("END layer=1 layer=1", "each field once"),
        ("MATMUL rows=2048", "MATMUL.rows is 2048, must be 0..2047"),
        ("MATMUL length=1", "MATMUL has no field 'length'"),
        ("STORE wait=DMA", "wait: 'DMA' must be one of LOAD, ARRAY, POST, STORE"),
        ("MATMUL rows=many", "invalid literal"),
    ],
)
def test_a_wrong_line_is_told(line: str, rule: str) -> None:
    with pytest.raises(MalformedFile) as caught:
        assemble(f"# first\n{line}")
    assert "line 2" in str(caught.value)
    assert rule in str(caught.value)


def test_the_document_is_up_to_date() -> None:
    assert PATH.read_text() == document(), "run python -m compiler.systolic.document"
