"""The binary network trained here: its layers, its accuracy, and its scores against onnx's reference evaluator."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest

from compiler.accuracy import accuracies, predictions
from compiler.macs import macs
from compiler.network import Network, input_quantisation
from compiler.networks import load
from compiler.tests.qonnx_models import reference
from golden.arithmetic import quantisation_of
from golden.ir import Conv2D, FullyConnected, Pool2D
from golden.networks import fashion
from golden.networks.fashion import binary_topology, topology
from golden.run import run
from rtl.bcnn.config import CONFIGS

NAME = "fashion_bnn"
CORRECT = 454
"""Of the 500 committed images."""
PRODUCTS = Conv2D | FullyConnected


@pytest.fixture(scope="module")
def made() -> Network:
    return load(NAME)


def test_its_nodes_are_the_layer_list(made: Network) -> None:
    nodes = [node for node in made.graph.nodes if isinstance(node.operator, PRODUCTS | Pool2D)]
    assert [node.name for node in nodes] == [layer.name for layer in binary_topology.LAYERS]
    assert made.graph.name == made.name == NAME and made.graph.inputs == ("image",)
    assert macs(made.graph) == sum(topology.macs(binary_topology.LAYERS).values()) == 18_691_840


def test_its_layers_are_those_of_the_pipeline(made: Network) -> None:
    """rtl/bcnn/config.py states the same maps, weights and pools."""
    graph = made.graph
    for layer in CONFIGS["fashion"].layers:
        (node,) = (node for node in graph.nodes if node.name == layer.name)
        weights = graph.tensor(node.inputs[1])
        assert quantisation_of(graph, node.inputs[0]).bits == layer.input_bits
        assert quantisation_of(graph, node.inputs[1]).bits == 1
        assert quantisation_of(graph, node.output).bits == (32 if layer.scores else 1)
        assert (weights.shape[0], math.prod(weights.shape[1:])) == (layer.filters, layer.fan_in)
        if isinstance(node.operator, Conv2D):
            assert graph.tensor(node.output).shape == (1, layer.out_height, layer.out_width, layer.filters)
            assert (node.operator.stride, node.operator.padding) == (layer.stride, layer.padding)
            assert node.operator.padding_value == layer.padding_value
        pools = [each.operator for each in graph.consumers(node.output)]
        kernels = [pool.kernel for pool in pools if isinstance(pool, Pool2D)]
        assert kernels == ([layer.pool] if layer.pooled else [])


def test_images_are_pixels_in_eight_bits(made: Network) -> None:
    """floor((p / 255 * 2 - 1) * 128) within int8, which stands for a 128th of it."""
    quantisation = input_quantisation(made.graph)
    assert (quantisation.scale, quantisation.zero_point, quantisation.bits) == ((1 / 128,), 0, 8)
    pixels, labels = fashion.images()
    wanted = np.clip(np.floor((pixels / 255 * 2 - 1) * 128), -128, 127)
    assert np.array_equal(made.images(500), wanted)
    assert np.array_equal(np.array(made.labels(500)), labels)


def test_accuracy_on_the_committed_images(made: Network) -> None:
    """Integers: the same count everywhere."""
    found = predictions(made.graph, made.images(500))
    assert np.count_nonzero(found == made.labels(500)) == CORRECT


def test_accuracy_is_told(made: Network) -> None:
    """Beside those of the other networks, of the images given."""
    pixels, labels = (part[:30] for part in fashion.images())
    shares = dict(accuracies(pixels, labels))
    assert list(shares) == ["float", "int8", "int4", "int4, 2:4", "int4, 1:4", "binary"]
    right = np.mean(predictions(made.graph, made.images(30)) == labels)
    assert shares["binary"] == right < 1
    assert dict(accuracies(pixels, (labels + 1) % 10))["binary"] < 0.2


def test_every_layer_is_that_of_the_reference_evaluator(made: Network) -> None:
    """Scores too are equal exactly, not nearly: the last batch norm is fixed point already."""
    images = made.images(4)
    values = run(made.graph, {"image": images})
    proto, last = onnx.load(fashion.BINARY_MODEL), made.graph.outputs[0]
    signs = [layer.name for layer in binary_topology.LAYERS if not binary_topology.pool_of(layer)][:-1]
    for index, image in enumerate(images):
        wanted = reference(proto, image[np.newaxis] / np.float32(128))
        for name in signs:
            assert np.array_equal(values[name][index], wanted[name][0]), name
        assert np.array_equal(
            values[last][index] * quantisation_of(made.graph, last).scale[0], wanted[last][0]
        )
    assert len(signs) == 5 and len(np.unique(values[last].argmax(axis=1))) > 1


def test_every_layer_is_alive(made: Network) -> None:
    """Few filters say the same of every pixel of every image."""
    values = run(made.graph, {"image": made.images(50)})
    for layer in binary_topology.LAYERS[:-1]:
        share = (values[layer.name] == 1).reshape(-1, values[layer.name].shape[-1]).mean(axis=0)
        assert np.mean((share > 0.001) & (share < 0.999)) > 0.8, layer.name
