"""Where a program and the requests to it stand in an accelerator's memory."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.errors import DoesNotFit
from compiler.program import Program

SLOTS = 4
UNFINISHED = SLOTS - 1  # requests whose slots are in use; the results in the last slot can be read meanwhile


@dataclass(frozen=True)
class Layout:
    """The program from address 0, behind it SLOTS places of `capacity` images, used in turn by the requests."""

    program: Program
    alignment: int
    capacity: int

    @property
    def program_bytes(self) -> int:
        """Bytes from the program's address to the first slot."""
        return _aligned(len(self.program.image), self.alignment)

    @property
    def slot_bytes(self) -> int:
        """Bytes of one slot."""
        return self.capacity * (self.program.input_bytes + self.program.output_bytes)

    def inputs(self, number: int) -> int:
        """Address of the inputs of request `number`, counted from 0."""
        return self.program_bytes + number % SLOTS * self.slot_bytes

    def outputs(self, number: int) -> int:
        """Address of the outputs of request `number`."""
        return self.inputs(number) + self.capacity * self.program.input_bytes


def layout(program: Program, alignment: int, memory_size: int) -> Layout:
    """The layout with the largest slots that a memory holds. Raises DoesNotFit."""
    image = program.input_bytes + program.output_bytes
    free = memory_size - _aligned(len(program.image), alignment)
    capacity = free // (SLOTS * image)
    if capacity < 1:
        rule = f"{len(program.image):,} bytes and {SLOTS} images of {image:,} bytes; the memory has {memory_size:,}"
        raise DoesNotFit(f"the program needs {rule}", file=program.network)
    return Layout(program, alignment, capacity)


def _aligned(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
