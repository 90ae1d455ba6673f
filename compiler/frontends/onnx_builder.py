"""The IR graph of an ONNX model while it is being built; every access to a map or constant is checked."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from compiler.errors import MalformedFile, UnsupportedOperator
from compiler.frontends.onnx_format import Attribute, ModelRecord, NodeRecord
from golden.ir import Array, Graph, Node, Operator, Tensor
from golden.shapes import output_shape

Floats = npt.NDArray[np.float32]
Padding = tuple[int, int, int, int]
Value = TypeVar("Value", bound=Attribute)

MOST_ELEMENTS = 1 << 28
LARGEST_INTEGER = 1 << 20


class Builder:
    """flattened: ONNX (channels, height, width) of each vector made from a map of several pixels, whose order
    in ONNX is not the IR's. padded: source, (top, left, bottom, right) and value of each output of Pad.
    compared: the map that a comparison with 0 reads, by the comparison's output."""

    def __init__(self, model: ModelRecord, image: Tensor) -> None:
        self.model = model
        self.flattened: dict[str, tuple[int, int, int]] = {}
        self.padded: dict[str, tuple[str, Padding, int]] = {}
        self.compared: dict[str, str] = {}
        self._image = image
        self._aliases: dict[str, str] = {}
        self._tensors: dict[str, Tensor] = {image.name: image}
        self._constants: dict[str, Array] = {}
        self._nodes: list[Node] = []

    def graph(self, name: str) -> Graph:
        """What was built, as far as the model's output."""
        output = self.map(self.model.outputs[0])
        if output in self.flattened:
            raise UnsupportedOperator(f"output '{output}' is a flattened map, must be a map or a vector")
        if not self._nodes:
            raise UnsupportedOperator("has no operator that the accelerator runs")
        nodes = tuple(self._nodes)
        return Graph(name, (self._image.name,), (output,), self._tensors, nodes, self._constants)

    def is_new(self, name: str) -> bool:
        known = (self._tensors, self._aliases, self.model.constants, self.compared)
        return not any(name in names for names in known)

    def map(self, name: str) -> str:
        """The IR tensor of the feature map that an ONNX name stands for."""
        name = self._aliases.get(name, name)
        if name in self.padded:
            raise UnsupportedOperator("reads the output of Pad, which only a convolution may")
        if name in self.model.constants:
            raise UnsupportedOperator(f"tensor '{name}' is constant, must be a feature map")
        if name not in self._tensors or name in self._constants:
            raise MalformedFile(f"reads tensor '{name}', which nothing before it makes")
        return name

    def image_map(self, name: str) -> str:
        """Like `map`, of a map with four dimensions."""
        name = self.map(name)
        if len(self.shape(name)) != 4:
            raise UnsupportedOperator(f"reads '{name}' of {self.shape(name)}, must have four dimensions")
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape in IR layout."""
        return self._tensors[name].shape

    def constant(self, name: str, role: str) -> Array:
        """A constant in ONNX layout."""
        if name not in self.model.constants:
            raise UnsupportedOperator(f"{role} '{name}' must be constant")
        return self.model.constants[name]

    def floats_of_any_shape(self, name: str, role: str) -> Floats:
        """A float constant in ONNX layout."""
        values = self.constant(name, role)
        if values.dtype != np.float32 or values.size == 0:
            raise UnsupportedOperator(f"{role} '{name}' of {values.shape} must be float")
        return values.astype(np.float32, copy=False)

    def floats(self, name: str, role: str, dimensions: int) -> Floats:
        """A float constant with so many dimensions, in ONNX layout."""
        values = self.floats_of_any_shape(name, role)
        if values.ndim != dimensions:
            raise UnsupportedOperator(f"{role} '{name}' of {values.shape} must have {dimensions} dimensions")
        return values

    def keep(self, name: str, values: Array) -> str:
        """Stores a constant in IR layout, under a new name where another node has it in another layout."""
        if name in self._tensors and not np.array_equal(self._constants.get(name, np.empty(0)), values):
            name = f"{name}#{len(self._tensors)}"
        self._constants[name] = np.ascontiguousarray(values, dtype=np.float32)
        self._tensors[name] = Tensor(name, values.shape)
        return name

    def make(self, node: NodeRecord, operator: Operator, *inputs: str) -> None:
        """Appends a node whose shape follows from its inputs. GraphError where they do not suit."""
        shape = output_shape(operator, [self.shape(name) for name in inputs])
        if shape is None:
            raise MalformedFile("has an output of unknown shape")
        self.make_shaped(node, operator, shape, *inputs)

    def make_shaped(self, node: NodeRecord, operator: Operator, shape: tuple[int, ...], *inputs: str) -> None:
        """Appends a node with an output of the given shape."""
        if math.prod(shape) > MOST_ELEMENTS:
            raise MalformedFile(f"makes a map of {shape}")
        self._tensors[node.outputs[0]] = Tensor(node.outputs[0], shape)
        self._nodes.append(Node(node.name, operator, inputs, node.outputs[0]))

    def alias(self, node: NodeRecord, name: str) -> None:
        """The node's output is another name of a map."""
        self._aliases[node.outputs[0]] = name

    def producer(self, name: str) -> Node | None:
        """The node that makes a map."""
        return next((node for node in self._nodes if node.output == name), None)

    def take_producer(self, name: str) -> Node | None:
        """Removes and returns the node that makes a map, if its output is read only once."""
        node = self.producer(name)
        if node is None or self.model.readers(name) != 1:
            return None
        self._nodes.remove(node)
        del self._tensors[name]
        return node

    def append(self, node: Node, shape: tuple[int, ...]) -> None:
        """Appends a finished IR node."""
        self._tensors[node.output] = Tensor(node.output, shape)
        self._nodes.append(node)


def attribute(node: NodeRecord, name: str, default: Value) -> Value:
    """An attribute of the default's type. MalformedFile where it has another, or integers are absurd."""
    value = node.attributes.get(name, default)
    if type(value) is not type(default):
        raise MalformedFile(f"attribute '{name}' has the wrong type")
    integers = value if isinstance(value, tuple) else (value,) if isinstance(value, int) else ()
    if any(abs(integer) > LARGEST_INTEGER for integer in integers):
        raise MalformedFile(f"attribute '{name}' is {value}")
    return value


def only(node: NodeRecord, *known: str) -> None:
    """Refuses attributes other than those named."""
    for name in node.attributes:
        if name not in known:
            raise UnsupportedOperator(f"attribute '{name}' is not supported")


def inputs(node: NodeRecord, least: int, most: int) -> tuple[str, ...]:
    """The node's inputs, padded with '' to `most`."""
    if not least <= len(node.inputs) <= most or "" in node.inputs[:least]:
        raise MalformedFile(f"has {len(node.inputs)} inputs, must have {least} to {most}")
    return node.inputs + ("",) * (most - len(node.inputs))
