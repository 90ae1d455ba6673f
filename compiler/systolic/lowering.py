"""From a quantised graph to operations: shapes resolved, reshapes folded away, adds and pools fused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from compiler.errors import AssayError, IllegalGraph, UnsupportedOperator, UnsupportedType
from compiler.systolic.fusion import Fusion, fusions
from compiler.systolic.joins import joined, padded, views
from compiler.systolic.operations import Map, Move, Operation, Plan, Product, Residual, Window
from golden.arithmetic import AddParameters, add_parameters, conv_parameters
from golden.check import check
from golden.ir import (
    Add,
    Concat,
    Conv2D,
    FullyConnected,
    Graph,
    GraphError,
    Node,
    Pad,
    Pool2D,
    Reshape,
    Slice,
)
from rtl.systolic.config import Config

BITS = (4, 8, 32)


def lower(graph: Graph, config: Config) -> Plan:
    """The operations in execution order. Raises AssayError naming the node and the rule that it breaks."""
    _check(graph)
    lowering = _Lowering(graph, config)
    operations = tuple(lowering.operations())
    if not operations:
        raise IllegalGraph(f"{graph.name}: there is nothing to run on the array")
    for name in graph.outputs:
        if lowering.aliases[name] in graph.inputs:
            raise IllegalGraph(f"{graph.name}: output {name!r} is an input")
    inputs = tuple(lowering.map(name) for name in graph.inputs)
    outputs = tuple(lowering.map(name) for name in graph.outputs)
    return Plan(graph.name, operations, inputs, outputs, lowering.aliases)


def _check(graph: Graph) -> None:
    try:
        check(graph)
    except GraphError as error:
        raise IllegalGraph(str(error)) from None
    for node in graph.nodes:
        _check_node(graph, node)


def _check_node(graph: Graph, node: Node) -> None:
    operator = type(node.operator).__name__
    if not isinstance(node.operator, Conv2D | FullyConnected | Add | Pool2D | Reshape | Concat | Slice | Pad):
        raise UnsupportedOperator("the systolic array does not run it", node=node.name, operator=operator)
    output = graph.tensor(node.output)
    if output.quantisation is None:
        raise UnsupportedType("the graph must be quantised", node=node.name, operator=operator)
    for name in (*node.inputs, node.output):
        quantisation = graph.tensor(name).quantisation if name else None
        if quantisation is not None and quantisation.bits not in BITS:
            rule = f"'{name}' is of int{quantisation.bits}: the systolic array multiplies 4 and 8 bits"
            raise UnsupportedType(rule, node=node.name, operator=operator)
    if output.shape[0] != 1:
        raise UnsupportedOperator(
            f"a program runs one image, batch is {output.shape[0]}", node=node.name, operator=operator
        )


def aliases_of(graph: Graph) -> dict[str, str]:
    """Every map tensor to the tensor that holds its bytes: a reshape shares those of its input."""
    roots = {name: name for name in graph.inputs}
    for node in graph.nodes:
        shares = isinstance(node.operator, Reshape)
        roots[node.output] = roots[node.inputs[0]] if shares else node.output
    return roots


class _Lowering:
    def __init__(self, graph: Graph, config: Config) -> None:
        self.graph = graph
        self.aliases = aliases_of(graph)
        self.fusions = fusions(graph, self.aliases, config)
        self.views = views(graph, self.aliases)

    def operations(self) -> list[Operation]:
        swallowed = {fusion.product for fusion in self.fusions.values()}
        made: list[Operation] = []
        for node in self.graph.nodes:
            if isinstance(node.operator, Concat) and all(name in self.views for name in node.inputs):
                _credit(made, node)
            elif not isinstance(node.operator, Reshape) and node.name not in swallowed:
                made.append(self._operation(node))
        return made

    def map(self, tensor: str) -> Map:
        """The map that holds a tensor's bytes, in the tensor's own shape."""
        shape = self.graph.tensor(tensor).shape
        height, width, channels = shape[1:] if len(shape) == 4 else (1, 1, math.prod(shape[1:]))
        root = self.aliases[tensor]
        return Map(root, height, width, channels, self.views.get(root, ()))

    def _operation(self, node: Node) -> Operation:
        try:
            fusion = self.fusions.get(node.name)
            return self._fused(node, fusion) if fusion else self._alone(node)
        except GraphError as error:
            raise IllegalGraph(str(error), node=node.name) from None
        except AssayError:
            raise

    def _alone(self, node: Node) -> Operation:
        source, result = self.map(node.inputs[0]), self.map(node.output)
        bare = Operation(node.name, (node.name,), source, result)
        match node.operator:
            case Conv2D():
                return replace(bare, product=self._product(node))
            case FullyConnected():
                features = Map(source.tensor, 1, 1, source.size)
                return replace(bare, source=features, product=self._product(node))
            case Add():
                residual = Residual(self.map(node.inputs[1]), add_parameters(self.graph, node))
                return replace(bare, residual=residual)
            case Pool2D(kind, kernel, stride, padding):
                return replace(bare, window=Window(kind, kernel, stride, padding))
            case Slice(begin, _, stride):
                return replace(bare, moves=(Move(source, result, begin, stride),))
            case Pad():
                return replace(bare, moves=padded(self.graph, self.views, node, source))
            case Concat():
                maps = {name: self.map(name) for name in node.inputs}
                return replace(bare, moves=joined(self.graph, self.views, node, maps))
        raise UnsupportedOperator("the systolic array does not run it", node=node.name)

    def _fused(self, node: Node, fusion: Fusion) -> Operation:
        producer = next(other for other in self.graph.nodes if other.name == fusion.product)
        first, second = self._alone(producer), self._alone(node)
        residual = self._residual(node, producer) if isinstance(node.operator, Add) else None
        return Operation(
            name=node.name,
            nodes=(producer.name, node.name),
            source=first.source,
            result=second.result,
            product=first.product,
            residual=residual,
            window=second.window,
        )

    def _residual(self, node: Node, producer: Node) -> Residual:
        parameters = add_parameters(self.graph, node)
        if node.inputs[0] == producer.output:
            return Residual(self.map(node.inputs[1]), parameters)
        return Residual(self.map(node.inputs[0]), _swapped(parameters))

    def _product(self, node: Node) -> Product:
        graph, operator = self.graph, node.operator
        source = graph.tensor(node.inputs[0]).quantisation
        weights_type = graph.tensor(node.inputs[1]).quantisation
        assert source is not None and weights_type is not None  # golden.check has seen to it
        weights = graph.constants[node.inputs[1]].astype(np.int8)
        convolution = operator if isinstance(operator, Conv2D) else Conv2D()
        return Product(
            weights=weights if weights.ndim == 4 else weights[:, None, None, :],
            bias=_bias(graph, node),
            weight_bits=weights_type.bits,
            source_bits=source.bits,
            source_zero_point=source.zero_point,
            stride=convolution.stride,
            padding=convolution.padding,
            requantisation=conv_parameters(graph, node),
            result=self.map(node.output),
        )


def _credit(made: list[Operation], node: Node) -> None:
    """A concatenation whose inputs are all made in their places is done with the last of them."""
    for index in reversed(range(len(made))):
        if any(view.tensor == node.output for result in made[index].writes for view in result.views):
            made[index] = replace(made[index], nodes=(*made[index].nodes, node.name))
            return


def _bias(graph: Graph, node: Node) -> npt.NDArray[np.int32]:
    if len(node.inputs) > 2 and node.inputs[2]:
        return graph.constants[node.inputs[2]].astype(np.int32)
    return np.zeros(graph.tensor(node.inputs[1]).shape[0], np.int32)


def _swapped(p: AddParameters) -> AddParameters:
    return replace(p, m1=p.m2, s1=p.s2, z1=p.z2, m2=p.m1, s2=p.s1, z2=p.z1)
