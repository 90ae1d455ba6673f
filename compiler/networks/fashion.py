"""The networks trained here, with the first 500 test images of Fashion-MNIST."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from compiler.calibration import UNIT_RANGE
from compiler.errors import MalformedFile, UnknownName
from compiler.frontends.onnx_file import load_onnx
from compiler.images import as_integers, as_real
from compiler.network import Inputs, Network, from_float, from_onnx, input_quantisation
from compiler.networks.spec import DENSE, NetworkSpec, Settings
from compiler.passes.prune import is_pruned
from golden.networks import fashion

TUNED_FOR = {"2:4": "fashion_int4_2of4.onnx", "1:4": "fashion_int4_1of4.onnx"}
"""The networks that were fine-tuned for 4 bits and a sparsity."""


def _int8(settings: Settings) -> Network:
    """The float network; pruned, its ranges are measured anew on training images."""
    if settings.sparsity == DENSE:
        return _with_images(from_onnx(fashion.FLOAT_MODEL, settings.bits), INT8.name)
    images = as_real(fashion.calibration_images()[0], fashion.CALIBRATION_IMAGES.name)
    graph = load_onnx(fashion.FLOAT_MODEL).graph
    made = from_float(graph, images, bits=settings.bits, kept=settings.kept, input_range=UNIT_RANGE)
    return _with_images(made, INT8.name)


def _int4(settings: Settings) -> Network:
    """The fine-tuned network of the sparsity asked for, with the ranges that it was tuned with."""
    file = tuned_file(settings.sparsity)
    if not file.is_file():
        raise UnknownName(
            f"network '{INT4.name}' at {settings.sparsity} cannot be had: {file.name} is not there"
        )
    made = from_onnx(file, settings.bits, end_weights=settings.end_weights)
    if made.float_graph is None or not is_pruned(made.float_graph, settings.kept):
        raise MalformedFile(f"is not pruned to {settings.sparsity}", file=str(file))
    return _with_images(replace(made, kept=settings.kept), INT4.name)


def _bnn(settings: Settings) -> Network:
    """The binary network. Its image is pixels less 128, which stand for -1 up to 1 in steps of 1/128."""
    return _with_images(from_onnx(fashion.BINARY_MODEL, settings.bits), BNN.name)


def tuned_file(sparsity: str) -> Path:
    """The .onnx file of the network fine-tuned for 4 bits and a sparsity."""
    return fashion.INT4_MODEL if sparsity == DENSE else fashion.FOLDER / TUNED_FOR[sparsity]


def _with_images(made: Network, name: str) -> Network:
    quantisation = input_quantisation(made.graph)

    def source(count: int, seed: int) -> Inputs:
        pixels, labels = fashion.images()
        return Inputs(as_integers(pixels[:count], quantisation, name), labels[:count])

    return replace(made, name=name, graph=replace(made.graph, name=name), source=source)


def _absent(file: Path) -> str:
    return "" if file.is_file() else f"{file.name} is not there"


INT8 = NetworkSpec("fashion_int8", _int8, lambda: _absent(fashion.FLOAT_MODEL))
INT4 = NetworkSpec("fashion_int4", _int4, lambda: _absent(fashion.INT4_MODEL), bits=(4,))
BNN = NetworkSpec("fashion_bnn", _bnn, lambda: _absent(fashion.BINARY_MODEL), sparsities=(DENSE,))
