"""A pipeline's program as text: its header, then what each engine holds."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.bcnn.image import contents
from compiler.bcnn.memories import Memories, Numbers
from compiler.configurations import config_of
from compiler.program import Program
from rtl.bcnn.config import WORD_BITS, Config, Layer


def disassemble(program: Program) -> str:
    """Raises UnknownName or MalformedFile where its configuration is not there any more, or another one now."""
    return "\n".join(_lines(program, config_of("bcnn", program.config))) + "\n"


def _lines(program: Program, config: Config) -> Iterator[str]:
    yield (
        f"pipeline {config.name} ({config.hash:#010x}): {config.stream_words} words of {WORD_BITS} bits,"
        f" input {program.input_bytes} bytes, output {program.output_bytes} bytes"
    )
    word = 0
    held = contents(program.image, config)
    for entry, layer, memories in zip(program.layers, config.layers, held, strict=True):
        weights, parameters = layer.stream_words
        yield f"{entry.name}: {_shape(layer)}, uf {layer.uf}, p {layer.p}"
        yield f"  words {word} to {word + weights - 1}: {_weights(layer, memories)}"
        word += weights
        yield f"  words {word} to {word + parameters - 1}: {_parameters(layer, memories)}"
        word += parameters


def _shape(layer: Layer) -> str:
    pool = f", pool {_by(layer.pool)}" if layer.pooled else ""
    kernel = f"{_by(layer.kernel)} of {layer.height} x {layer.width} x {layer.channels}"
    return f"{layer.filters} filters, {kernel}{pool}"


def _weights(layer: Layer, memories: Memories) -> str:
    entries = f"{layer.weight_words} entries of {layer.weight_bits} bits ({layer.step_bits} used)"
    return f"{entries}, {(memories.weights > 0).mean():.1%} of weights are +1"


def _parameters(layer: Layer, memories: Memories) -> str:
    entries = f"{layer.filters} entries of {layer.parameter_bits} bits"
    if layer.scores:
        return f"{entries}, factors {_range(memories.factors)}, offsets {_range(memories.offsets)}"
    flips, minima = memories.flips.sum(), memories.minima.sum()
    return f"{entries}, thresholds {_range(memories.thresholds)}, {flips} flips, {minima} minima"


def _range(values: Numbers) -> str:
    return f"{values.min()} to {values.max()}"


def _by(pair: tuple[int, int]) -> str:
    return f"{pair[0]} x {pair[1]}"
