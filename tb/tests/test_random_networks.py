"""Random pipelines: the same seed gives the same one, strata visit what they promise, and checks fail on what is
wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden.run import run as run_golden
from regress.simulators import find
from rtl.bcnn.config import Config, from_json, to_json
from rtl.lib.registers import Error
from tb.bcnn.coverage import CROSSES, POSSIBLE_ERRORS, sample
from tb.bcnn.network_graph import (
    Contents,
    Pixels,
    Scores,
    Thresholds,
    Weights,
    network_graph,
    network_images,
)
from tb.bcnn.network_item import (
    MOST_STEPS,
    Cut,
    Kernel,
    NetworkSource,
    Padding,
    Pool,
    Stride,
    Wanted,
    slowest,
)
from tb.bcnn.random_networks import PIPELINE, Item, Part, carry_out, fill, hits, long_enough
from tb.bcnn.strata import PERIOD, Circumstances, circumstances, contents, memory, wishes
from tb.finding import Checker
from tb.job import Action, Phase
from tb.outcome import RequestOutcome
from tb.prepare import Stimulus, stimulus
from tb.variants import find_config

CALM = Circumstances(memory("fast", __import__("random").Random(1)), (2,))
LAYERS = (
    Wanted(
        {"kernel": Kernel.THREE, "stride": Stride.ONE, "padding": Padding.ZERO, "pool": Pool.TWO},
        (1, 2),
        Cut.ONE,
        Cut.TWO,
        8,
        True,
    ),
    Wanted(
        {"kernel": Kernel.ONE, "stride": Stride.TWO, "padding": Padding.NONE, "pool": Pool.NONE},
        (33, 40),
        Cut.TWO,
        Cut.ONE,
    ),
)


@pytest.fixture(scope="module")
def source() -> NetworkSource:
    return NetworkSource()


@pytest.fixture(scope="module")
def config(source: NetworkSource, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A small pipeline, in a file."""
    path = tmp_path_factory.mktemp("pipeline") / PIPELINE
    path.write_text(to_json(source.network(7, LAYERS)))
    found: Config = find_config("bcnn", str(path))
    return found


def test_a_pipeline_is_what_was_asked_for(config: Config) -> None:
    first, last = config.layers
    assert (first.kernel, first.stride, first.pool, first.input_bits) == ((3, 3), (1, 1), (2, 2), 8)
    assert any(first.padding) and first.rows_at_once == 3 and first.groups == 2
    assert (last.kernel, last.stride, last.slices, last.scores) == ((1, 1), (2, 2), 2, True)
    assert last.channels % 32 and slowest(config) <= MOST_STEPS


@pytest.mark.parametrize("index", [0, 3, PERIOD - 2, PERIOD - 1])
def test_equal_seeds_give_equal_pipelines(source: NetworkSource, index: int) -> None:
    made = source.network(index, wishes(index, index))
    assert NetworkSource().network(index, wishes(index, index)) == made
    assert from_json(to_json(made), made.name) == made
    assert len(made.layers) == len(wishes(index, index))


def test_contents_go_through_every_combination() -> None:
    found = [contents(index, number) for index in range(PERIOD * 3) for number in range(2)]
    assert {(kind.weights, kind.thresholds) for kind in found} == {
        (weights, thresholds) for weights in Weights for thresholds in Thresholds
    }
    assert {kind.pixels for kind in found} == set(Pixels) and {kind.scores for kind in found} == set(Scores)


@pytest.mark.parametrize(
    ("kind", "values"),
    [(Thresholds.ALWAYS, {1}), (Thresholds.NEVER, {-1}), (Thresholds.BOTH, {1, -1})],
)
def test_thresholds_at_the_ends_are_passed_always_or_never(
    config: Config, kind: Thresholds, values: set[int]
) -> None:
    graph = network_graph(config, 1, Contents(thresholds=kind, flips=False, minimum=False))
    made = run_golden(graph, {"image": network_images(config, 3, 1, Pixels.RANDOM)})
    channels = [
        set(np.unique(made["layer0.made"][..., channel])) for channel in range(config.layers[0].filters)
    ]
    assert all(len(found) == 1 for found in channels) and set.union(*channels) == values


@pytest.mark.parametrize("action", [Action.READ_ERROR, Action.WATCHDOG])
def test_memory_is_still_needed_when_the_action_comes(config: Config, action: Action) -> None:
    under = replace(CALM, action=action, phase=Phase.LATER)
    longer = long_enough(under, config)
    assert (longer.batches[0] > 2) == (action is Action.READ_ERROR)
    assert long_enough(replace(under, action=Action.RUN), config).batches == CALM.batches


def outcome(**changes: object) -> RequestOutcome:
    """Of a request that passed."""
    stalls = {"read": 1, "write": 0, "dependency": 1}
    told = [{"stalls": stalls}] * len(LAYERS)
    made = RequestOutcome("request", str(Action.RUN), 2, 1, values=1, layers=told)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_every_bin_sampled_is_one_of_its_cross(config: Config) -> None:
    known = {(cross.name, values) for cross in CROSSES for values in cross.bins}
    found = sample(
        config, Contents(), CALM, outcome(interval=100.0, first_frame_cycles=250, error=int(Error.BUS_READ),
                                          phase=str(Phase.FIRST)), 1
    )  # fmt: skip
    assert set(found.bins) <= known
    assert ("layer", ("THREE", "ONE", "yes", "numbers", "pool")) in found.bins
    assert ("stall", ("dependency", "last convolution")) in found.bins
    assert ("error", ("BUS_READ", "first layer")) in found.bins and ("in flight", ("TWO",)) in found.bins
    assert ("requests", ("one", "more")) in found.bins


def test_each_error_that_the_pipeline_has_is_a_bin() -> None:
    disturbed = {circumstances(index, index)[1].action for index in range(PERIOD * 2)}
    assert {code for code, _ in POSSIBLE_ERRORS} == {
        "CONFIG_MISMATCH", "BUS_READ", "BUS_WRITE", "WATCHDOG", "BAD_REQUEST"
    }  # fmt: skip
    assert disturbed == {
        Action.SOFT_RESET, Action.READ_ERROR, Action.WATCHDOG, Action.WRITE_ERROR, Action.BAD_HASH,
        Action.BAD_REQUEST,
    }  # fmt: skip


def with_bit(made: Stimulus, tensor: str) -> Stimulus:
    """The stimulus with one value of golden's other than it is."""
    values = made.tensors[tensor].copy()
    values.flat[-1] = -values.flat[-1] if values.dtype == np.int8 else values.flat[-1] ^ 1
    return replace(made, tensors={**made.tensors, tensor: values})


def with_threshold(config: Config, made: Stimulus) -> Stimulus:
    """The stimulus with a program of which one filter never passes its threshold, or always if it did not."""
    constants = {name: values.copy() for name, values in made.graph.constants.items()}
    constants["layer0.flips"][0] ^= 1
    other = replace(made.graph, constants=constants)
    program = stimulus("bcnn", config, other, {"image": made.tensors["image"]}).program
    return replace(made, program=program)


@pytest.mark.skipif(not find("icarus").available()[0], reason="no Icarus")
@pytest.mark.parametrize("wrong", ["", "layer0.made", "layer0.pool.made", "layer1.made", "threshold"])
def test_a_pipeline_is_equal_to_its_own_golden_only(config: Config, tmp_path: Path, wrong: str) -> None:
    made = fill("bcnn", config, Contents(), CALM, 1)
    given = with_threshold(config, made) if wrong == "threshold" else with_bit(made, wrong) if wrong else made
    item = Item(0, "network", 1, config, (Part(Contents(), CALM, given),))
    (found,), _ = carry_out(item, "bcnn", "icarus", tmp_path, None, False)
    assert found.passed == (not wrong)
    assert len(list(hits(item, [found]))) == (not wrong)
    if wrong:
        first = found.failures[0]
        assert (first.kind.checker, first.node) == (
            Checker.DATA,
            "layer0.made" if wrong == "threshold" else wrong,
        )
