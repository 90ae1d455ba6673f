"""The networks that are known by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from compiler.errors import BadData, UnknownName
from compiler.images import as_integers, image_size, read_image
from compiler.network import Inputs, Network, Source, from_onnx, from_tflite, input_quantisation
from golden.networks import fashion

RESNET8_FILE = Path("mlperf_tiny", "pretrainedResnet_quant.tflite")
DEFAULT_BITS = 8
PHOTOGRAPHS = tuple(
    Path("coral_mobilenet", name)
    for name in ("bird.bmp", "cat.bmp", "dragonfly.bmp", "grace_hopper.bmp", "hot_dog.jpg")
)


@dataclass(frozen=True)
class NetworkSpec:
    """A network known by name. missing: why it cannot be had on this machine, '' if it can."""

    name: str
    load: Callable[[], Network]
    missing: Callable[[], str]


def names() -> tuple[str, ...]:
    """Every network known by name."""
    return tuple(_SPECS)


def network(name: str) -> NetworkSpec:
    """The network of that name. Raises UnknownName."""
    if name not in _SPECS:
        raise UnknownName(f"no network '{name}': there are {', '.join(_SPECS)}, or a .tflite or .onnx file")
    return _SPECS[name]


def load(name: str, *, bits: int = DEFAULT_BITS, calibration: str | Path | None = None) -> Network:
    """A network by name, or from a user's .tflite or .onnx file.

    bits (8 or 4) and calibration (a .npy or image file, or a folder of them) are for .onnx files; without
    calibration data the ranges in the file are used, or else random images. Raises an AssayError."""
    if Path(name).suffix != ".onnx" and (bits != DEFAULT_BITS or calibration):
        raise BadData("--bits and --calibration are for float .onnx files", file=name)
    match Path(name).suffix:
        case ".tflite":
            return from_tflite(Path(name))
        case ".onnx":
            return from_onnx(Path(name), bits, calibration)
    spec = network(name)
    if reason := spec.missing():
        raise UnknownName(f"network '{name}' cannot be had: {reason}")
    return spec.load()


def _renamed(made: Network, name: str, source: Source) -> Network:
    return replace(made, name=name, graph=replace(made.graph, name=name), source=source)


def _fashion(name: str, model: Path, bits: int) -> NetworkSpec:
    """The network trained here, with the first 500 test images of Fashion-MNIST."""

    def read() -> Network:
        made = from_onnx(model, bits)
        quantisation = input_quantisation(made.graph)

        def source(count: int, seed: int) -> Inputs:
            pixels, labels = fashion.images()
            return Inputs(as_integers(pixels[:count], quantisation, name), labels[:count])

        return _renamed(made, name, source)

    return NetworkSpec(name, read, lambda: "" if model.is_file() else f"{model.name} is not there")


def _real_models() -> Path | None:
    folder = os.environ.get("ASSAY_MODELS")
    return Path(folder) if folder else None


def _resnet8_missing() -> str:
    folder = _real_models()
    if folder is None:
        return "ASSAY_MODELS is not set"
    absent = [name for name in (RESNET8_FILE, *PHOTOGRAPHS) if not (folder / name).is_file()]
    return f"ASSAY_MODELS has no {absent[0]}" if absent else ""


def _resnet8() -> Network:
    """MLPerf Tiny's ResNet-8 for CIFAR-10, with inputs cut from photographs."""
    folder = _real_models()
    if folder is None:
        raise UnknownName("network 'resnet8' cannot be had: ASSAY_MODELS is not set")
    made = from_tflite(folder / RESNET8_FILE)
    shape, quantisation = made.graph.tensor(made.graph.inputs[0]).shape, input_quantisation(made.graph)
    files = [folder / name for name in PHOTOGRAPHS]

    def source(count: int, seed: int) -> Inputs:
        pixels = [_cut(files, index, shape, seed) for index in range(max(count, 1))]
        return Inputs(as_integers(np.concatenate(pixels), quantisation, "resnet8")[:count])

    return _renamed(made, "resnet8", source)


def _cut(files: list[Path], index: int, shape: tuple[int, ...], seed: int) -> npt.NDArray[np.uint8]:
    """Each photograph whole, then squares of them at random places and of random sizes."""
    file = files[index % len(files)]
    if index < len(files):
        return read_image(file, shape)
    width, height = image_size(file)
    generator = np.random.default_rng((seed, index))
    side = int(generator.integers(min(width, height) // 2, min(width, height), endpoint=True))
    left = int(generator.integers(width - side, endpoint=True))
    top = int(generator.integers(height - side, endpoint=True))
    return read_image(file, shape, (left, top, left + side, top + side))


_SPECS = {
    spec.name: spec
    for spec in (
        _fashion("fashion_int8", fashion.FLOAT_MODEL, 8),
        _fashion("fashion_int4", fashion.INT4_MODEL, 4),
        NetworkSpec("resnet8", _resnet8, _resnet8_missing),
    )
}
