"""Whole networks on the functional machine: every node equals golden, MACs as counted, cycles within
reason."""

from __future__ import annotations

from time import perf_counter

import pytest

from compiler import networks
from compiler.api import compile_network, config_of, disassemble, variants
from compiler.errors import DoesNotFit, UnknownName
from compiler.macs import macs
from compiler.network import Network
from compiler.networks.spec import DENSE
from compiler.systolic import compile_graph, predict
from compiler.systolic.estimate import cycles
from compiler.tests.test_systolic import check_program
from rtl.systolic.config import CONFIGS

NAMES = ("fashion_int8", "fashion_int4", "resnet8")
LARGE = ("resnet8", "resnet20", "squeezenet10")
SECONDS = 15.0


def network(name: str, sparsity: str = DENSE) -> Network:
    if reason := networks.network(name).missing():
        pytest.skip(reason)
    return networks.load(name, sparsity=sparsity)


def check_network(made: Network, config: str, images: int) -> None:
    program = compile_graph(made.graph, CONFIGS[config])
    check_program(made.graph, program, CONFIGS[config], {made.graph.inputs[0]: made.images(images)}, seed=1)


@pytest.mark.parametrize(("name", "config"), [*((name, "small") for name in NAMES), ("fashion_int4", "tiny")])
def test_a_network_equals_golden(name: str, config: str) -> None:
    check_network(network(name), config, images=1 if config == "tiny" else 2)


@pytest.mark.parametrize("name", LARGE)
def test_a_large_network_equals_golden(name: str) -> None:
    check_network(network(name), "paper", images=1)


def test_resnet50_compiles_fast_and_equals_golden() -> None:
    made = network("resnet50", "1:4")
    start = perf_counter()
    predicted = predict(made.graph, CONFIGS["paper"])
    assert perf_counter() - start < SECONDS
    assert macs(made.graph) / 4 / (32 * 64) < predicted < macs(made.graph) / 2 / (32 * 64)
    check_network(made, "paper", images=1)


@pytest.mark.parametrize("name", NAMES)
def test_the_estimate_lies_above_what_the_elements_need(name: str) -> None:
    graph = network(name).graph
    config = CONFIGS["small"]
    program = compile_graph(graph, config)
    estimated = cycles(program)
    least = sum(layer.macs_executed for layer in program.layers) / (config.rows * config.columns)
    assert len(estimated) == len(program.layers)
    assert least < sum(estimated) < 10 * least


def test_compile_by_name() -> None:
    made = compile_network("systolic", "fashion_int4", "small")
    assert (made.program.variant, made.program.config) == ("systolic", "small")
    assert made.program.config_hash == config_of("systolic", "small").hash
    assert made.network.name == "fashion_int4"
    assert disassemble(made.program).rstrip().splitlines()[-1].startswith("END")


def test_unknown_names_are_told() -> None:
    assert "systolic" in variants()
    with pytest.raises(UnknownName, match="no accelerator 'none'"):
        compile_network("none", "fashion_int4", "small")
    with pytest.raises(UnknownName, match="no configuration 'none'"):
        compile_network("systolic", "fashion_int4", "none")


def test_what_does_not_fit_names_file_and_node() -> None:
    narrow = compile_network("systolic", "fashion_int4", "small").network.graph
    config = config_of("systolic", "tiny")
    cramped = type(config)(**{**vars(config), "scratchpad_bytes": 4096})
    with pytest.raises(DoesNotFit, match=r"node '\w+': .* scratchpad of tiny has 4096"):
        compile_graph(narrow, cramped)
