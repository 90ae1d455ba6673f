"""The cycle model, against figures worked out by hand and published ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.bcnn import compile_graph, cycles, interval
from compiler.bcnn.estimate import LOAD_LATENCY, executed_rows, macs_executed, timing
from compiler.macs import macs
from compiler.tests.binary_graphs import binary_graph
from rtl.bcnn.config import CONFIGS, Layer

PAPER = (4_096, 12_032, 11_776, 11_776, 11_264, 11_264, 8_192, 8_192, 320)
"""Ideal cycles of the published engines, less kernel rows outside the map (conv1 takes all rows at once)."""


def test_engines_of_the_paper_take_what_they_must() -> None:
    config = CONFIGS["paper"]
    program = compile_graph(binary_graph(config, 1), config)
    assert cycles(program, config) == cycles(program) == PAPER
    assert interval(program, config) == interval(program) == 12_032
    assert sum(layer.macs for layer in program.layers) == 616_966_144


def test_weights_take_two_cycles_a_word_on_a_port_of_half_a_word() -> None:
    """But for words with several entries, which take a cycle each: conv1 and fc3, and all parameters."""
    config = CONFIGS["paper"]
    words = config.stream_words
    several = 128 + 10 * 32 + sum(layer.filters for layer in config.layers)
    quick = -(-128 * 32 // 256) + -(-320 * 32 // 256) + sum(layer.stream_words[1] for layer in config.layers)
    assert words == 55_835
    assert timing(config).load == 2 * (words - quick) + several + LOAD_LATENCY
    by_port = {size: timing(replace(config, memory_bytes=size)).load for size in (8, 32, 64)}
    assert by_port[8] > 1.9 * timing(config).load and by_port[32] == by_port[64]


def test_the_first_frame_passes_every_stage() -> None:
    config = CONFIGS["paper"]
    least = sum(PAPER) + config.input_bytes
    assert least < timing(config).first_frame < 1.01 * least


def test_reading_the_image_bounds_the_interval() -> None:
    config = CONFIGS["paper"]
    quick = [replace(layer, filters=1) for layer in config.layers[:1]]
    last = Layer("last", 32, 32, 1, 1, (32, 32), 32, 1, scores=True)
    assert timing(replace(config, layers=(*quick, last))).interval == 3_072 + 192 + 2


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ({}, 6 * 3),
        ({"padding": (1, 1, 1, 1)}, 8 * 3 - 2),
        ({"padding": (2, 0, 0, 0)}, 8 * 3 - 3),
        ({"padding": (1, 1, 1, 1), "padding_value": 1}, 8 * 3),
        ({"padding": (1, 1, 1, 1), "stride": (2, 1)}, 4 * 3 - 1),
        ({"padding": (1, 1, 1, 1), "input_bits": 8, "uf": 9}, 8 * 3),
        ({"padding": (1, 1, 1, 1), "input_bits": 8, "uf": 3}, 8 * 3 - 2),
        ({"height": 2, "padding": (2, 0, 2, 0)}, 1 + 2 + 2 + 1),
    ],
)
def test_kernel_rows_outside_the_map_are_left_out(changes: dict[str, object], rows: int) -> None:
    layer = replace(Layer("one", 8, 8, 1, 5, (3, 3), 3, 1), **changes)  # type: ignore[arg-type]
    assert executed_rows(layer) == rows
    assert macs_executed(layer) == rows * 3 * layer.out_width * 5


def test_without_padding_all_products_are_executed() -> None:
    config = CONFIGS["cnv"]
    assert sum(map(macs_executed, config.layers)) == macs(binary_graph(config, 1)) == 59_461_376
