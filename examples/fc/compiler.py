"""Compiler back end of the fully connected engine: a chain of layers to a program."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

import numpy as np
from fc.config import Config
from fc.isa import INSTRUCTION_BYTES, Opcode, Source, decode, encode

from compiler.errors import (
    DoesNotFit,
    IllegalGraph,
    MalformedFile,
    UnsupportedOperator,
    UnsupportedType,
)
from compiler.macs import node_macs
from compiler.program import Geometry, Layer, Observation, Placement, Program, Region
from golden.arithmetic import conv_parameters, quantisation_of
from golden.check import check
from golden.ir import FullyConnected, Graph, GraphError, Node, Reshape
from rtl.lib.registers import HEADER_MAGIC, HEADER_VERSION

HEADER = struct.Struct("<8I")
MOST_OUTPUTS = 65_535
MOST_BYTES = (1 << 24) - 1


def compile_graph(graph: Graph, config: Config) -> Program:
    """Raises AssayError: one line that names the node and the rule it breaks."""
    try:
        check(graph)
        nodes = [node for node in graph.nodes if not _is_alias(graph, node, config)]
        return _Compilation(graph, config, nodes).program()
    except GraphError as error:
        raise IllegalGraph(str(error)) from None


def disassemble(program: Program) -> str:
    """The instructions as text, one a line. Raises MalformedFile."""
    count, start = struct.unpack_from("<8x I 8x I", program.image)
    if start + count * INSTRUCTION_BYTES > len(program.image):
        raise MalformedFile(f"{count} instructions do not fit the image")
    places = range(start, start + count * INSTRUCTION_BYTES, INSTRUCTION_BYTES)
    return "".join(_text(program.image[at : at + INSTRUCTION_BYTES], n) for n, at in enumerate(places))


def _text(data: bytes, number: int) -> str:
    values = decode(data)
    opcode = values.pop("opcode")
    name = Opcode(opcode).name if opcode in list(Opcode) else f"illegal_{opcode}"
    return " ".join([name, *(f"{key}={value}" for key, value in values.items() if value)]) + f"  # {number}\n"


def _is_alias(graph: Graph, node: Node, config: Config) -> bool:
    """Whether a node moves no data. Raises AssayError for one that the engine cannot run."""
    operator = type(node.operator).__name__
    if isinstance(node.operator, Reshape):
        return True
    if not isinstance(node.operator, FullyConnected):
        raise UnsupportedOperator("fc runs fully connected layers alone", node=node.name, operator=operator)
    kinds = [graph.tensor(name).quantisation for name in (*node.inputs[:2], node.output)]
    if any(kind is None or kind.bits != 8 for kind in kinds):
        raise UnsupportedType("fc multiplies 8-bit integers", node=node.name, operator=operator)
    outputs, features = graph.tensor(node.inputs[1]).shape
    if features > config.features or outputs > MOST_OUTPUTS:
        rule = f"{features} features to {outputs}, {config.name} holds {config.features} to {MOST_OUTPUTS}"
        raise DoesNotFit(rule, node=node.name, operator=operator)
    return False


class _Compilation:
    """Inputs, then layers; what is no output of the graph is kept behind the outputs."""

    def __init__(self, graph: Graph, config: Config, nodes: list[Node]) -> None:
        self.graph, self.config, self.nodes = graph, config, nodes
        self.roots = {name: name for name in graph.inputs}
        for node in graph.nodes:
            self.roots[node.output] = node.output if node in nodes else self.roots[node.inputs[0]]
        self.inputs, self.input_bytes = self._places(list(graph.inputs), 0)
        self.outputs, end = self._places(list(graph.outputs), 0)
        kept = {self.roots[name] for name in graph.outputs}
        if not nodes or not kept <= {node.output for node in nodes}:
            raise IllegalGraph(f"{graph.name}: an output is no result of a layer")
        inner, self.output_bytes = self._places([n.output for n in nodes if n.output not in kept], end)
        self.at = {self.roots[place.tensor]: place.offset for place in (*self.outputs, *inner)}
        self.start = self._aligned(HEADER.size)
        self.constants = self._aligned(self.start + (len(nodes) + 1) * INSTRUCTION_BYTES)

    def program(self) -> Program:
        """Everything together."""
        config, graph = self.config, self.graph
        return Program(
            variant="fc", config=config.name, config_hash=config.hash, network=graph.name,
            tap_bytes=config.tap_bytes, tap_lane_bits=config.tap_lane_bits, input_bytes=self.input_bytes,
            output_bytes=self.output_bytes, instructions=len(self.nodes) + 1, inputs=self.inputs, outputs=self.outputs,
            layers=tuple(self._layer(number) for number in range(len(self.nodes))), image=self._image(),
        )  # fmt: skip

    def _aligned(self, size: int) -> int:
        return -(-size // self.config.memory_bytes) * self.config.memory_bytes

    def _places(self, names: list[str], offset: int) -> tuple[tuple[Placement, ...], int]:
        places = []
        for name in names:
            places.append(Placement(name, self.graph.tensor(name).shape, offset))
            offset += self._aligned(places[-1].length)
        return tuple(places), offset

    def _image(self) -> bytes:
        rows = [self._rows(node) for node in self.nodes]
        code = b"".join(self._instruction(number, rows) for number in range(len(rows))) + encode(
            opcode=Opcode.END
        )
        sizes = len(rows) + 1, self.input_bytes, self.output_bytes
        header = HEADER.pack(HEADER_MAGIC, self.config.hash, *sizes, self.start, HEADER_VERSION, 0)
        return (header.ljust(self.start, b"\0") + code).ljust(self.constants, b"\0") + b"".join(rows)

    def _rows(self, node: Node) -> bytes:
        """For each output a row of weights, filled up with zeros to memory words, and a word of parameters."""
        weights = self.graph.constants[node.inputs[1]].astype(np.int8)
        factors, width = conv_parameters(self.graph, node), self.config.memory_bytes
        bias = (
            self.graph.constants[node.inputs[2]]
            if node.inputs[2:] and node.inputs[2]
            else np.zeros(len(weights))
        )
        made = b""
        for row, numbers in zip(
            weights, zip(bias, factors.multipliers, factors.shifts, strict=True), strict=True
        ):
            parameters = struct.pack("<3i", *(int(number) for number in numbers))
            made += row.tobytes().ljust(self._aligned(len(row)), b"\0") + parameters.ljust(width, b"\0")
        if len(made) > MOST_BYTES:
            raise DoesNotFit(f"{len(made):,} bytes of weights, at most {MOST_BYTES:,}", node=node.name)
        return made

    def _instruction(self, number: int, rows: list[bytes]) -> bytes:
        node, graph = self.nodes[number], self.graph
        source, factors = self.roots[node.inputs[0]], conv_parameters(graph, node)
        outputs, features = graph.tensor(node.inputs[1]).shape
        inputs = {place.tensor: place.offset for place in self.inputs}
        return encode(
            opcode=Opcode.LAYER, layer=number,
            source=Source.INPUT if source in inputs else Source.OUTPUT,
            source_offset=inputs[source] if source in inputs else self.at[source],
            weights_offset=self.constants + sum(map(len, rows[:number])), length=len(rows[number]),
            destination=self.at[node.output], features=features, outputs=outputs,
            zero_point=quantisation_of(graph, node.inputs[0]).zero_point,
            output_zero_point=factors.zero_point, low=factors.act_min, high=factors.act_max,
        )  # fmt: skip

    def _layer(self, number: int) -> Layer:
        node, graph = self.nodes[number], self.graph
        shape, macs = graph.tensor(node.output).shape, node_macs(graph, node)
        names = [name for name, root in self.roots.items() if root == node.output]
        shown = Geometry(node.output, 0, 0, math.prod(shape), 0, 0, 1)
        return Layer(
            name=node.name, nodes=(node.name, *self._reshapes(names)), macs=macs, macs_executed=macs,
            tensors={name: graph.tensor(name).shape for name in names}, aliases=dict.fromkeys(names, node.output),
            writes=(Region(self.at[node.output], math.prod(shape)),),
            observations=(Observation(number, shown),),
        )  # fmt: skip

    def _reshapes(self, names: list[str]) -> Iterator[str]:
        yield from (node.name for node in self.graph.nodes if node.output in names and node not in self.nodes)
