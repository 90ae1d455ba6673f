"""A device that behaves by the contract and computes with the golden model: no RTL, no time."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from compiler.api import config_of
from compiler.errors import BadData, IllegalGraph
from compiler.program import Program
from golden.ir import Graph, GraphError
from golden.run import run
from host.golden_registers import Descriptor, Failed, Registers
from host.transport import LayerEnd, TransportError
from rtl.lib.registers import HEADER_MAGIC, HEADER_VERSION, Error

MEMORY_BYTES = 1 << 25
_HEADER = struct.Struct("<8I")


def golden(program: Program, graph: Graph, memory_size: int = MEMORY_BYTES) -> GoldenDevice:
    """The transport to a device of the program's variant and configuration, which knows the graph that this one
    program was compiled from. Raises IllegalGraph when they do not belong together."""
    return GoldenDevice(program, graph, memory_size)


class GoldenDevice:
    """Executes the program's graph on the images in its memory; other programs that it should run are illegal
    instructions to it. The counters of MACs count, those of time and traffic stay zero."""

    def __init__(self, program: Program, graph: Graph, memory_size: int) -> None:
        _check_pair(program, graph)
        config = config_of(program.variant, program.config)
        self.alignment: int = config.memory_bytes
        self.clock_mhz: float = config.clock_mhz
        self.memory_size = memory_size
        self._program, self._graph = program, graph
        self._memory = bytearray(memory_size)
        self._registers = Registers(config.hash, self._accept, self._execute)
        self._input_bytes = self._output_bytes = 0
        self._closed = self._runnable = False

    def read(self, address: int) -> int:
        """See Transport."""
        self._check_open()
        return self._registers.read(address)

    def write(self, address: int, value: int) -> None:
        """See Transport."""
        self._check_open()
        self._registers.write(address, value)

    def load(self, address: int, data: bytes) -> None:
        """See Transport."""
        self._check_open()
        if address % self.alignment:
            raise TransportError(f"address 0x{address:x} is no multiple of {self.alignment}")
        self._check_range(address, len(data))
        self._memory[address : address + len(data)] = data

    def dump(self, address: int, length: int) -> bytes:
        """See Transport."""
        self._check_open()
        self._check_range(address, length)
        return bytes(self._memory[address : address + length])

    def interrupt(self, cycles: int) -> bool:
        """See Transport. Without time there is nothing to wait for: False at once."""
        self._check_open()
        return self._registers.interrupt()

    def layer_ends(self) -> Sequence[LayerEnd]:
        """None: golden has no time."""
        return ()

    def close(self) -> None:
        """See Transport."""
        self._closed = True

    def _accept(self, address: int, length: int) -> None:
        """Check the device header as the accelerators do."""
        program = self._program
        magic, hashed, count, inputs, outputs, offset, version, zero = _HEADER.unpack(
            self._fetch(address, _HEADER.size)
        )
        identified = (magic, hashed, version, zero) == (HEADER_MAGIC, program.config_hash, HEADER_VERSION, 0)
        placed = offset % self.alignment == address % self.alignment == 0 and 0 < count < 1 << 24
        if not identified or not placed or offset + 32 * count > length:
            raise Failed(Error.CONFIG_MISMATCH)
        self._input_bytes, self._output_bytes = inputs, outputs
        self._runnable = self._memory[address : address + length] == program.image

    def _execute(self, request: Descriptor) -> dict[str, int]:
        """Run every image of a request; the counters that grow."""
        if not self._runnable:
            raise Failed(Error.ILLEGAL_INSTRUCTION)
        program, images = self._program, request.count
        data = self._fetch(request.inputs, images * self._input_bytes)
        results = self._compute(np.frombuffer(data, np.uint8).reshape(images, -1))
        size = self._output_bytes
        if request.outputs + images * size > self.memory_size:
            raise Failed(Error.BUS_WRITE, program.instructions - 1)
        stored = np.frombuffer(self._memory, np.uint8)[request.outputs : request.outputs + images * size]
        for place in program.outputs:
            made = np.ascontiguousarray(results[place.tensor].astype(place.dtype))
            rows = stored.reshape(images, size)[:, place.offset : place.offset + place.length]
            rows[:] = made.view(np.uint8).reshape(images, -1)
        executed = images * sum(layer.macs_executed for layer in program.layers)
        nominal = images * sum(layer.macs for layer in program.layers)
        return {"MACS": executed, "MACS_SKIPPED": nominal - executed}

    def _compute(self, images: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> dict[str, np.ndarray]:
        inputs = {place.tensor: place.pick(images) for place in self._program.inputs}
        try:
            return run(self._graph, inputs)
        except GraphError as error:
            raise BadData(f"golden cannot run these inputs: {error}") from None

    def _fetch(self, address: int, length: int) -> bytes:
        """Bytes that the accelerator reads."""
        if address + length > self.memory_size:
            raise Failed(Error.BUS_READ)
        return bytes(self._memory[address : address + length])

    def _check_range(self, address: int, length: int) -> None:
        if not 0 <= address <= address + length <= self.memory_size:
            raise TransportError(
                f"{length} bytes at 0x{address:x} are not within {self.memory_size} of memory"
            )

    def _check_open(self) -> None:
        if self._closed:
            raise TransportError("the device is closed")


def _check_pair(program: Program, graph: Graph) -> None:
    """Raises IllegalGraph unless inputs, outputs and nodes of the program are those of the graph."""
    for places, names in ((program.inputs, graph.inputs), (program.outputs, graph.outputs)):
        found = {place.tensor: place.shape[1:] for place in places}
        if found != {name: graph.tensor(name).shape[1:] for name in names}:
            raise IllegalGraph(
                f"its inputs or outputs are not those of program '{program.network}'", file=graph.name
            )
    nodes = {node.name for node in graph.nodes}
    for layer in program.layers:
        for name in layer.nodes:
            if name not in nodes:
                raise IllegalGraph(
                    f"has no node '{name}', which program '{program.network}' runs", file=graph.name
                )
