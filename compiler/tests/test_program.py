"""Program files come back as they were; damaged ones are refused in one line."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from compiler.errors import BadData, MalformedFile
from compiler.program import Program
from compiler.program_file import from_bytes, to_bytes
from compiler.systolic import compile_graph
from compiler.tests.random_graphs import random_network
from rtl.systolic.config import CONFIGS

HEAD_BYTES = 24


@pytest.fixture(scope="module")
def program() -> Program:
    return compile_graph(random_network(5), CONFIGS["tiny"])


def test_a_program_comes_back(program: Program, tmp_path: Path) -> None:
    program.save(tmp_path / "one.program")
    assert Program.load(tmp_path / "one.program") == program
    assert [path.name for path in tmp_path.iterdir()] == ["one.program"]


def test_compiling_twice_gives_the_same_bytes(program: Program) -> None:
    assert to_bytes(compile_graph(random_network(5), CONFIGS["tiny"])) == to_bytes(program)


def test_every_truncation_is_refused(program: Program) -> None:
    data = to_bytes(program)
    for length in (*range(HEAD_BYTES + 40), len(data) // 2, len(data) - 1):
        with pytest.raises(MalformedFile):
            from_bytes(data[:length])


def test_every_damaged_byte_is_refused(program: Program) -> None:
    data = to_bytes(program)
    for position in (*range(HEAD_BYTES), *np.linspace(HEAD_BYTES, len(data) - 1, 100, dtype=int).tolist()):
        damaged = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        with pytest.raises(MalformedFile):
            from_bytes(damaged)


def with_description(data: bytes, description: bytes) -> bytes:
    """The file with another description and a CRC that matches it."""
    old, image_size = struct.unpack_from("<II", data, 16)
    body = struct.pack("<II", len(description), image_size) + description + data[HEAD_BYTES + old :]
    return data[:12] + struct.pack("<I", zlib.crc32(body)) + body


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("layers"),
        lambda d: d.update(layers=3),
        lambda d: d.update(instructions="many"),
        lambda d: d.update(inputs=[{"tensor": 1, "shape": [], "offset": 0}]),
        lambda d: d["layers"][0].update(observations=[[1, "x"]]),
        lambda d: d["layers"][0].update(macs=None),
    ],
)
def test_a_hostile_description_is_refused(program: Program, change: object, tmp_path: Path) -> None:
    data = to_bytes(program)
    size = struct.unpack_from("<I", data, 16)[0]
    description = json.loads(data[HEAD_BYTES : HEAD_BYTES + size])
    change(description)  # type: ignore[operator]
    path = tmp_path / "hostile.program"
    path.write_bytes(with_description(data, json.dumps(description).encode()))
    with pytest.raises(MalformedFile, match=r"hostile\.program: description cannot be read"):
        Program.load(path)


def test_deep_nesting_is_refused(program: Program) -> None:
    with pytest.raises(MalformedFile):
        from_bytes(with_description(to_bytes(program), b"[" * 100_000))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MalformedFile, match="cannot be read"):
        Program.load(tmp_path / "none.program")


def test_inputs_must_suit_the_program(program: Program) -> None:
    (place,) = program.inputs
    right = np.zeros((2, *place.shape[1:]), np.int8)
    assert len(program.pack_inputs({place.tensor: right})) == 2 * program.input_bytes
    with pytest.raises(BadData, match="needed"):
        program.pack_inputs({})
    with pytest.raises(BadData, match="needed int8"):
        program.pack_inputs({place.tensor: right.astype(np.int16)})
    with pytest.raises(BadData, match="multiple"):
        program.unpack_outputs(b"123")
