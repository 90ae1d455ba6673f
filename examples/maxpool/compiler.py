"""Compiler back end of the max-pooling engine: a chain of layers to a program."""

from __future__ import annotations

import math
import struct

from maxpool.config import Config
from maxpool.isa import INSTRUCTION_BYTES, Opcode, Source, decode, encode

from compiler.errors import DoesNotFit, IllegalGraph, MalformedFile, UnsupportedOperator, UnsupportedType
from compiler.program import Geometry, Layer, Observation, Placement, Program, Region
from golden.check import check
from golden.ir import Graph, GraphError, Node, Pool2D
from rtl.lib.registers import HEADER_MAGIC, HEADER_VERSION

HEADER = struct.Struct("<8I")


def compile_graph(graph: Graph, config: Config) -> Program:
    """Raises AssayError: one line that names the node and the rule it breaks."""
    try:
        check(graph)
    except GraphError as error:
        raise IllegalGraph(str(error)) from None
    for node in graph.nodes:
        _check(graph, node, config)
    return _Compilation(graph, config).program()


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


def _check(graph: Graph, node: Node, config: Config) -> None:
    """Raises AssayError for a node that the engine cannot run."""
    operator, name = node.operator, type(node.operator).__name__
    if not isinstance(operator, Pool2D) or operator.kind != "max":
        raise UnsupportedOperator("maxpool runs max pools alone", node=node.name, operator=name)
    if operator.kernel != operator.stride or any(operator.padding) or max(operator.kernel) > 15:
        rule = "windows must stand side by side, without padding, at most 15 x 15"
        raise UnsupportedOperator(rule, node=node.name, operator=name)
    kind = graph.tensor(node.output).quantisation
    if kind is None or kind.bits not in (4, 8) or len(node.inputs) != 1:
        raise UnsupportedType("maxpool compares 4- and 8-bit integers", node=node.name, operator=name)
    _, _, columns, channels = graph.tensor(node.output).shape
    if channels % config.memory_bytes or channels // config.memory_bytes > 255:
        rule = f"{channels} channels, must be a multiple of {config.memory_bytes} ({config.name}), at most 255 times it"
        raise DoesNotFit(rule, node=node.name, operator=name)
    if columns * channels > config.line_words * config.memory_bytes:
        most = config.line_words * config.memory_bytes
        rule = f"a row of results has {columns * channels} bytes, {config.name} holds {most}"
        raise DoesNotFit(rule, node=node.name, operator=name)


class _Compilation:
    """Inputs, then layers; what is no output of the graph is kept behind the outputs."""

    def __init__(self, graph: Graph, config: Config) -> None:
        self.graph, self.config = graph, config
        self.inputs, self.input_bytes = self._places(graph.inputs, 0)
        self.outputs, end = self._places(graph.outputs, 0)
        inner = tuple(node.output for node in graph.nodes if node.output not in graph.outputs)
        kept, self.output_bytes = self._places(inner, end)
        self.at = {place.tensor: place.offset for place in (*self.outputs, *kept)}

    def _places(self, names: tuple[str, ...], offset: int) -> tuple[tuple[Placement, ...], int]:
        places = []
        for name in names:
            places.append(Placement(name, self.graph.tensor(name).shape, offset))
            offset += places[-1].length  # a multiple of the memory port, as the channels are
        return tuple(places), offset

    def program(self) -> Program:
        """Everything together."""
        config, nodes = self.config, self.graph.nodes
        return Program(
            variant="maxpool", config=config.name, config_hash=config.hash, network=self.graph.name,
            tap_bytes=config.tap_bytes, tap_lane_bits=config.tap_lane_bits, input_bytes=self.input_bytes,
            output_bytes=self.output_bytes, instructions=len(nodes) + 1, inputs=self.inputs, outputs=self.outputs,
            layers=tuple(self._layer(number, node) for number, node in enumerate(nodes)), image=self._image(),
        )  # fmt: skip

    def _image(self) -> bytes:
        code = [self._instruction(number, node) for number, node in enumerate(self.graph.nodes)]
        sizes = len(code) + 1, self.input_bytes, self.output_bytes
        header = HEADER.pack(HEADER_MAGIC, self.config.hash, *sizes, HEADER.size, HEADER_VERSION, 0)
        return header + b"".join(code) + encode(opcode=Opcode.END)

    def _instruction(self, number: int, node: Node) -> bytes:
        assert isinstance(node.operator, Pool2D)  # _check has seen to it
        source = node.inputs[0]
        _, _, width, channels = self.graph.tensor(source).shape
        _, rows, columns, _ = self.graph.tensor(node.output).shape
        inputs, words = (
            {place.tensor: place.offset for place in self.inputs},
            channels // self.config.memory_bytes,
        )
        return encode(
            opcode=Opcode.POOL, layer=number, source=Source.INPUT if source in inputs else Source.OUTPUT,
            source_offset=inputs[source] if source in inputs else self.at[source], destination=self.at[node.output],
            row_pitch=width * channels, row_words=columns * node.operator.kernel[1] * words,
            line_words=columns * words, rows=rows, channel_words=words,
            kernel_rows=node.operator.kernel[0], kernel_columns=node.operator.kernel[1],
        )  # fmt: skip

    def _layer(self, number: int, node: Node) -> Layer:
        shape, lanes = self.graph.tensor(node.output).shape, self.config.memory_bytes
        shown = Geometry(node.output, 0, 0, math.prod(shape) // lanes, 0, 0, lanes)
        return Layer(
            name=node.name, nodes=(node.name,), macs=0, macs_executed=0, tensors={node.output: shape},
            aliases={node.output: node.output}, writes=(Region(self.at[node.output], math.prod(shape)),),
            observations=(Observation(number, shown),),
        )  # fmt: skip
