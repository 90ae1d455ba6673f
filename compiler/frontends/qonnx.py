"""QONNX, as Brevitas writes it: the `Quant` nodes are taken out of a model, and what they say is kept.

A Quant or BipolarQuant of weights is carried out: its integers are the integers on the array. A Quant of a map
becomes the map's range and bits, a BipolarQuant of a map stays, as its sign. In the IR pools and what moves data
keep the quantisation of what they read, and a map has one quantisation: a model that says otherwise is refused,
naming the node.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from compiler.errors import AssayError, UnsupportedOperator, UnsupportedType
from compiler.frontends.loaded import IntegerWeights, Prescribed, Range
from compiler.frontends.onnx_format import ModelRecord, NodeRecord
from compiler.frontends.qonnx_quantiser import (
    BINARY_INPUT_BITS,
    DOMAINS,
    MAP_BITS,
    WEIGHT_BITS,
    Quantiser,
    bipolar,
    quantiser,
)
from golden.ir import Array

AVERAGES = ("AveragePool", "GlobalAveragePool", "ReduceMean")
MOVES = ("Concat", "Flatten", "MaxPool", "Pad", "Reshape", "Slice")
QUANT = ("Quant", "IntQuant")
BIPOLAR = "BipolarQuant"
PRODUCTS = ("Conv", "Gemm", "MatMul")


@dataclass(frozen=True)
class Unquantised:
    """A model without Quant nodes, the exact ranges of maps that had one, and what else they prescribe."""

    model: ModelRecord
    ranges: dict[str, Range] = field(default_factory=dict)
    prescribed: Prescribed = field(default_factory=Prescribed)


def without_quantisers(model: ModelRecord) -> Unquantised:
    """The model as a float one. Raises an AssayError that names a node of QONNX which assay does not run."""
    if not any(_custom(node) for node in model.nodes):
        return Unquantised(model)
    reader = _Reader(model)
    for node in model.nodes:
        try:
            reader.take(node)
        except AssayError as error:
            raise type(error)(error.rule, node=node.name, operator=node.kind) from None
    reader.spread()
    return reader.result()


def _custom(node: NodeRecord) -> str:
    """The operator's name in QONNX, '' for one of ONNX."""
    domain, _, kind = node.kind.rpartition(".")
    return kind if domain in DOMAINS else ""


class _Reader:
    """maps: quantiser of each map; integers: of constants that went through a Quant, with it."""

    def __init__(self, model: ModelRecord) -> None:
        self._model = model
        self._binary = any(_custom(node) == BIPOLAR for node in model.nodes)
        self._constants = dict(model.constants)
        self._names: dict[str, str] = {}
        self._nodes: list[NodeRecord] = []
        self._maps: dict[str, Quantiser] = {}
        self._integers: dict[str, tuple[npt.NDArray[np.int64], Quantiser]] = {}

    def take(self, node: NodeRecord) -> None:
        """One node, after those before it."""
        kind, whole = _custom(node), node
        node = replace(node, inputs=tuple(self._names.get(name, name) for name in node.inputs))
        if kind and kind not in (*QUANT, BIPOLAR):
            raise UnsupportedOperator("of QONNX's operators Quant and BipolarQuant alone are supported")
        if node.kind == "Transpose" and node.inputs[:1] and node.inputs[0] in self._constants:
            self._transpose(node)
        elif kind == BIPOLAR and node.inputs[:1] and node.inputs[0] in self._constants:
            self._constants[node.outputs[0]] = bipolar(node, self._constants)
        elif kind in ("", BIPOLAR):
            self._nodes.append(node)
        elif node.inputs[:1] and node.inputs[0] in self._constants:
            self._quantise_constant(node)
        else:
            self._quantise_map(node, whole.inputs[0])

    def _quantise_constant(self, node: NodeRecord) -> None:
        found = quantiser(node, self._constants)
        integers = found.integers(self._constants[node.inputs[0]])
        self._integers[node.outputs[0]] = (integers, found)
        self._constants[node.outputs[0]] = (integers * found.scale).astype(np.float32)

    def _transpose(self, node: NodeRecord) -> None:
        source, output = node.inputs[0], node.outputs[0]
        order = node.attributes.get("perm")
        if self._constants[source].ndim != 2 or order not in (None, (1, 0)):
            raise UnsupportedOperator("only a matrix of weights can be transposed")
        self._constants[output] = self._constants[source].T
        if source in self._integers:
            integers, found = self._integers[source]
            turned = np.broadcast_to(found.scale, integers.shape).T
            self._integers[output] = (integers.T, replace(found, scale=turned))

    def _quantise_map(self, node: NodeRecord, raw: str) -> None:
        """raw: the map's name in the file, which nothing but quantisers like this one may read."""
        source, found = node.inputs[0], quantiser(node, self._constants)
        found.check_map(BINARY_INPUT_BITS if self._binary else MAP_BITS)
        if source in self._maps and not self._maps[source].same_as(found):
            raise UnsupportedOperator(f"map '{source}' is quantised in two ways")
        readers = [reader for reader in self._model.nodes if raw in reader.inputs]
        if raw in self._model.outputs or any(_custom(reader) not in QUANT for reader in readers):
            raise UnsupportedOperator(f"map '{raw}' is also read without being quantised")
        self._maps[source] = found
        self._names[node.outputs[0]] = source

    def spread(self) -> None:
        """Quantisers to all maps that are quantised alike: first to sources, then to results."""
        for node in reversed(self._nodes):
            if node.kind in (*MOVES, *AVERAGES) and node.outputs[0] in self._maps:
                for source in self._sources(node):
                    self._spread_back(node, source)
        for node in self._nodes:
            if node.kind in (*MOVES, *AVERAGES, "Relu", "Clip"):
                self._spread_on(node)

    def _spread_back(self, node: NodeRecord, source: str) -> None:
        """A quantiser behind a pool is one in front of it, if it commutes and nothing else reads the map."""
        if source in self._maps:
            return
        readers = sum(other.inputs.count(source) for other in self._nodes)
        if node.kind in AVERAGES or readers > 1 or source in self._model.outputs:
            raise _refused(node, f"its result is quantised, but not '{source}', which it reads")
        self._maps[source] = self._maps[node.outputs[0]]

    def _spread_on(self, node: NodeRecord) -> None:
        known = [self._maps[source] for source in self._sources(node) if source in self._maps]
        wanted = self._maps.get(node.outputs[0], known[0] if known else None)
        if wanted is None:
            return
        if any(not wanted.same_as(found) for found in known):
            raise _refused(node, "must keep the quantisation of what it reads")
        if known:
            self._maps[node.outputs[0]] = wanted

    def _sources(self, node: NodeRecord) -> tuple[str, ...]:
        """The maps that a node reads."""
        return tuple(name for name in node.inputs if name and name not in self._constants)

    def result(self) -> Unquantised:
        """What is left, and what was taken out."""
        outputs = tuple(self._names.get(name, name) for name in self._model.outputs)
        model = replace(self._model, nodes=tuple(self._nodes), outputs=outputs, constants=self._constants)
        bits = {name: found.bits for name, found in self._maps.items()}
        weights = {node.name: self._weights(node) for node in self._nodes if self._reads_integers(node)}
        ranges = {name: found.map_range() for name, found in self._maps.items()}
        return Unquantised(model, ranges, Prescribed(bits, weights))

    def _reads_integers(self, node: NodeRecord) -> bool:
        return node.kind in PRODUCTS and len(node.inputs) > 1 and node.inputs[1] in self._integers

    def _weights(self, node: NodeRecord) -> IntegerWeights:
        integers, found = self._integers[node.inputs[1]]
        if found.bits not in WEIGHT_BITS or not found.signed:
            kind = "signed" if found.signed else "unsigned"
            raise _refused(node, f"weights have {found.bits} {kind} bits, must have 2 to 8 signed ones")
        rows, scales = (_by_output(node, values) for values in (integers, _full(found.scale, integers)))
        if np.any(scales != scales[:, :1]):
            raise _refused(node, "weights must have one scale, or one an output channel")
        return IntegerWeights(4 if found.bits <= 4 else 8, tuple(int(row.max()) for row in np.abs(rows)))


def _full(scale: Array, like: Array) -> Array:
    return np.broadcast_to(scale, like.shape)


def _by_output(node: NodeRecord, weights: Array) -> Array:
    """Weights as (outputs, all others), from the layout of a Conv, Gemm or MatMul."""
    outputs_last = node.kind == "MatMul" or (node.kind == "Gemm" and not node.attributes.get("transB", 0))
    turned = weights.T if outputs_last else weights
    return turned.reshape(len(turned), -1)


def _refused(node: NodeRecord, rule: str) -> AssayError:
    kind = UnsupportedType if rule.startswith("weights") else UnsupportedOperator
    return kind(rule, node=node.name, operator=node.kind)
