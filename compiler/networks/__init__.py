"""The networks that are known by name; one module a family."""

from __future__ import annotations

from pathlib import Path

from compiler.errors import BadData, UnknownName
from compiler.frontends.torch_module import is_factory
from compiler.network import Network, from_factory, from_onnx, from_tflite
from compiler.networks import bcnn_cifar10, cnv, fashion, resnet8, resnet20, resnet50, squeezenet10
from compiler.networks.spec import DEFAULT_END_WEIGHTS, DENSE, NetworkSpec, Options, settled
from compiler.passes.calibrate import DEFAULT_CALIBRATOR

_SPECS = {
    spec.name: spec
    for spec in (
        fashion.INT8,
        fashion.INT4,
        fashion.BNN,
        resnet8.SPEC,
        resnet20.SPEC,
        squeezenet10.SPEC,
        resnet50.SPEC,
        cnv.SPEC,
        bcnn_cifar10.SPEC,
    )
}


def names() -> tuple[str, ...]:
    """Every network known by name."""
    return tuple(_SPECS)


def network(name: str) -> NetworkSpec:
    """The network of that name. Raises UnknownName."""
    if name not in _SPECS:
        raise UnknownName(
            f"no network '{name}': there are {', '.join(_SPECS)}, a .tflite or .onnx file, or file.py:function"
        )
    return _SPECS[name]


def load(
    name: str,
    *,
    bits: int | None = None,
    calibration: str | Path | None = None,
    sparsity: str = DENSE,
    end_weights: int | None = None,
    calibrator: str = DEFAULT_CALIBRATOR,
) -> Network:
    """A network by name, or from a user's .tflite or .onnx file, or PyTorch module (`file.py:function`).

    The options are those of `spec.Options`; calibration data is a .npy or image file, or a folder of them,
    without which the ranges in an .onnx file are used, or else random images. Raises an AssayError."""
    options = Options(bits, calibration, sparsity, end_weights, calibrator)
    if is_factory(name):
        return from_factory(name, settled(options, DEFAULT_END_WEIGHTS, name).recipe)
    match Path(name).suffix:
        case ".tflite":
            if options not in (Options(), Options(bits=8)):
                raise BadData("a .tflite file comes quantised and is run as it is", file=name)
            return from_tflite(Path(name))
        case ".onnx":
            chosen = settled(options, DEFAULT_END_WEIGHTS, name)
            return from_onnx(
                Path(name),
                chosen.bits,
                chosen.calibration,
                kept=chosen.kept,
                end_weights=chosen.end_weights,
                calibrator=chosen.calibrator,
            )
    spec = network(name)
    chosen = spec.settled(options)
    if reason := spec.missing():
        raise UnknownName(f"network '{name}' cannot be had: {reason}")
    return spec.read(chosen)
