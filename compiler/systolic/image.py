"""The device image: header, instructions, constants; and its reading back."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from compiler.errors import DoesNotFit, MalformedFile
from compiler.systolic.constants import ConstantPool
from compiler.systolic.steps import Step
from compiler.systolic.tokens import Tokens
from rtl.systolic.config import Config
from rtl.systolic.isa import (
    HEADER_MAGIC,
    INSTRUCTION_BYTES,
    Base,
    Instruction,
    IsaError,
    Opcode,
    decode,
    encode,
    instruction,
)

HEADER = struct.Struct("<8I")
HEADER_VERSION = 1


def device_image(
    steps: Sequence[Step],
    tokens: Sequence[Tokens],
    constants: ConstantPool,
    input_bytes: int,
    output_bytes: int,
    config: Config,
) -> bytes:
    """Everything that stands at PROG_ADDR. The offsets of the loads become relative to the image here."""
    start = -(-HEADER.size // config.memory_bytes) * config.memory_bytes
    unaligned = start + (len(steps) + 1) * INSTRUCTION_BYTES
    first_constant = -(-unaligned // config.memory_bytes) * config.memory_bytes
    header = HEADER.pack(
        HEADER_MAGIC, config.hash, len(steps) + 1, input_bytes, output_bytes, start, HEADER_VERSION, 0
    )
    code = b"".join(
        encode(_instruction(step, token, first_constant)) for step, token in zip(steps, tokens, strict=True)
    )
    end = encode(instruction(Opcode.END))
    return (header.ljust(start, b"\0") + code + end).ljust(first_constant, b"\0") + constants.to_bytes()


def _instruction(step: Step, token: Tokens, first_constant: int) -> Instruction:
    fields = {**step.fields, "wait": token.wait, "signal": token.signal}
    if token.settle:
        fields["settle"] = 1
    if fields.get("base") == Base.PROGRAM and "offset" in fields:
        fields["offset"] += first_constant
    try:
        return instruction(step.opcode, **fields)
    except IsaError as error:
        raise DoesNotFit(str(error)) from None


def instructions(image: bytes) -> list[Instruction]:
    """The instructions of a device image. Raises MalformedFile."""
    if len(image) < HEADER.size:
        raise MalformedFile(f"{len(image)} bytes are too few for a device image")
    magic, _, count, _, _, start, version, _ = HEADER.unpack_from(image)
    if magic != HEADER_MAGIC or version != HEADER_VERSION:
        raise MalformedFile("not a device image of this version")
    if start + count * INSTRUCTION_BYTES > len(image):
        raise MalformedFile(f"{count} instructions at byte {start} do not fit {len(image)} bytes")
    words = (image[at : at + INSTRUCTION_BYTES] for at in _positions(start, count))
    try:
        return [decode(word) for word in words]
    except IsaError as error:
        raise MalformedFile(str(error)) from None


def _positions(start: int, count: int) -> range:
    return range(start, start + count * INSTRUCTION_BYTES, INSTRUCTION_BYTES)
