"""ResNet-50 with seeded weights: the onnx package's topology, alive at every sparsity, the same every time."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from compiler.liveness import main
from compiler.macs import macs, node_macs
from compiler.network import Network
from compiler.networks import load
from compiler.networks.resnet50 import topology
from compiler.networks.smooth_images import smooth_images
from compiler.passes.liveness import require_alive
from compiler.passes.prune import is_pruned, prunable
from golden.arithmetic import quantisation_of
from golden.ir import Add, Conv2D, FullyConnected, Pool2D, Reshape

SPARSITIES = {"4:4": 4, "2:4": 2, "1:4": 1}
MACS = 4_089_184_256


@lru_cache(maxsize=2)
def made(sparsity: str, end_weights: int | None = None) -> Network:
    return load("resnet50", sparsity=sparsity, end_weights=end_weights)


@pytest.mark.parametrize("end_weights", [4, 8])
@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_every_layer_is_alive(sparsity: str, end_weights: int) -> None:
    network = made(sparsity, end_weights)
    assert len(require_alive(network.graph, network.images(1))) == 53 + 16 + 1
    assert is_pruned(network.graph, SPARSITIES[sparsity]) and macs(network.graph) == MACS
    ends = network.settings()
    assert ends["first_layer"] == {"name": "conv1", "activation_bits": 8, "weight_bits": end_weights}
    assert ends["last_layer"] == {"name": "pred", "activation_bits": 8, "weight_bits": end_weights}


def test_topology_is_version_1_5() -> None:
    """53 convolutions; where a stage halves the map, the 3 x 3 one does."""
    graph = topology()
    kinds = [type(node.operator) for node in graph.nodes]
    assert [kinds.count(kind) for kind in (Conv2D, Add, Pool2D, Reshape, FullyConnected)] == [53, 16, 2, 1, 1]
    strided = [node.name for node in graph.nodes if getattr(node.operator, "stride", (1, 1)) == (2, 2)]
    halved = [f"res{stage}_0_branch{branch}" for stage in (3, 4, 5) for branch in ("2b", "1")]
    assert strided == ["conv1", "pool1", *halved]
    assert macs(graph) == MACS == sum(node_macs(graph, node) for node in graph.nodes)
    assert [node.name for node in graph.nodes[-4:]] == ["res5_2_add", "pool5", "flatten", "pred"]


def test_widths_and_blocks() -> None:
    """4 bits inside, 8 at the ends; every convolution but the first is pruned, and no denser than asked for."""
    graph = made("2:4").graph
    bits = {node.name: quantisation_of(graph, node.inputs[0]).bits for node in graph.nodes}
    assert [name for name, width in bits.items() if width == 8] == ["conv1", "pool5", "flatten", "pred"]
    assert len(prunable(graph)) == 52 and not is_pruned(graph, 1)
    assert made("2:4").settings()["first_layer"]["weight_bits"] == 4


def test_the_network_is_the_same_every_time() -> None:
    first, second = made("1:4", 4).graph, load("resnet50", sparsity="1:4", end_weights=4).graph
    assert first.tensors == second.tensors
    assert all(np.array_equal(values, second.constants[name]) for name, values in first.constants.items())


def test_inputs_are_smooth_and_follow_the_seed() -> None:
    images = made("2:4").images(2, seed=3)
    assert images.shape == (2, 224, 224, 3) and images.dtype == np.int8 and images.std() > 30
    assert np.array_equal(images[:1], made("2:4").images(1, seed=3))
    assert not np.array_equal(images, made("2:4").images(2, seed=4))
    neighbours = np.abs(np.diff(images.astype(np.int16), axis=1)).mean()
    assert 0 < neighbours < 8


def test_smooth_images_reach_black_and_white() -> None:
    pixels = smooth_images((1, 20, 30, 1), 3, seed=0)
    assert pixels.shape == (3, 20, 30, 1) and pixels.dtype == np.uint8
    assert all((image.min(), image.max()) == (0, 255) for image in pixels)


def test_the_command_prints_every_layer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fashion_int8", "--images", "20"]) == 0
    printed = capsys.readouterr().out
    assert "fashion_int8, weights 4:4" in printed and "block3_add" in printed and "logits" in printed
    assert main(["resnet8", "--sparsity", "2:4"]) == 2
    assert "resnet8: cannot be pruned" in capsys.readouterr().err
