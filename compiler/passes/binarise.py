"""Binarise: a float graph with Sign activations to one of bits, thresholds and, at its end, 32-bit scores.

A layer is a product whose weights are -s or +s, perhaps a max pool, perhaps batch norm, and Sign, perhaps with a max
pool behind it. The last layer has no Sign. Batch norm and Sign become a threshold (`thresholds.py`). It comes
before the pool then: the maximum of sums reaches a rising threshold where one of the bits is 1, and stays below a
falling one where all are, so that pool takes the `minimum` of the bits in channels of negative gamma.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from compiler.errors import UnsupportedOperator, UnsupportedType
from compiler.passes.rewrite import fresh
from compiler.passes.scores import fixed_point
from compiler.passes.thresholds import Filter
from golden.ir import (
    Array,
    BatchNorm,
    Concat,
    Conv2D,
    FullyConnected,
    Graph,
    Node,
    Pool2D,
    Quantisation,
    Reshape,
    Sign,
    Slice,
    Tensor,
)

PLAIN = Quantisation((1.0,), 0, 32)
FLAGS = Quantisation((1.0,), 0, 8)


@dataclass(frozen=True)
class _Layer:
    """A product and what follows it, up to its sign. norms: in their order; pooled_sums: the pool comes before
    them, not behind."""

    product: Node
    norms: tuple[Node, ...] = ()
    pool: Node | None = None
    pooled_sums: bool = False
    sign: Node | None = None

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(node for node in (self.product, *self.norms, self.pool, self.sign) if node)


def has_signs(graph: Graph) -> bool:
    """Whether a float graph is that of a binary network."""
    return any(isinstance(node.operator, Sign) for node in graph.nodes)


def binarise(graph: Graph, image: Quantisation) -> Graph:
    """The binary graph of a float graph, after `legalise`; products, pools and maps keep their names.

    image: what the input's integers mean, with 6 or 8 bits and zero point 0. Raises an AssayError that names the
    node which has no place in a binary network."""
    name = graph.inputs[0]
    result = replace(graph, tensors={name: replace(graph.tensor(name), quantisation=image)})
    result = replace(result, constants={}, nodes=())
    taken: set[str] = set()
    for node in graph.nodes:
        if node.name in taken:
            continue
        if isinstance(node.operator, Conv2D | FullyConnected):
            layer = _layer(graph, node)
            taken.update(each.name for each in layer.nodes)
            result = _with_bits(result, graph, layer) if layer.sign else _with_scores(result, graph, layer)
        else:
            result = _with_moved(result, graph, node)
    return result


def _layer(graph: Graph, product: Node) -> _Layer:
    """A product with the nodes behind it that its threshold takes in."""
    layer, node = _Layer(product), product
    while (reader := _only_reader(graph, node)) is not None and layer.sign is None:
        match reader.operator:
            case Sign():
                layer = replace(layer, sign=reader)
            case BatchNorm() if layer.pool is None or layer.pooled_sums:
                layer = replace(layer, norms=(*layer.norms, reader))
            case Pool2D(kind="max") if layer.pool is None:
                layer = replace(layer, pool=reader, pooled_sums=not layer.norms)
            case _:
                break
        node = reader
    return layer


def _only_reader(graph: Graph, node: Node) -> Node | None:
    readers = list(graph.consumers(node.output))
    return readers[0] if len(readers) == 1 and node.output not in graph.outputs else None


def _with_bits(result: Graph, graph: Graph, layer: _Layer) -> Graph:
    """A layer that a Sign ends: product with thresholds, and its pool behind them."""
    assert layer.sign is not None and isinstance(layer.sign.operator, Sign)
    result, weights, filters = _product(result, graph, layer)
    found = [each.threshold(_largest(result, graph, layer.product)) for each in filters]
    least, flips = (np.array(column) for column in zip(*found, strict=True))
    result, limit = _with_constant(result, graph, f"{layer.product.name}.thresholds", least.astype(np.int32))
    result, flip = _with_constant(result, graph, f"{layer.product.name}.flips", flips.astype(np.int8))
    bit = Quantisation((float(np.float32(layer.sign.operator.scale)),), 0, 1)
    inputs = (layer.product.inputs[0], weights, limit, flip)
    if layer.pool is None:
        return _with_node(result, graph, replace(layer.product, inputs=inputs, output=layer.sign.output), bit)
    result = _with_node(result, graph, replace(layer.product, inputs=inputs), bit)
    pooled = [layer.product.output]
    if layer.pooled_sums and flips.any():
        result, minimum = _with_constant(result, graph, f"{layer.pool.name}.minimum", flips.astype(np.int8))
        pooled.append(minimum)
    pool = replace(layer.pool, inputs=tuple(pooled), output=layer.sign.output)
    return _with_node(result, graph, pool, bit)


def _with_scores(result: Graph, graph: Graph, layer: _Layer) -> Graph:
    """A layer without a Sign: the last one."""
    if layer.pool is not None:
        raise _refused(graph, layer.pool, "a pool must have a sign before or behind it")
    result, weights, filters = _product(result, graph, layer)
    scale, *numbers = fixed_point(filters, _largest(result, graph, layer.product))
    inputs = [layer.product.inputs[0], weights]
    for role, values in zip(("factors", "offsets"), numbers, strict=True):
        if values is not None:
            result, name = _with_constant(result, graph, f"{layer.product.name}.{role}", values)
            inputs.append(name)
    node = replace(layer.product, inputs=tuple(inputs), output=layer.nodes[-1].output)
    return _with_node(result, graph, node, Quantisation((scale,), 0, 32))


def _with_moved(result: Graph, graph: Graph, node: Node) -> Graph:
    """What keeps the values of the maps it reads: pools of bits, reshapes, slices, concatenations."""
    kinds = {result.tensor(name).quantisation for name in node.inputs if name in result.tensors}
    largest = isinstance(node.operator, Pool2D) and node.operator.kind == "max"
    if not (largest or isinstance(node.operator, Reshape | Slice | Concat)):
        what = type(node.operator).__name__
        raise _refused(graph, node, f"{what} has no place in a binary network, or not there")
    if len(kinds) != 1:
        raise _refused(graph, node, "joins maps of different scales")
    return _with_node(result, graph, node, kinds.pop())


def _product(result: Graph, graph: Graph, layer: _Layer) -> tuple[Graph, str, list[Filter]]:
    """The graph with the product's bits, their name, and what each filter's sums mean."""
    node, source = layer.product, result.tensor(layer.product.inputs[0]).quantisation
    assert source is not None
    _check_product(graph, node, source)
    weights = graph.constants[node.inputs[1]]
    rows = np.abs(weights.reshape(len(weights), -1))
    sizes = rows[:, 0]
    if (rows != sizes[:, np.newaxis]).any() or not sizes.all():
        rule = "weights must be -s or +s, with one s a layer or an output channel"
        raise UnsupportedType(rule, file=graph.name, node=node.name)
    units = [Fraction(source.scale[0]) * Fraction(float(size)) for size in sizes]
    scales = tuple(float(size) for size in sizes)
    bit = Quantisation(scales[:1], 0, 1) if len(set(scales)) == 1 else Quantisation(scales, 0, 1, axis=0)
    signs = np.where(weights > 0, 1, -1).astype(np.int8)
    result, name = _with_constant(result, graph, f"{node.name}.bits", signs, bit)
    return result, name, _filters(graph, layer, units)


def _check_product(graph: Graph, node: Node, source: Quantisation) -> None:
    if source.bits == 32:
        raise _refused(
            graph, node, f"reads '{node.inputs[0]}', which no sign made: only the last layer has none"
        )
    assert isinstance(node.operator, Conv2D | FullyConnected)
    if node.operator.activation:
        raise _refused(graph, node, f"{node.operator.activation} has no place in a binary network")
    if isinstance(node.operator, Conv2D) and node.operator.padding_value and source.scale != (1.0,):
        raise _refused(graph, node, "padding with ones needs a map of -1 and +1")


def _filters(graph: Graph, layer: _Layer, units: list[Fraction]) -> list[Filter]:
    count, inputs = len(units), layer.product.inputs
    bias = _fractions(graph.constants[inputs[2]]) if "".join(inputs[2:]) else [Fraction(0)] * count
    filters = [Filter(unit, each) for unit, each in zip(units, bias, strict=True)]
    for norm in layer.norms:
        filters = [each.normalised(*given) for each, given in zip(filters, _norm(graph, norm), strict=True)]
    return filters


def _norm(graph: Graph, node: Node) -> Iterator[tuple[Fraction, ...]]:
    """gamma, beta, mean and variance, epsilon added, of each channel."""
    assert isinstance(node.operator, BatchNorm)
    epsilon = Fraction(node.operator.epsilon)
    for *others, variance in zip(
        *(_fractions(graph.constants[name]) for name in node.inputs[1:]), strict=True
    ):
        if variance + epsilon <= 0:
            raise _refused(graph, node, "variance and epsilon must add up to more than 0")
        yield (*others, variance + epsilon)


def _fractions(values: Array) -> list[Fraction]:
    return [Fraction(float(value)) for value in values]


def _largest(result: Graph, graph: Graph, product: Node) -> int:
    """The greatest magnitude of the product's sums."""
    source = result.tensor(product.inputs[0]).quantisation
    assert source is not None
    return int(graph.constants[product.inputs[1]][0].size) * -source.low


def _with_constant(
    result: Graph, graph: Graph, name: str, values: Array, quantisation: Quantisation | None = None
) -> tuple[Graph, str]:
    name = fresh((*graph.tensors, *result.tensors), name)
    kind = quantisation or (FLAGS if values.dtype == np.int8 else PLAIN)
    tensors = result.tensors | {name: Tensor(name, values.shape, kind)}
    return replace(result, tensors=tensors, constants=result.constants | {name: values}), name


def _with_node(result: Graph, graph: Graph, node: Node, quantisation: Quantisation | None) -> Graph:
    """A product before its pool has the shape of its sums, whatever its output is called."""
    shape = graph.tensor(node.output).shape
    tensors = result.tensors | {node.output: Tensor(node.output, shape, quantisation)}
    return replace(result, tensors=tensors, nodes=(*result.nodes, node))


def _refused(graph: Graph, node: Node, rule: str) -> UnsupportedOperator:
    return UnsupportedOperator(rule, file=graph.name, node=node.name, operator=type(node.operator).__name__)
