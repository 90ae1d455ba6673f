"""The chooser: legal, fast enough, and no larger than what people chose."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest

from compiler.bcnn import compile_graph
from compiler.bcnn.choose import Bounds, candidates, choose, table
from compiler.bcnn.estimate import input_cycles, timing
from compiler.bcnn.resources import together, usage
from compiler.errors import DoesNotFit
from compiler.tests.binary_graphs import binary_graph, random_config
from rtl.bcnn.config import CONFIGS, Config, Layer, from_json, to_json


def taken(config: Config) -> tuple[int, float]:
    """Estimated LUTs and blocks of memory."""
    whole = together([usage(layer) for layer in config.layers])
    return whole.luts, whole.brams


def test_no_engine_is_larger_than_the_papers() -> None:
    paper = CONFIGS["paper"]
    chosen = choose(binary_graph(paper, 1), Bounds(12_160), "chosen")
    for layer, table_row in zip(chosen.layers, paper.layers, strict=True):
        assert layer.uf * layer.p <= table_row.uf * table_row.p
    assert timing(chosen).interval <= 12_160
    assert from_json(to_json(chosen), "chosen") == chosen


@pytest.mark.parametrize("seed", range(8))
def test_what_is_chosen_runs_the_network_in_time(seed: int) -> None:
    config = random_config(seed)
    graph = binary_graph(config, seed)
    cycles = timing(config).interval
    chosen = choose(graph, Bounds(cycles), "chosen", config.memory_bytes)
    assert timing(chosen).interval <= cycles
    assert taken(chosen)[0] <= taken(config)[0]
    assert len(compile_graph(graph, chosen).layers) == len(config.layers)


def test_no_choice_is_smaller() -> None:
    """Against all pipelines of a small network."""
    config = CONFIGS["tiny"]
    bounds = Bounds(9_200)
    chosen = choose(binary_graph(config, 1), bounds, "chosen")
    ways = [list(candidates(layer)) for layer in config.layers[:3]]
    fast = [
        [usage(layer).luts for layer in pipeline]
        for pipeline in itertools.product(*ways)
        if max(usage(layer).cycles for layer in pipeline) <= bounds.cycles
    ]
    assert sum(usage(layer).luts for layer in chosen.layers[:3]) == min(map(sum, fast))


def test_a_bound_on_memory_is_paid_for_in_logic() -> None:
    graph = binary_graph(CONFIGS["cnv"], 1)
    luts, brams = taken(choose(graph, Bounds(5_400), "free"))
    held = choose(graph, Bounds(5_400, brams=brams - 0.5), "held")
    assert taken(held)[1] <= brams - 0.5 and taken(held)[0] > luts
    with pytest.raises(DoesNotFit, match="no pipeline of those tried has both"):
        choose(graph, Bounds(5_400, luts, brams - 0.5), "none")


def test_reading_an_image_is_a_stage_too() -> None:
    config = CONFIGS["paper"]
    with pytest.raises(DoesNotFit, match=f"3072 bytes takes {input_cycles(config)} cycles to read"):
        layer = replace(config.layers[0], filters=1, uf=27, p=32)
        last = Layer("last", 32, 32, 1, 1, (32, 32), 32, 1, scores=True)
        choose(binary_graph(Config("wide", 16, (layer, last)), 1), Bounds(2000), "none")


def test_memories_are_counted_by_width_and_depth() -> None:
    """conv6 and fc1 of the paper: weights 1,536 x 1,536 and 8,192 x 1,024 bits, in limits of 64.5 and 228 blocks; the
    map of conv6, 16 banks of 16 words of 256 bits, is LUTs."""
    conv6, fc1 = CONFIGS["paper"].layers[5:7]
    assert usage(conv6).brams == 64.5 + 0.5
    assert usage(fc1).brams == 228 + 1.0
    assert usage(replace(conv6, p=2)).luts == 2 * (2 * 1536 + 100) + 16 * 4 * 43


# Of docs/bcnn-resources.md: LUTs of all uses, blocks of 36 Kbit.
SYNTHESISED = {
    "conv1": (17_665, 1.0),
    "conv2": (33_947, 6.5),
    "conv3": (14_275, 12.0),
    "conv4": (28_430, 23.0),
    "conv5": (14_128, 33.5),
    "conv6": (28_243, 66.5),
}


def test_estimates_are_near_what_synthesis_gives() -> None:
    for layer in CONFIGS["paper"].layers[:6]:
        luts, brams = SYNTHESISED[layer.name]
        assert math.isclose(usage(layer).luts, luts, rel_tol=0.2)
        assert math.isclose(usage(layer).brams, brams, abs_tol=1.5)
    assert math.isclose(taken(CONFIGS["paper"])[0], 142_394, rel_tol=0.03)  # with the three fc
    assert math.isclose(taken(CONFIGS["paper"])[1], 407, rel_tol=0.03)


def test_the_table_has_a_row_a_layer_and_the_whole() -> None:
    heads, *rows = table(CONFIGS["paper"])
    assert len(rows) == 10 and {len(row) for row in rows} == {len(heads)}
    assert rows[1] == ("conv2", "384", "32", "12,032", "33,248", "6")
    assert rows[-1][0] == "whole" and rows[-1][3] == "12,032"
    assert math.isclose(float(rows[-1][5]), taken(CONFIGS["paper"])[1])
