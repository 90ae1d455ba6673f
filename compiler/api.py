"""Compile by name: a network for a configuration of a variant. Variants are found by their folders."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from compiler import networks
from compiler.errors import AssayError, UnknownName
from compiler.network import Network
from compiler.program import Program

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Compiled:
    """A network and its program."""

    program: Program
    network: Network


def variants() -> tuple[str, ...]:
    """Every variant that has a back end here and a config.py in rtl/."""
    found = sorted(path.parent.name for path in (_HERE.parent / "rtl").glob("*/config.py"))
    return tuple(name for name in found if (_HERE / name / "__init__.py").is_file())


def config_of(variant: str, name: str) -> Any:
    """A variant's configuration. Raises UnknownName."""
    if variant not in variants():
        raise UnknownName(f"no accelerator '{variant}': there are {', '.join(variants())}")
    configs = import_module(f"rtl.{variant}.config").CONFIGS
    if name not in configs:
        raise UnknownName(f"{variant} has no configuration '{name}': there are {', '.join(configs)}")
    return configs[name]


def compile_network(variant: str, network: str | Path, config: str, **options: Any) -> Compiled:
    """network: a name, or a .tflite or .onnx file; options: those of `networks.load`. Raises AssayError."""
    size = config_of(variant, config)
    loaded = networks.load(str(network), **options)
    try:
        program: Program = _back_end(variant).compile_graph(loaded.graph, size)
    except AssayError as error:
        raise error if error.file else error.in_file(str(network)) from None
    return Compiled(program, loaded)


def disassemble(program: Program) -> str:
    """The program's instructions as text. Raises UnknownName and MalformedFile."""
    if program.variant not in variants():
        raise UnknownName(f"no accelerator '{program.variant}': there are {', '.join(variants())}")
    text: str = _back_end(program.variant).disassemble(program)
    return text


def predicted_cycles(program: Program, config: Any) -> tuple[int, ...]:
    """What the back end's cycle model says of each layer of one image; () where it has none."""
    model = getattr(_back_end(program.variant), "cycles", None)
    return tuple(model(program, config=config)) if model else ()


def predicted_interval(program: Program, config: Any) -> int | None:
    """Cycles from image to image of a full pipeline, as the back end's model says; None where it has none."""
    model = getattr(_back_end(program.variant), "interval", None)
    return model(program, config) if model else None


def _back_end(variant: str) -> ModuleType:
    return import_module(f"compiler.{variant}")
