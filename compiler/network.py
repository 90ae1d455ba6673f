"""A quantised network with inputs to run it on, from a user's .tflite or .onnx file or PyTorch module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from compiler.calibration import DEFAULT_RECIPE, Recipe, image_range, ranges_of, without_inner_ranges
from compiler.errors import AssayError, BadData, UnsupportedType
from compiler.frontends.loaded import Loaded, Range
from compiler.frontends.onnx_file import load_onnx
from compiler.frontends.tflite import read_tflite
from compiler.frontends.torch_module import load_factory, load_torch
from compiler.images import Floats, Integers, Values, as_integers, as_real, existing, read_data
from compiler.passes import BINARY_PASSES, FLOAT_PASSES, QUANTISED_PASSES, binarised, quantised, run_passes
from compiler.passes.binarise import has_signs
from compiler.passes.calibrate import DEFAULT_CALIBRATOR, calibrate
from compiler.passes.head import without_head
from compiler.passes.prune import BLOCK, is_pruned, prune
from compiler.passes.quantise import activation_quantisation, fixed_point
from compiler.passes.widths import END_BITS
from golden.arithmetic import quantisation_of
from golden.binary import is_binary
from golden.ir import Conv2D, FullyConnected, Graph, Node, Quantisation
from golden.run import run

Labels = npt.NDArray[np.integer]


class Inputs(NamedTuple):
    """images: (n, height, width, channels) int8 in the input's quantisation; labels: (n,) where known."""

    images: Integers
    labels: Labels | None = None


Source = Callable[[int, int], Inputs]
Preprocess = Callable[[Values], Floats]


@dataclass(frozen=True)
class Network:
    """A quantised graph ready to compile. float_graph: what it was quantised from, where there is one.
    source: gives n inputs for a seed; `images` and `labels` ask it. kept: weights that stay in a block of 4.
    preprocess: what turns pixels 0 to 255 into the input's real values, where that is not a division by 255.
    classes: what the indices of the output are called, () where that is not known. given: inputs that a user gave, all
    of which a run takes if it is not told how many."""

    name: str
    graph: Graph
    source: Source
    float_graph: Graph | None = None
    host_operators: tuple[str, ...] = ()
    kept: int = BLOCK
    preprocess: Preprocess | None = None
    classes: tuple[str, ...] = ()
    given: int = 1

    def settings(self) -> dict[str, Any]:
        """What a result has to state beside its figures: `sparsity` as 'n:4', of a binary network `binary`
        instead, and of the first and the last layer (`first_layer`, `last_layer`) its name and the bits of its
        activations and weights."""
        layers = [node for node in self.graph.nodes if isinstance(node.operator, Conv2D | FullyConnected)]
        ends = {"first_layer": layers[0], "last_layer": layers[-1]} if layers else {}
        weights = {"binary": True} if self.binary else {"sparsity": f"{self.kept}:{BLOCK}"}
        return weights | {end: layer_widths(self.graph, node) for end, node in ends.items()}

    @property
    def binary(self) -> bool:
        """Whether weights have one bit."""
        return any(is_binary(self.graph, node) for node in self.graph.nodes)

    def images(self, count: int, seed: int = 0) -> Integers:
        """The first `count` inputs; the seed matters where they are made up. BadData if there are fewer."""
        return self._inputs(count, seed).images

    def labels(self, count: int, seed: int = 0) -> Labels | None:
        """The classes of `images(count, seed)`, where they are known."""
        return self._inputs(count, seed).labels

    def with_inputs(self, path: str | Path) -> Network:
        """The network with inputs from a .npy or image file, or a folder of them, instead of its own."""
        data = read_data(existing(path), self.graph.tensor(self.graph.inputs[0]).shape)
        if self.preprocess and data.dtype == np.uint8:
            data = self.preprocess(data)
        images = as_integers(data, input_quantisation(self.graph), str(path))
        return replace(self, source=lambda count, seed: Inputs(images[:count]), given=len(images))

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


def layer_widths(graph: Graph, node: Node) -> dict[str, Any]:
    """Name of a convolution or fully connected layer, and bits of the map it reads and of its weights."""
    bits = [quantisation_of(graph, name).bits for name in node.inputs[:2]]
    return {"name": node.name, "activation_bits": bits[0], "weight_bits": bits[1]}


def from_tflite(path: Path) -> Network:
    """The network of a quantised .tflite file, with seeded random inputs. Raises an AssayError."""
    try:
        loaded = read_tflite(path)
        graph = run_passes(loaded.graph, QUANTISED_PASSES)
    except AssayError as error:
        raise error.in_file(str(path)) from None
    return Network(path.stem, graph, _random_source(graph), host_operators=loaded.host_operators)


def from_onnx(
    path: Path,
    bits: int = 8,
    calibration: str | Path | None = None,
    *,
    kept: int = BLOCK,
    end_weights: int = END_BITS,
    calibrator: str = DEFAULT_CALIBRATOR,
) -> Network:
    """The network of a float or QONNX .onnx file, with seeded random inputs; the arguments are those of
    `Recipe`. Raises an AssayError."""
    recipe = Recipe(bits, calibration, kept, end_weights, calibrator)
    try:
        return from_loaded(load_onnx(path), path.stem, recipe)
    except AssayError as error:
        raise _located(error, str(path), calibration) from None


def from_torch(
    module: Any,
    example_input: Any,
    recipe: Recipe = DEFAULT_RECIPE,
    name: str = "module",
) -> Network:
    """The network of a float torch.nn.Module, with seeded random inputs.

    example_input: tensor or array (1, channels, height, width) of float32. Raises an AssayError."""
    return from_loaded(load_torch(module, example_input, name), name, recipe)


def from_factory(target: str, recipe: Recipe) -> Network:
    """The network of `file.py:function`, which returns (module, example input). Raises an AssayError."""
    loaded = load_factory(target)
    try:
        return from_loaded(loaded, loaded.graph.name, recipe)
    except AssayError as error:
        raise _located(error, target, recipe.calibration) from None


def from_loaded(loaded: Loaded, name: str, recipe: Recipe) -> Network:
    """The network of what a front end read, pruned and quantised, or, with signs in it, made binary. Raises an
    AssayError."""
    if has_signs(loaded.graph):
        return _binary(loaded, name, recipe)
    float_graph = run_passes(loaded.graph, FLOAT_PASSES)
    if not is_pruned(float_graph, recipe.kept):
        float_graph, loaded = prune(float_graph, recipe.kept), without_inner_ranges(loaded)
    ranges = ranges_of(float_graph, loaded, recipe)
    graph = quantised(float_graph, ranges, recipe.bits, recipe.end_weights, loaded.prescribed)
    return Network(name, graph, _random_source(graph), float_graph, loaded.host_operators, recipe.kept)


def _binary(loaded: Loaded, name: str, recipe: Recipe) -> Network:
    """A binary network; of the recipe only the input's bits and calibration data count, the rest is exact. What the
    file does to the image first is done to pixels, not to the network's input."""
    if recipe.kept != BLOCK:
        raise BadData("a binary network cannot be pruned: a weight of one bit is never 0")
    float_graph, head = without_head(run_passes(loaded.graph, BINARY_PASSES))
    if head is not None:
        ends = _after(head, np.stack([np.zeros(_image(head)), np.ones(_image(head))]).astype(np.float32))
        known = {float_graph.inputs[0]: (float(ends.min()), float(ends.max()))}
        loaded, recipe = replace(loaded, ranges=known | loaded.ranges), replace(recipe, calibration=None)
    graph = binarised(float_graph, _binary_image(float_graph, loaded, recipe))
    made = Network(name, graph, _random_source(graph), float_graph, loaded.host_operators)
    return replace(made, preprocess=lambda pixels: _after(head, as_real(pixels, name))) if head else made


def _image(graph: Graph) -> tuple[int, ...]:
    return graph.tensor(graph.inputs[0]).shape[1:]


def _after(head: Graph, images: Floats) -> Floats:
    """What a head makes of images."""
    made: Floats = run(head, {head.inputs[0]: images})[head.outputs[0]]
    return made


def _binary_image(graph: Graph, loaded: Loaded, recipe: Recipe) -> Quantisation:
    """Of the input: what a QONNX file prescribes, or fixed point over the input's range."""
    (name,), prescribed = graph.inputs, loaded.prescribed.bits
    for other in set(prescribed) & set(graph.tensors) - {name}:
        rule = f"map '{other}' has {prescribed[other]} bits: in a binary network only the input has more than one"
        raise UnsupportedType(rule, file=graph.name)
    if name not in prescribed:
        return fixed_point(*image_range(graph, loaded, recipe), recipe.bits)
    stated = activation_quantisation(*loaded.ranges[name], prescribed[name])
    if stated.zero_point != 0:
        raise UnsupportedType(
            f"input '{name}' is unsigned, must be signed in a binary network", file=graph.name
        )
    return stated


def from_float(
    graph: Graph,
    images: Floats,
    *,
    bits: int = 8,
    kept: int = BLOCK,
    end_weights: int = END_BITS,
    input_range: Range | None = None,
    calibrator: str = DEFAULT_CALIBRATOR,
) -> Network:
    """The network of a float graph as `from_onnx` makes it, calibrated on images in the input's real values.

    input_range: the least and greatest real input, where it is known. Raises an AssayError."""
    float_graph = prune(run_passes(graph, FLOAT_PASSES), kept)
    ranges = calibrate(float_graph, images, calibrator, bits)
    if input_range is not None:
        ranges[graph.inputs[0]] = input_range
    integers = quantised(float_graph, ranges, bits, end_weights)
    return Network(graph.name, integers, _random_source(integers), float_graph, kept=kept)


def _located(error: AssayError, file: str, calibration: str | Path | None) -> AssayError:
    """The error naming the network's file, unless it names one of the calibration data."""
    names_data = calibration is not None and error.file.startswith(str(calibration))
    return error if names_data else error.in_file(file)


def _random_source(graph: Graph) -> Source:
    shape, quantisation = graph.tensor(graph.inputs[0]).shape, input_quantisation(graph)

    def source(count: int, seed: int) -> Inputs:
        generator = np.random.default_rng(seed)
        size = (count, *shape[1:])
        return Inputs(generator.integers(quantisation.low, quantisation.high, size, np.int8, endpoint=True))

    return source
