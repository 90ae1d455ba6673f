"""Programs of pipelines: what the engines read is what the graph says, and every result can be seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from compiler import networks
from compiler.bcnn import compile_graph, cycles, disassemble
from compiler.bcnn.image import contents
from compiler.bcnn.memories import pack, unpack, weights_only
from compiler.bcnn.stages import matched, memories
from compiler.errors import MalformedFile
from compiler.observation import gather
from compiler.program import Program
from compiler.tests.binary_graphs import binary_graph, random_config, random_images
from compiler.tests.pipeline_machine import engines, tap_records
from golden.check import check
from golden.ir import Array, Conv2D, FullyConnected, Graph, Node
from golden.run import run
from rtl.bcnn.config import CONFIGS, Config, Layer
from rtl.lib.registers import HEADER_MAGIC

SEEDS = range(12)
LAYERS = [layer for seed in range(40) for layer in random_config(seed).layers]


@pytest.mark.parametrize("seed", SEEDS)
def test_engines_that_read_the_image_make_and_show_what_golden_makes(seed: int) -> None:
    config = random_config(seed)
    graph = binary_graph(config, seed, full=bool(seed % 3))
    check(graph)
    program = compile_graph(graph, config)
    image = random_images(config, 1, seed)
    expected, value = run(graph, {"image": image}), image[0]
    machines = engines(program.image, config)
    assert len(machines) == len(program.layers)
    for number, (machine, busy) in enumerate(zip(machines, cycles(program, config), strict=True)):
        made, value = machine.run(value)
        assert (machine.steps, machine.macs) == (busy, program.layers[number].macs_executed)
        seen = gather(program, number, records(config, number, made, value))
        assert len(seen.unexplained) == 0 and set(seen.tensors) == set(program.layers[number].aliases)
        for name, observed in seen.tensors.items():
            assert observed.written.all() and not observed.conflicts.any()
            assert np.array_equal(observed.values, expected[name]), name


def records(config: Config, number: int, made: Array, pooled: Array) -> npt.NDArray[np.void]:
    """What the testbench records of a layer's taps."""
    shown = tap_records(config, number, made, pooled)
    numbers = [(name, "<u4") for name in ("layer", "tap", "tag", "address", "lanes")]
    found = np.zeros(len(shown), [*numbers, ("data", "i1", config.tap_bytes)])
    for record, (tap, tag, address, lanes, words) in zip(found, shown, strict=True):
        data = np.array(words, np.int64).astype(np.uint32).view(np.int8)
        record["layer"], record["tap"], record["tag"] = number, tap, tag
        record["address"], record["lanes"] = address, lanes
        record["data"][: len(data)] = data
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_an_image_gives_back_what_it_was_made_from(seed: int) -> None:
    config = random_config(seed)
    graph = binary_graph(config, seed)
    held = contents(compile_graph(graph, config).image, config)
    for found, given in zip(held, memories(graph, matched(graph, config), config), strict=True):
        for name, values in vars(given).items():
            assert np.array_equal(getattr(found, name), values), name


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: f"{layer.channels}x{layer.uf}")
def test_a_section_is_whole_words_and_comes_back(layer: Layer) -> None:
    random = np.random.default_rng(layer.filters)
    weights = random.choice(np.array([-1, 1], np.int8), (layer.filters, *layer.kernel, layer.channels))
    packed = pack(layer, weights_only(weights))
    assert len(packed) == 32 * sum(layer.stream_words)
    assert np.array_equal(unpack(layer, packed).weights, weights)


def test_thresholds_beyond_every_sum_are_clipped_to_always_and_never() -> None:
    layer = CONFIGS["tiny"].layers[0]
    weights = np.ones((layer.filters, *layer.kernel, layer.channels), np.int8)
    ends = np.resize(np.array([2**31 - 1, -(2**31)], np.int64), layer.filters).astype(np.int32)
    found = unpack(layer, pack(layer, weights_only(weights, thresholds=ends))).thresholds
    assert set(found.tolist()) == {layer.largest_sum + 1, -layer.largest_sum}


def test_the_header_says_what_follows() -> None:
    config = replace(random_config(3), memory_bytes=64)
    program = compile_graph(binary_graph(config, 3), config)
    header = np.frombuffer(program.image[:32], "<u4").tolist()
    assert header == [
        HEADER_MAGIC,
        config.hash,
        config.stream_words,
        program.input_bytes,
        program.output_bytes,
        64,
        1,
        0,
    ]
    assert len(program.image) == 64 + 32 * program.instructions
    assert program.input_bytes % 64 == program.output_bytes % 64 == 0


def test_a_program_lists_its_layers_and_comes_back_from_a_file(tmp_path: Path) -> None:
    config = CONFIGS["tiny"]
    program = compile_graph(binary_graph(config, 1), config)
    program.save(tmp_path / "one.program")
    assert Program.load(tmp_path / "one.program") == program
    lines = disassemble(program).splitlines()
    assert len(lines) == 1 + 3 * len(config.layers)
    assert f"words 0 to {config.layers[0].stream_words[0] - 1}:" in lines[2]
    assert "factors" in lines[-1] or "offsets" in lines[-1]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda image: image[:20], "too few"),
        (lambda image: b"\1" + image[1:], "not a device image"),
        (lambda image: image[:4] + b"\0" + image[5:], "made for configuration"),
        (lambda image: image[:-1], "words at byte"),
        (lambda image: image[:8] + b"\7\0\0\0" + image[12:], "7 words at byte"),
    ],
)
def test_a_damaged_image_is_refused(change: object, rule: str) -> None:
    config = CONFIGS["tiny"]
    image = compile_graph(binary_graph(config, 1), config).image
    with pytest.raises(MalformedFile, match=rule):
        contents(change(image), config)  # type: ignore[operator]


@pytest.mark.skipif(bool(networks.network("cnv").missing()), reason="no cnv")
def test_a_trained_network_stands_in_the_image() -> None:
    config, graph = CONFIGS["cnv"], networks.load("cnv").graph
    program = compile_graph(graph, config)
    for held, node in zip(contents(program.image, config), products(graph), strict=True):
        weights = graph.constants[node.inputs[1]]
        assert np.array_equal(held.weights.reshape(weights.shape), weights)


def products(graph: Graph) -> list[Node]:
    """Its convolutions and fully connected layers."""
    return [node for node in graph.nodes if isinstance(node.operator, Conv2D | FullyConnected)]
