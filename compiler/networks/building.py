"""Float graphs from arrays: what the networks that come as weights alone, without a graph, are built with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from compiler.errors import IllegalGraph, MalformedFile
from golden.ir import Array, FullyConnected, Graph, GraphError, Node, Operator, Reshape, Tensor
from golden.shapes import output_shape

Floats = npt.NDArray[np.float32]


class FloatGraph:
    """Grows node by node; a node, its output and its constants bear its name."""

    def __init__(self, name: str, image: tuple[int, ...]) -> None:
        """image: (1, height, width, channels) of the input 'image'."""
        self._name = name
        self._tensors = {"image": Tensor("image", image)}
        self._nodes: list[Node] = []
        self._constants: dict[str, Array] = {}

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a map."""
        return self._tensors[name].shape

    def node(self, name: str, operator: Operator, *maps: str, **constants: Floats) -> str:
        """Appends a node that reads maps, then constants in the order given; returns its output's name.
        Raises IllegalGraph where their shapes do not suit."""
        roles = {f"{name}.{role}": values for role, values in constants.items()}
        for constant, values in roles.items():
            self._tensors[constant] = Tensor(constant, values.shape)
            self._constants[constant] = np.ascontiguousarray(values, np.float32)
        try:
            shape = output_shape(operator, [self.shape(each) for each in (*maps, *roles)])
        except GraphError as error:
            raise IllegalGraph(str(error), file=self._name, node=name) from None
        assert shape is not None, "a reshape says its own shape: see classifier"
        return self._append(Node(name, operator, (*maps, *roles), name), shape)

    def classifier(self, name: str, source: str, weights: Floats, bias: Floats) -> str:
        """A fully connected layer on a map of one pixel, flattened before."""
        flat = self._append(
            Node(f"{name}_input", Reshape(), (source,), f"{name}_input"), (1, self.shape(source)[3])
        )
        return self.node(name, FullyConnected(), flat, weights=weights, bias=bias)

    def graph(self) -> Graph:
        """What has grown; its output is the last node's."""
        outputs = (self._nodes[-1].output,)
        return Graph(self._name, ("image",), outputs, self._tensors, tuple(self._nodes), self._constants)

    def _append(self, node: Node, shape: tuple[int, ...]) -> str:
        self._tensors[node.output] = Tensor(node.output, shape)
        self._nodes.append(node)
        return node.output


class Arrays:
    """The named arrays of an .npz file."""

    def __init__(self, file: Path) -> None:
        """Raises MalformedFile where it cannot be read."""
        self._file = file
        try:
            with np.load(file, allow_pickle=False) as content:
                self._arrays: dict[str, Array] = {name: content[name] for name in content.files}
        # Deliberately every exception: a damaged archive fails in zip, zlib, header or array.
        except Exception as error:
            raise MalformedFile(f"is no .npz file that can be read: {error}", file=str(file)) from None

    def __getitem__(self, name: str) -> npt.NDArray[np.generic]:
        """One array. Raises MalformedFile where the file has none of the name."""
        if name not in self._arrays:
            raise MalformedFile(f"has no array '{name}'", file=str(self._file))
        return self._arrays[name]

    def shaped(self, name: str, shape: tuple[int, ...]) -> Floats:
        """One array of floats as (shape). Raises MalformedFile where it does not fit or is not finite."""
        values = self[name]
        if values.shape != shape or not np.isfinite(values).all():
            found = f"array '{name}' of {values.shape}"
            raise MalformedFile(f"{found} must be {shape} finite numbers", file=str(self._file))
        floats: Floats = values.astype(np.float32)
        return floats
