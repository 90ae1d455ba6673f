"""A quantised network with inputs to run it on, from a user's .tflite or .onnx file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from compiler.errors import AssayError, BadData, MissingRange
from compiler.frontends.loaded import Loaded, Range
from compiler.frontends.onnx_file import load_onnx
from compiler.frontends.tflite import read_tflite
from compiler.images import Integers, as_integers, as_real, read_data
from compiler.passes import FLOAT_PASSES, QUANTISED_PASSES, quantised, run_passes
from compiler.passes.calibrate import calibrate
from golden.ir import Graph, Quantisation

Labels = npt.NDArray[np.integer]

CALIBRATION_SEED = 0
RANDOM_CALIBRATION_IMAGES = 32
UNIT_RANGE: Range = (0.0, 1.0)


class Inputs(NamedTuple):
    """images: (n, height, width, channels) int8 in the input's quantisation; labels: (n,) where known."""

    images: Integers
    labels: Labels | None = None


Source = Callable[[int, int], Inputs]


@dataclass(frozen=True)
class Network:
    """A quantised graph ready to compile. float_graph: what it was quantised from, where there is one.
    source: gives n inputs for a seed; `images` and `labels` ask it."""

    name: str
    graph: Graph
    source: Source
    float_graph: Graph | None = None
    host_operators: tuple[str, ...] = ()

    def images(self, count: int, seed: int = 0) -> Integers:
        """The first `count` inputs; the seed matters where they are made up. BadData if there are fewer."""
        return self._inputs(count, seed).images

    def labels(self, count: int, seed: int = 0) -> Labels | None:
        """The classes of `images(count, seed)`, where they are known."""
        return self._inputs(count, seed).labels

    def with_inputs(self, path: str | Path) -> Network:
        """The network with inputs from a .npy or image file, or a folder of them, instead of its own."""
        data = read_data(_existing(path), self.graph.tensor(self.graph.inputs[0]).shape)
        images = as_integers(data, input_quantisation(self.graph), str(path))
        return replace(self, source=lambda count, seed: Inputs(images[:count]))

    def _inputs(self, count: int, seed: int) -> Inputs:
        inputs = self.source(count, seed)
        if len(inputs.images) < count:
            raise BadData(f"has {len(inputs.images)} inputs, {count} are asked for", file=self.name)
        return inputs


def input_quantisation(graph: Graph) -> Quantisation:
    """The quantisation of a quantised graph's input."""
    quantisation = graph.tensor(graph.inputs[0]).quantisation
    if quantisation is None:
        raise BadData("the graph is float, must be quantised", file=graph.name)
    return quantisation


def from_tflite(path: Path) -> Network:
    """The network of a quantised .tflite file, with seeded random inputs. Raises an AssayError."""
    try:
        loaded = read_tflite(path)
        graph = run_passes(loaded.graph, QUANTISED_PASSES)
    except AssayError as error:
        raise error.in_file(str(path)) from None
    return Network(path.stem, graph, _random_source(graph), host_operators=loaded.host_operators)


def from_onnx(path: Path, bits: int = 8, calibration: str | Path | None = None) -> Network:
    """The network of a float .onnx file quantised to 8 or 4 bits, with seeded random inputs.

    Ranges are measured on calibration data, if given; else they are the file's, or measured on random images.
    Raises an AssayError."""
    try:
        loaded = load_onnx(path)
        float_graph = run_passes(loaded.graph, FLOAT_PASSES)
        ranges = _ranges(float_graph, loaded, calibration)
        graph = quantised(float_graph, ranges, bits, prescribed=loaded.prescribed)
    except AssayError as error:
        raise _located(error, path, calibration) from None
    return Network(path.stem, graph, _random_source(graph), float_graph, loaded.host_operators)


def _located(error: AssayError, path: Path, calibration: str | Path | None) -> AssayError:
    """The error naming the network's file, unless it names one of the calibration data."""
    names_data = calibration is not None and error.file.startswith(str(calibration))
    return error if names_data else error.in_file(str(path))


def _ranges(graph: Graph, loaded: Loaded, calibration: str | Path | None) -> dict[str, Range]:
    name, shape = graph.inputs[0], graph.tensor(graph.inputs[0]).shape
    if calibration is not None:
        data = read_data(_existing(calibration), shape)
        ranges = calibrate(graph, as_real(data, str(calibration)))
        exact = {known: loaded.ranges[known] for known in loaded.prescribed.bits if known in loaded.ranges}
        return ranges | ({name: UNIT_RANGE} if data.dtype == np.uint8 else {}) | exact
    if _complete(graph, loaded.ranges):
        return loaded.ranges
    least, greatest = loaded.ranges.get(name, UNIT_RANGE)
    generator = np.random.default_rng(CALIBRATION_SEED)
    images = generator.random((RANDOM_CALIBRATION_IMAGES, *shape[1:]), dtype=np.float32)
    measured = calibrate(graph, images * np.float32(greatest - least) + np.float32(least))
    return measured | {name: (least, greatest)} | loaded.ranges


def _complete(graph: Graph, ranges: dict[str, Range]) -> bool:
    try:
        quantised(graph, ranges, 8)
    except MissingRange:
        return False
    return True


def _random_source(graph: Graph) -> Source:
    shape, quantisation = graph.tensor(graph.inputs[0]).shape, input_quantisation(graph)

    def source(count: int, seed: int) -> Inputs:
        generator = np.random.default_rng(seed)
        size = (count, *shape[1:])
        return Inputs(generator.integers(quantisation.low, quantisation.high, size, np.int8, endpoint=True))

    return source


def _existing(path: str | Path) -> Path:
    if not Path(path).exists():
        raise BadData("no such file or folder", file=str(path))
    return Path(path)
