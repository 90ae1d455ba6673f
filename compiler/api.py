"""Compile by name: a network for a configuration of a variant. Variants are found by their folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from compiler import networks
from compiler.configurations import config_of, variants
from compiler.errors import AssayError, UnknownName
from compiler.network import Network
from compiler.program import Program
from rtl.variants import part

__all__ = ["Compiled", "compile_network", "config_of", "disassemble", "predicted_cycles", "variants"]


@dataclass(frozen=True)
class Compiled:
    """A network and its program."""

    program: Program
    network: Network


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
    return part(variant, "compiler")
