"""A graph as a chain of layers, and whether a configuration's engines are those layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from compiler.bcnn.memories import Memories, weights_only
from compiler.errors import DoesNotFit
from golden.ir import Conv2D, FullyConnected, Graph, Node, Operator, Pool2D, Reshape
from rtl.bcnn.config import ONE_BIT, SCORE_BITS, Config, Layer


@dataclass(frozen=True)
class Stage:
    """One layer of the graph: a product, the pool behind it if there is one, and the reshapes of what they make."""

    product: Node
    pool: Node | None = None
    reshapes: tuple[Node, ...] = ()

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (self.product, *([self.pool] if self.pool else []), *self.reshapes)

    @property
    def result(self) -> str:
        """The tensor that the layer passes on, before any reshape."""
        return self.pool.output if self.pool else self.product.output


def chain(graph: Graph) -> tuple[Stage, ...]:
    """The layers in their order. Raises DoesNotFit for a graph that is no chain of them."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise DoesNotFit(
            f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs, a pipeline has one of each"
        )
    stages: list[Stage] = []
    for node in _nodes(graph):
        if isinstance(node.operator, Conv2D | FullyConnected):
            stages.append(Stage(node))
        elif isinstance(node.operator, Reshape) and stages:
            stages[-1] = replace(stages[-1], reshapes=(*stages[-1].reshapes, node))
        elif isinstance(node.operator, Pool2D) and stages and len(stages[-1].nodes) == 1:
            stages[-1] = replace(stages[-1], pool=node)
        elif not isinstance(node.operator, Reshape):
            raise refusal(node, "a layer of a pipeline is a product, and perhaps a pool behind it")
    return tuple(stages)


def _nodes(graph: Graph) -> Iterator[Node]:
    """From the input to the output, each reading what the one before it made."""
    tensor, left = graph.inputs[0], len(graph.nodes)
    while readers := list(graph.consumers(tensor)):
        if len(readers) > 1 or tensor in graph.outputs:
            also = "leaves the graph" if tensor in graph.outputs else f"{readers[1].name} reads it too"
            raise refusal(readers[0], f"reads {tensor}; {also}: a pipeline's map has one reader")
        yield readers[0]
        tensor, left = readers[0].output, left - 1
    if left or tensor != graph.outputs[0]:
        raise DoesNotFit(f"{left} nodes stand beside the way from input to output, a pipeline is a chain")


def matched(graph: Graph, config: Config) -> tuple[Stage, ...]:
    """The graph's layers, one for each of the configuration's. Raises DoesNotFit naming node, rule and both
    values."""
    stages = chain(graph)
    if len(stages) != len(config.layers):
        raise DoesNotFit(f"the network has {len(stages)} layers, {config.name} has {len(config.layers)}")
    for stage, layer in zip(stages, config.layers, strict=True):
        _match(_facts(graph, stage, layer), stage, layer, config)
    return stages


Facts = dict[str, tuple[object, object]]
"""What is compared: the graph's value and the configuration's."""


def _match(facts: Facts, stage: Stage, layer: Layer, config: Config) -> None:
    for rule, (found, needed) in facts.items():
        if found != needed:
            has = f"layer {layer.name} of {config.name} has {needed}"
            raise refusal(stage.product, f"{rule} is {found}, {has}")


def _facts(graph: Graph, stage: Stage, layer: Layer) -> Facts:
    operator, source = stage.product.operator, stage.product.inputs[0]
    weights = stage.product.inputs[1]
    facts: Facts = {
        "bits of the map read": (bits_of(graph, stage.product, source), layer.input_bits),
        "bits of weights": (bits_of(graph, stage.product, weights), ONE_BIT),
        "bits of results": (
            bits_of(graph, stage.product, stage.product.output),
            SCORE_BITS if layer.scores else ONE_BIT,
        ),
        "filters": (graph.tensor(weights).shape[0], layer.filters),
        "pool": (pool_of(stage), layer.pool),
    }
    shape = graph.tensor(source).shape[1:]
    if isinstance(operator, Conv2D):
        return facts | _convolution(operator, graph.tensor(weights).shape[1:3], shape, layer)
    features = layer.height * layer.width * layer.channels
    whole = (layer.height, layer.width), (0, 0, 0, 0)
    return facts | {
        "features": (math.prod(shape), features),
        "kernel and padding": (whole, (layer.kernel, layer.padding)),
    }


def _convolution(operator: Conv2D, kernel: tuple[int, ...], shape: tuple[int, ...], layer: Layer) -> Facts:
    padded = operator.padding != (0, 0, 0, 0)
    return {
        "map": (shape, (layer.height, layer.width, layer.channels)),
        "kernel": (kernel, layer.kernel),
        "stride": (operator.stride, layer.stride),
        "padding": (operator.padding, layer.padding),
        "value of padding": (operator.padding_value if padded else layer.padding_value, layer.padding_value),
    }


def pool_of(stage: Stage) -> tuple[int, int]:
    """The windows of a layer's pool. Raises DoesNotFit for a pool that no engine has."""
    if stage.pool is None:
        return (1, 1)
    operator = stage.pool.operator
    assert isinstance(operator, Pool2D)
    windows = operator.kernel, operator.stride, operator.padding
    if operator.kind != "max" or operator.kernel == (1, 1):
        raise refusal(stage.pool, f"kind is {operator.kind} of {operator.kernel}, a pipeline has max")
    if windows != (operator.kernel, operator.kernel, (0, 0, 0, 0)):
        text = f"kernel is {windows[0]}, stride {windows[1]}, padding {windows[2]}"
        raise refusal(stage.pool, f"{text}: windows of a pipeline stand side by side, without padding")
    return operator.kernel


def bits_of(graph: Graph, node: Node, name: str) -> int:
    """Of an integer tensor that a node reads or makes. Raises DoesNotFit for any other."""
    quantisation = graph.tensor(name).quantisation
    if quantisation is None or quantisation.zero_point:
        has = f"zero point {quantisation.zero_point}" if quantisation else "floating point"
        raise refusal(node, f"{name} has {has}: a pipeline takes integers with zero point 0")
    return quantisation.bits


def memories(graph: Graph, stages: Sequence[Stage], config: Config) -> list[Memories]:
    """What each engine holds."""
    return [_memories(graph, stage, layer) for stage, layer in zip(stages, config.layers, strict=True)]


def _memories(graph: Graph, stage: Stage, layer: Layer) -> Memories:
    weights, *parameters = (graph.constants[name] for name in stage.product.inputs[1:] if name)
    kernels = weights.reshape(layer.filters, *layer.kernel, layer.channels)
    if layer.scores:
        alone = (np.ones(layer.filters, np.int32), np.zeros(layer.filters, np.int32))
        factors, offsets = parameters or alone
        return weights_only(kernels, factors=factors, offsets=offsets)
    thresholds, flips = parameters
    minimum = stage.pool.inputs[1:] if stage.pool else ()
    minima = graph.constants[minimum[0]] if any(minimum) else np.zeros(layer.filters, np.int32)
    return weights_only(kernels, thresholds=thresholds, flips=flips, minima=minima)


def refusal(node: Node, rule: str) -> DoesNotFit:
    """The error that names a node."""
    return DoesNotFit(rule, node=node.name, operator=_kind(node.operator))


def _kind(operator: Operator) -> str:
    return type(operator).__name__
