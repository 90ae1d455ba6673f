"""How each action of a job disturbs an accelerator, and which error must come of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from compiler.program import Program
from rtl.lib.registers import Error
from tb.job import Action, Phase, Request
from tb.settings import MemorySettings
from tb.variants import bad_operands, end_instruction, find_config

HASH_BYTES = slice(4, 8)
OFFSET_BYTES = slice(20, 24)
INSTRUCTION_BYTES = 32
SILENT_LATENCY = 8000
SHORT_WATCHDOG = 1000


@dataclass(frozen=True)
class Disturbance:
    """image: the device image to load in the program's place; memory: the settings to run with; error:
    what must come of it (NONE: the soft reset comes from the host); index: the instruction that must be
    named, None for any; watchdog: cycles, None for the job's; request: a RUN of no images is asked for."""

    error: Error
    image: Callable[[Program], bytes] = lambda program: program.image
    memory: Callable[[MemorySettings], MemorySettings] = lambda settings: settings
    index: int | None = None
    watchdog: int | None = None
    request: bool = False


ERRORS = {
    Action.READ_ERROR: Error.BUS_READ,
    Action.WRITE_ERROR: Error.BUS_WRITE,
    Action.WATCHDOG: Error.WATCHDOG,
    Action.BAD_INSTRUCTION: Error.ILLEGAL_INSTRUCTION,
    Action.BAD_OPERAND: Error.OPERAND_RANGE,
    Action.EARLY_END: Error.ILLEGAL_INSTRUCTION,
    Action.BAD_HASH: Error.CONFIG_MISMATCH,
    Action.BAD_REQUEST: Error.BAD_REQUEST,
}


def possible(action: Action, errors: Collection[Error]) -> bool:
    """Whether an accelerator that tells these errors can be disturbed so."""
    return action not in ERRORS or ERRORS[action] in errors


def disturbance(request: Request) -> Disturbance:
    """What a request's action does."""
    at, error = request.delay, ERRORS.get(request.action, Error.NONE)
    match request.action:
        case Action.READ_ERROR:
            return Disturbance(error, memory=lambda settings: replace(settings, read_error=1))
        case Action.WRITE_ERROR:
            return Disturbance(error, memory=lambda settings: replace(settings, write_error=1))
        case Action.WATCHDOG:
            return Disturbance(error, memory=silent, watchdog=SHORT_WATCHDOG)
        case Action.BAD_INSTRUCTION:
            return Disturbance(error, lambda p: with_opcode(p, at, 0), index=at)
        case Action.BAD_OPERAND:
            wrong = request.operand
            return Disturbance(error, lambda p: with_bad_operand(p, at, wrong), index=at)
        case Action.EARLY_END:
            # Told is the last instruction that was issued, which may be one behind it.
            return Disturbance(error, lambda p: with_instruction(p, at, end_instruction(p.variant)))
        case Action.BAD_HASH:
            return Disturbance(error, other_hash)
        case Action.BAD_REQUEST if request.phase is Phase.CONFIGURE:
            return Disturbance(error, memory=silent, request=True)
        case Action.BAD_REQUEST:
            return Disturbance(error, request=True)
    return Disturbance(error)


def silent(settings: MemorySettings) -> MemorySettings:
    """A memory that answers only after a very long time."""
    return replace(settings, latency=SILENT_LATENCY)


def with_opcode(program: Program, number: int, opcode: int) -> bytes:
    """The image with another opcode in one instruction."""
    place = instruction_place(program, number)
    return program.image[:place] + bytes([program.image[place] & 0xF0 | opcode]) + program.image[place + 1 :]


def with_bad_operand(program: Program, number: int, wrong: int) -> bytes:
    """The image with an instruction replaced by one of the variant's bad ones, counted on past their last."""
    bad = bad_operands(program.variant, find_config(program.variant, program.config))
    return with_instruction(program, number, bad[wrong % len(bad)])


def with_instruction(program: Program, number: int, instruction: bytes) -> bytes:
    """The image with one instruction replaced."""
    place = instruction_place(program, number)
    return program.image[:place] + instruction + program.image[place + INSTRUCTION_BYTES :]


def other_hash(program: Program) -> bytes:
    """The image as another configuration would have it."""
    hashed = bytes(byte ^ 0xFF for byte in program.image[HASH_BYTES])
    return program.image[: HASH_BYTES.start] + hashed + program.image[HASH_BYTES.stop :]


def instruction_place(program: Program, number: int) -> int:
    """Byte of an instruction in the image; the header says where they begin."""
    return int.from_bytes(program.image[OFFSET_BYTES], "little") + number * INSTRUCTION_BYTES
