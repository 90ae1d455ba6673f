"""PyTorch front end: a trained `torch.nn.Module` by way of torch.export and ONNX.

torch and onnxscript are the extra `torch` (pip install "assay[torch]"); they are imported when first needed.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from compiler.errors import AssayError, BadData, MissingPackage, UnsupportedOperator
from compiler.frontends.loaded import Loaded
from compiler.frontends.onnx_file import load_onnx_bytes

SEPARATOR = ".py:"
OPSET = 20


def is_factory(name: str) -> bool:
    """Whether a network is given as `file.py:function`."""
    return SEPARATOR in name


def load_factory(target: str) -> Loaded:
    """Graph of the module that a function of the user's makes. target: `file.py:function`, where
    `function()` returns (module, example input). Raises an AssayError that names the target."""
    file, _, name = target.rpartition(":")
    function = getattr(_executed(Path(file)), name, None)
    if not callable(function):
        raise BadData(f"has no function '{name}'", file=file)
    try:
        made = function()
    # Deliberately every exception: what the user's code raises is theirs.
    except Exception as error:
        raise BadData(f"raised {type(error).__name__}: {error}", file=target) from None
    if not isinstance(made, tuple) or len(made) != 2:
        raise BadData("must return (module, example input)", file=target)
    try:
        return load_torch(*made, name=name)
    except AssayError as error:
        raise error.in_file(target) from None


def load_torch(module: Any, example_input: Any, name: str = "module") -> Loaded:
    """Graph of a float torch.nn.Module as it runs in evaluation mode.

    example_input: tensor or array (1, channels, height, width), whose values do not matter. Raises an
    AssayError: MissingPackage without torch, else what torch or the ONNX front end says against it."""
    return load_onnx_bytes(onnx_bytes(module, example_input), name)


def save_onnx(module: Any, example_input: Any, path: str | Path) -> Path:
    """Write a module as the .onnx file that the `assay` command takes; arguments as of `load_torch`."""
    Path(path).write_bytes(onnx_bytes(module, example_input))
    return Path(path)


def onnx_bytes(module: Any, example_input: Any) -> bytes:
    """The module as ONNX; arguments and errors as of `load_torch`."""
    torch = _torch()
    if not isinstance(module, torch.nn.Module):
        raise BadData(f"is a {type(module).__name__}, must be a torch.nn.Module")
    example = torch.as_tensor(example_input)
    if example.ndim != 4 or len(example) != 1 or example.dtype != torch.float32:
        shape = tuple(example.shape)
        raise BadData(f"example input is {example.dtype} of {shape}, must be float32 (1, c, h, w)")
    training = module.training
    try:
        with _silent():
            program = torch.onnx.export(
                module.eval(), (example,), dynamo=True, verbose=False, opset_version=OPSET
            )
    # Deliberately every exception: torch documents none for modules that it cannot trace.
    except Exception as error:
        rule = str(error).strip().partition("\n")[0]
        raise UnsupportedOperator(f"torch cannot export the module: {rule}") from None
    finally:
        module.train(training)
    data: bytes = program.model_proto.SerializeToString()
    return data


def _torch() -> ModuleType:
    for package in ("torch", "onnxscript"):
        if importlib.util.find_spec(package) is None:
            raise MissingPackage(f"{package} is not installed: pip install 'assay[torch]'")
    return importlib.import_module("torch")


def _executed(file: Path) -> ModuleType:
    if not file.is_file():
        raise BadData("no such file", file=str(file))
    _torch()
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BadData(f"raised {type(error).__name__}: {error}", file=str(file)) from None
    return module


@contextmanager
def _silent() -> Iterator[None]:
    """The exporter warns of its own internals and of packages that nobody asked for."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
