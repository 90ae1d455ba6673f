"""A drawn pipeline in one line."""

from __future__ import annotations

from collections.abc import Sequence

from rtl.bcnn.config import Config, Layer
from tb.bcnn.network_graph import Contents
from tb.bcnn.strata import Circumstances
from tb.job import Action


def pipeline_text(config: Config, parts: Sequence[tuple[Contents, Circumstances]]) -> str:
    """Its layers, and each request with what fills it and what happens meanwhile."""
    layers = ", ".join(map(layer_text, config.layers))
    return "; ".join(
        [f"port {config.memory_bytes} bytes: {layers}", *(request_text(*part) for part in parts)]
    )


def layer_text(layer: Layer) -> str:
    """A layer: its map as height x width x channels, its kernel as height x width."""
    size = f"{layer.height}x{layer.width}x{layer.channels}"
    (kernel_y, kernel_x), (stride_y, stride_x) = layer.kernel, layer.stride
    words = [layer.name, size, f"kernel {kernel_y}x{kernel_x} stride {stride_y}x{stride_x}"]
    if any(layer.padding):
        words.append(f"padding {','.join(map(str, layer.padding))} of {layer.padding_value}")
    words.append(f"to {layer.filters}")
    words += [f"pool {layer.pool[0]}x{layer.pool[1]}"] if layer.pooled else []
    return " ".join([*words, f"UF {layer.uf} P {layer.p}"])


def request_text(filled: Contents, under: Circumstances) -> str:
    """A request."""
    kinds = f"weights {filled.weights.name}, thresholds {filled.thresholds.name}, scores {filled.scores.name}"
    action = "" if under.action is Action.RUN else f", {under.action} in {under.phase}"
    return f"images {', '.join(map(str, under.batches))} ({kinds}{action})".lower()
