"""MLPerf Tiny's ResNet-8 for CIFAR-10: a quantised .tflite file, and the float one that it was made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from compiler.frontends.tflite import read_float_tflite
from compiler.network import Network, from_tflite, input_quantisation
from compiler.networks import photographs
from compiler.networks.spec import DENSE, NetworkSpec, Settings
from golden.ir import Graph

NAME = "resnet8"
FILE = Path("mlperf_tiny", "pretrainedResnet_quant.tflite")
FLOAT_FILE = Path("mlperf_tiny", "pretrainedResnet.tflite")


def float_graph() -> Graph:
    """The network as it was trained; its input are pixels, 0 to 255. Raises an AssayError."""
    return read_float_tflite(photographs.folder() / FLOAT_FILE).graph


def _read(settings: Settings) -> Network:
    made = from_tflite(photographs.folder() / FILE)
    shape, quantisation = made.graph.tensor(made.graph.inputs[0]).shape, input_quantisation(made.graph)
    source = photographs.source(shape, quantisation, NAME)
    return replace(made, name=NAME, graph=replace(made.graph, name=NAME), source=source)


SPEC = NetworkSpec(NAME, _read, lambda: photographs.missing(FILE), sparsities=(DENSE,))
