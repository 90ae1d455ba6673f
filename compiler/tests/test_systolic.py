"""Compiled layers and networks, run on the functional machine, equal golden on every node."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from compiler.observation import gather
from compiler.program import Program
from compiler.systolic import compile_graph
from compiler.tests.random_graphs import random_layer, random_moves, random_network
from compiler.tests.systolic_machine import Machine, Result
from golden import run as golden
from golden.ir import Array, Graph, Reshape
from rtl.systolic.config import CONFIGS, Config

MOST_CHANNELS = {"tiny": 14, "small": 40, "paper": 150}
SIZES = tuple(CONFIGS.values())


def random_values(graph: Graph, seed: int, images: int) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    values: dict[str, Array] = {}
    for name in graph.inputs:
        quantisation, shape = graph.tensor(name).quantisation, graph.tensor(name).shape
        assert quantisation is not None
        drawn = random.integers(quantisation.low, quantisation.high + 1, (images, *shape[1:]))
        values[name] = drawn.astype(np.int8)
    return values


def check_layers(program: Program, result: Result, image: int, expected: dict[str, Array]) -> set[str]:
    """The tensors that were seen whole, by one layer or several, each equal to golden in every element."""
    seen: dict[str, npt.NDArray[np.bool_]] = {}
    for index in range(len(program.layers)):
        gathered = gather(program, index, result.taps)
        assert gathered.unexplained.size == 0
        for name, observed in gathered.tensors.items():
            assert observed.written[observed.expected].all(), name
            assert not observed.conflicts.any(), name
            golden_values = expected[name][image : image + 1][observed.expected]
            np.testing.assert_array_equal(observed.values[observed.expected], golden_values, name)
            seen[name] = seen.get(name, np.False_) | observed.expected
    return {name for name, elements in seen.items() if elements.all()}


def check_program(
    graph: Graph, program: Program, config: Config, values: dict[str, Array], seed: int
) -> None:
    """Runs all images of `values`; every node, the outputs in memory, events and MAC counts are right."""
    expected = golden.run(graph, values)
    results = Machine(program.image, config, seed).run(program.pack_inputs(values))
    assert len(results) == len(values[graph.inputs[0]])
    computed = {node.output for node in graph.nodes if not isinstance(node.operator, Reshape)}
    for image, result in enumerate(results):
        assert check_layers(program, result, image, expected) >= computed
        for name, output in program.unpack_outputs(result.output).items():
            np.testing.assert_array_equal(output, expected[name][image : image + 1])
        assert result.events == list(range(len(program.layers)))
        assert result.macs == sum(layer.macs_executed for layer in program.layers)
        assert result.macs + result.macs_skipped == sum(layer.macs for layer in program.layers)


def check_graph(graph: Graph, config: Config, seed: int, images: int = 1) -> None:
    program = compile_graph(graph, config)
    check_program(graph, program, config, random_values(graph, seed, images), seed)


@pytest.mark.parametrize("config", SIZES, ids=lambda config: config.name)
@pytest.mark.parametrize("first", range(0, 200, 20))
def test_random_layers(first: int, config: Config) -> None:
    for seed in range(first, first + 20):
        check_graph(random_layer(seed, MOST_CHANNELS[config.name]), config, seed)


@pytest.mark.parametrize("config", SIZES, ids=lambda config: config.name)
@pytest.mark.parametrize("first", range(0, 40, 10))
def test_random_networks(first: int, config: Config) -> None:
    for seed in range(first, first + 10):
        check_graph(random_network(seed, MOST_CHANNELS[config.name]), config, seed, images=2)


@pytest.mark.parametrize("config", SIZES, ids=lambda config: config.name)
@pytest.mark.parametrize("first", range(0, 60, 20))
def test_maps_joined_sliced_and_padded(first: int, config: Config) -> None:
    for seed in range(first, first + 20):
        check_graph(random_moves(seed, MOST_CHANNELS[config.name]), config, seed)
