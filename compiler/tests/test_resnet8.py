"""ResNet-8 for CIFAR-10 in golden, layer by layer, against TFLite's reference kernels (BUILTIN_REF)."""

from __future__ import annotations

import numpy as np
import pytest

from compiler import networks
from compiler.frontends.tflite import load_tflite
from compiler.macs import macs, node_macs
from compiler.networks import resnet8
from compiler.networks.photographs import PHOTOGRAPHS
from compiler.tests.models import assay_model
from golden import arithmetic
from golden.ir import Array, Graph
from golden.run import run
from golden.tests.tflite_model import reference_interpreter, tensors_by_name

IMAGES = 10


@pytest.fixture(scope="module")
def graph() -> Graph:
    return load_tflite(assay_model(str(resnet8.FILE)))


@pytest.fixture(scope="module")
def photographs() -> Array:
    for name in PHOTOGRAPHS:
        assay_model(str(name))
    return networks.load("resnet8").images(IMAGES)


@pytest.fixture(scope="module")
def expected(graph: Graph, photographs: Array) -> dict[str, Array]:
    """Every node's output for all images, by the reference kernels."""
    interpreter = reference_interpreter(assay_model(str(resnet8.FILE)).read_bytes())
    results = [tensors_by_name(interpreter, {graph.inputs[0]: image[None]}) for image in photographs]
    return {node.output: np.concatenate([r[node.output] for r in results]) for node in graph.nodes}


def mismatches(graph: Graph, photographs: Array, expected: dict[str, Array]) -> dict[str, int]:
    """Values of each node, by node name, that differ from the reference."""
    found = run(graph, {graph.inputs[0]: photographs})
    return {node.name: int((found[node.output] != expected[node.output]).sum()) for node in graph.nodes}


def test_every_layer_equals_reference(graph: Graph, photographs: Array, expected: dict[str, Array]) -> None:
    assert len(photographs) == IMAGES and len(expected) == len(graph.nodes) >= 15
    assert all(len(np.unique(values)) > 8 for values in expected.values())
    assert set(mismatches(graph, photographs, expected).values()) == {0}


def test_rounding_fully_connected_twice_is_found(
    graph: Graph, photographs: Array, expected: dict[str, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its one-step multiplier the last layer differs on a share of real images."""
    monkeypatch.setattr(arithmetic, "one_step_multiplier", arithmetic.quantise_multiplier)
    differing = mismatches(graph, photographs, expected)
    assert differing[graph.nodes[-1].name] > 0
    assert sum(differing.values()) == differing[graph.nodes[-1].name]


def test_inputs_are_ten_different_photographs(photographs: Array) -> None:
    assert photographs.shape == (IMAGES, 32, 32, 3) and photographs.dtype == np.int8
    assert len({image.tobytes() for image in photographs}) == IMAGES
    assert all(image.std() > 10 for image in photographs)


def test_inputs_follow_the_seed(photographs: Array) -> None:
    made = networks.load("resnet8")
    assert np.array_equal(photographs, made.images(IMAGES)) and np.array_equal(
        photographs[:7], made.images(7)
    )
    assert not np.array_equal(photographs[5:], made.images(IMAGES, seed=1)[5:])


def test_macs(graph: Graph) -> None:
    assert macs(graph) == 12_501_632
    assert node_macs(graph, graph.nodes[0]) == 32 * 32 * 16 * 27 and node_macs(graph, graph.nodes[-1]) == 640
