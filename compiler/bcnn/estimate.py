"""How many cycles a pipeline takes. An engine takes one step a cycle, kernel rows outside the map left out, and goes
from one image to the next without draining; maps between engines are handed over whole.

Steps and the interval are exact; for the first image and the load, START, FILL and LOAD_LATENCY were measured on RTL.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.configurations import config_of
from compiler.program import Program
from rtl.bcnn.config import WORD_BITS, Config, Layer

START = 26  # cycles from RUN to the first word of an image
FILL = 7  # cycles from a stage's last step to the next one's first
IMAGE_OVERHEAD = 2  # cycles between two images in the input stage
LOAD_LATENCY = 62  # CONFIGURE to the first word of the stream, and from its last one to the interrupt


@dataclass(frozen=True)
class Timing:
    """Cycles. interval: between images once the pipeline is full; first_frame: from RUN to the end of the first
    image; load: of CONFIGURE."""

    interval: int
    first_frame: int
    load: int


def executed_rows(layer: Layer) -> int:
    """Kernel rows that one filter executes in a column of outputs: those wholly outside the map are left out where
    padding is zero and a step takes one row."""
    if layer.rows_at_once > 1 or layer.padding_value != 0:
        return layer.out_height * layer.kernel[0]
    top = [y * layer.stride[0] - layer.padding[0] for y in range(layer.out_height)]
    return sum(min(first + layer.kernel[0], layer.height) - max(first, 0) for first in top)


def steps(layer: Layer) -> int:
    """Steps of an engine for one image."""
    rows = executed_rows(layer) // layer.rows_at_once
    return rows * layer.groups * layer.filters * layer.slices


def macs_executed(layer: Layer) -> int:
    """Products of one image, those with masked columns included."""
    return executed_rows(layer) * layer.kernel[1] * layer.channels * layer.out_width * layer.filters


def cycles(program: Program, config: Config | None = None) -> tuple[int, ...]:
    """Cycles for which each layer's engine is busy with one image. config: the program's, where it is at hand."""
    return tuple(steps(layer) for layer in (config or config_of("bcnn", program.config)).layers)


def input_cycles(config: Config) -> int:
    """Cycles that the input stage takes for an image: one for each element and one for each memory word."""
    return config.input_bytes + -(-config.input_bytes // config.memory_bytes) + IMAGE_OVERHEAD


def load_cycles(config: Config) -> int:
    """Cycles of CONFIGURE: one for each word of memory, or for each entry where several stand in a word."""
    beats = max(1, WORD_BITS // 8 // config.memory_bytes)
    cycles = LOAD_LATENCY
    for layer in config.layers:
        words, parameter_words = layer.stream_words
        cycles += max(words * beats, layer.weight_words * max(1, layer.weight_bits // WORD_BITS))
        cycles += max(parameter_words * beats, layer.filters)
    return cycles


def interval(program: Program, config: Config | None = None) -> int:
    """Cycles from image to image once the pipeline is full."""
    return timing(config or config_of("bcnn", program.config)).interval


def timing(config: Config) -> Timing:
    """Of a whole pipeline."""
    stages = [input_cycles(config), *(steps(layer) for layer in config.layers)]
    return Timing(
        interval=max(stages),
        first_frame=START + sum(stages) + FILL * len(stages),
        load=load_cycles(config),
    )
