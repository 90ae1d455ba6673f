"""ResNet-50 (v1.5: the stride is in the 3 x 3 convolution) for 224 x 224 images, with seeded weights.

The topology is that of light_resnet50.onnx in the package onnx; its weights, all of one value, are exchanged.
What is measured with it is speed, never accuracy.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx

from compiler.frontends.onnx_file import load_onnx
from compiler.images import as_integers
from compiler.network import Inputs, Network, input_quantisation
from compiler.networks.seeded import seeded
from compiler.networks.smooth_images import smooth_images
from compiler.networks.spec import NetworkSpec, Settings
from compiler.passes import FLOAT_PASSES, quantised, run_passes
from golden.ir import Add, Conv2D, FullyConnected, Graph, Node, Pool2D, Reshape

NAME = "resnet50"
FILE = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / "light_resnet50.onnx"
WEIGHTS_PREFIX, WEIGHTS_SUFFIX = "gpu_0/", "_w_0"
POOLS = {"max": "pool1", "average": "pool5"}
WEIGHTS_SEED = 50
CALIBRATION_IMAGES = 4
CALIBRATION_SEED = 1 << 32
"""Beyond the seeds of inputs, so that calibration never sees what is run."""


def topology() -> Graph:
    """The float graph, batch norm and ReLU folded, nodes and maps under the names of their layers; its
    weights mean nothing. Raises an AssayError."""
    loaded = load_onnx(FILE)
    names = _layer_names(loaded.graph)
    graph = run_passes(loaded.graph, FLOAT_PASSES)
    maps = {node.output: names[node.name] for node in graph.nodes} | {graph.inputs[0]: "image"}
    nodes = tuple(_renamed(node, names[node.name], maps) for node in graph.nodes)
    tensors = {
        maps.get(name, name): replace(tensor, name=maps.get(name, name))
        for name, tensor in graph.tensors.items()
    }
    return Graph(NAME, ("image",), (nodes[-1].output,), tensors, nodes, graph.constants)


def _renamed(node: Node, name: str, maps: dict[str, str]) -> Node:
    inputs = tuple(maps.get(each, each) for each in node.inputs)
    return replace(node, name=name, inputs=inputs, output=maps[node.output])


def _layer_names(graph: Graph) -> dict[str, str]:
    """By node name: layers are called after their weights, sums after the block of the layer before."""
    names: dict[str, str] = {}
    layer = ""
    for node in graph.nodes:
        match node.operator:
            case Conv2D() | FullyConnected():
                layer = node.inputs[1].removeprefix(WEIGHTS_PREFIX).removesuffix(WEIGHTS_SUFFIX)
                names[node.name] = layer
            case Add():
                names[node.name] = f"{layer.split('_branch')[0]}_add"
            case Pool2D(kind):
                names[node.name] = POOLS[kind]
            case Reshape():
                names[node.name] = "flatten"
    return names


def _read(settings: Settings) -> Network:
    graph = topology()
    shape = graph.tensor("image").shape
    pixels = smooth_images(shape, CALIBRATION_IMAGES, CALIBRATION_SEED)
    bits, end_weights = settings.bits, settings.end_weights
    float_graph, ranges = seeded(
        graph, pixels, WEIGHTS_SEED, bits=bits, end_weights=end_weights, kept=settings.kept
    )
    integers = quantised(float_graph, ranges, bits, end_weights)
    quantisation = input_quantisation(integers)

    def source(count: int, seed: int) -> Inputs:
        return Inputs(as_integers(smooth_images(shape, max(count, 1), seed), quantisation, NAME)[:count])

    return Network(NAME, integers, source, float_graph, kept=settings.kept)


SPEC = NetworkSpec(NAME, _read, lambda: "" if FILE.is_file() else f"{FILE.name} is not there", (4,), 4)
