"""What is optimized: a float network, images to calibrate it on, and images to judge it by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from compiler.calibration import UNIT_RANGE
from compiler.errors import AssayError, BadData
from compiler.frontends.loaded import Loaded, Prescribed, Range
from compiler.frontends.onnx_file import load_onnx
from compiler.frontends.torch_module import is_factory, load_factory
from compiler.images import Floats, Values, as_real, existing, read_data
from compiler.network import Labels, Network
from compiler.networks import load, network
from compiler.networks.spec import SPARSITIES
from compiler.passes import FLOAT_PASSES, run_passes
from compiler.passes.binarise import has_signs
from golden.arithmetic import quantisation_of
from golden.ir import Graph
from golden.networks import fashion

RANDOM_IMAGES = 64
NAMED_IMAGES = 16
NAMED_CALIBRATION_IMAGES = 64
CALIBRATION_SEED, JUDGING_SEED = 1, 0
FASHION = ("fashion_int8", "fashion_int4")


@dataclass(frozen=True)
class Images:
    """calibration and judging: real inputs (n, height, width, channels); labels: classes of the latter, where
    known. input_range: the least and greatest real input, where known."""

    calibration: Floats
    judging: Floats
    labels: Labels | None = None
    input_range: Range | None = None


@dataclass(frozen=True)
class Subject:
    """read: the float graph as its file has it; folded: after FLOAT_PASSES. tuned: graphs that were fine-tuned
    for 4 bits, by sparsity. prescribed: what a QONNX file states of its integers, with their ranges."""

    name: str
    read: Graph
    folded: Graph
    images: Images
    prescribed: Prescribed = field(default_factory=Prescribed)
    ranges: Mapping[str, Range] = field(default_factory=dict)
    tuned: Mapping[str, Graph] = field(default_factory=dict)


def subject(
    name: str, calibration: str = "", data: str = "", labels: str = "", count: int | None = None
) -> Subject:
    """A network by name, from an .onnx file or `file.py:function`. calibration, data: image or .npy files, or
    folders of them; data, which judge, are the calibration data where left out, and random images where both
    are. labels: .npy file of the data's classes. count: images to judge by. Raises an AssayError."""
    if count is not None and count < 1:
        raise BadData(f"{count} images are asked for, must be at least 1")
    if not is_factory(name) and Path(name).suffix != ".onnx":
        if Path(name).suffix == ".tflite":
            raise BadData("comes quantised: there is nothing to optimize", file=name)
        if calibration or data or labels:
            raise BadData("has images of its own: data are for .onnx files and modules", file=name)
        return _named(name, count)
    loaded = load_factory(name) if is_factory(name) else load_onnx(name)
    if has_signs(loaded.graph):
        raise BadData("is binary: there is nothing to optimize", file=name)
    try:
        folded = run_passes(loaded.graph, FLOAT_PASSES)
    except AssayError as error:
        raise error.in_file(name) from None
    images = _images(loaded, calibration, data, labels, count)
    stated = {known: loaded.ranges[known] for known in loaded.prescribed.bits if known in loaded.ranges}
    return Subject(loaded.graph.name, loaded.graph, folded, images, loaded.prescribed, stated)


def _images(loaded: Loaded, calibration: str, data: str, labels: str, count: int | None) -> Images:
    shape = loaded.graph.tensor(loaded.graph.inputs[0]).shape
    known = loaded.ranges.get(loaded.graph.inputs[0])
    if not calibration and not data:
        if labels:
            raise BadData("labels need data", file=labels)
        measured, judging = (_random(shape, known or UNIT_RANGE, seed) for seed in (0, 1))
        return Images(measured, judging[:count], None, known or UNIT_RANGE)
    measured, judging = (_read(path, shape) for path in (calibration or data, data or calibration))
    pixels = measured.dtype == np.uint8
    classes = _labels(labels, len(judging))[:count] if labels else None
    real = (as_real(measured, calibration or data), as_real(judging, data or calibration)[:count])
    return Images(*real, classes, known or (UNIT_RANGE if pixels else None))


def _read(path: str, shape: tuple[int, ...]) -> Values:
    return read_data(existing(path), shape)


def _random(shape: tuple[int, ...], ends: Range, seed: int) -> Floats:
    generator = np.random.default_rng(seed)
    return generator.uniform(*ends, (RANDOM_IMAGES, *shape[1:])).astype(np.float32)


def _labels(file: str, count: int) -> npt.NDArray[np.int64]:
    try:
        values = np.load(existing(file), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadData(f"is no .npy array that can be read: {error}", file=file) from None
    if values.shape != (count,) or not np.issubdtype(values.dtype, np.integer):
        raise BadData(f"is {values.dtype} of {values.shape}, must be {count} integers", file=file)
    classes: npt.NDArray[np.int64] = values.astype(np.int64)
    return classes


def _named(name: str, count: int | None) -> Subject:
    if name in FASHION:
        return _fashion(name, count)
    made = load(network(name).name)
    if made.float_graph is None or made.binary:
        raise BadData("comes quantised: there is nothing to optimize", file=name)
    number = count or NAMED_IMAGES
    quantisation = quantisation_of(made.graph, made.graph.inputs[0])
    ends = tuple(
        quantisation.scale[0] * (end - quantisation.zero_point)
        for end in (quantisation.low, quantisation.high)
    )
    measured = _real(made, NAMED_CALIBRATION_IMAGES, CALIBRATION_SEED)
    judging = _real(made, number, JUDGING_SEED)
    images = Images(measured, judging, made.labels(number, JUDGING_SEED), (ends[0], ends[1]))
    return Subject(name, made.float_graph, made.float_graph, images)


def _real(made: Network, count: int, seed: int) -> Floats:
    """The network's own inputs as real values."""
    quantisation = quantisation_of(made.graph, made.graph.inputs[0])
    steps = made.images(count, seed).astype(np.float32) - np.float32(quantisation.zero_point)
    real: Floats = steps * np.float32(quantisation.scale[0])
    return real


def _fashion(name: str, count: int | None) -> Subject:
    """Judged by test images, of which more than the committed ones need the data set; calibrated on training
    images."""
    pixels, labels = fashion.images()
    if count is not None and count > len(pixels):
        try:
            pixels, labels = fashion.test_set()
        except (fashion.DatasetMissing, fashion.DatasetCorrupt) as error:
            raise BadData(f"has {len(pixels)} images without the data set: {error}", file=name) from None
    graph = load_onnx(fashion.FLOAT_MODEL).graph
    measured = as_real(fashion.calibration_images()[0], name)
    images = Images(measured, as_real(pixels[:count], name), labels[:count], UNIT_RANGE)
    tuned = {sparsity: load("fashion_int4", sparsity=sparsity).graph for sparsity in SPARSITIES}
    return Subject("fashion", graph, run_passes(graph, FLOAT_PASSES), images, tuned=tuned)
