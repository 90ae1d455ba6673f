"""Rules of a layer that random pipelines have found: what the hardware cannot do is refused."""

import re
from dataclasses import replace

import pytest

from rtl.bcnn.config import ConfigError, Layer

ONES = Layer("ones", 5, 4, 64, 40, (3, 3), 96, 2, padding=(1, 1, 1, 1), padding_value=1)
SHORT = Layer("short", 4, 2, 3, 2, (1, 1), 3, 2, pool=(2, 1))


@pytest.mark.parametrize("channels", [33, 48, 63])
def test_slices_of_chunks_that_are_not_full_are_not_padded_with_one(channels):
    with pytest.raises(ConfigError, match=f"layer ones: .*a multiple of 32, not {channels}"):
        replace(ONES, channels=channels)


@pytest.mark.parametrize("changes", [{"padding_value": 0}, {"padding_value": -1}, {"uf": 3 * 48}])
def test_they_are_with_anything_else_or_in_one_slice(changes):
    assert replace(ONES, channels=48, **changes).planes == 2


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({}, 2),
        ({"filters": 1, "p": 1}, 2),
        ({"filters": 1, "kernel": (2, 1), "height": 5}, 2),
        ({"filters": 1, "kernel": (2, 1), "padding": (1, 0, 1, 0), "padding_value": -1}, 2),
        ({"filters": 1, "channels": 64, "uf": 32}, 2),
        ({"filters": 3, "kernel": (3, 1), "padding": (2, 0, 2, 0)}, 3),
        ({"filters": 1, "pool": (1, 2)}, 1),
    ],
)
def test_steps_of_the_shortest_row(changes, least):
    assert replace(SHORT, **changes).least_steps == least


@pytest.mark.parametrize(
    "changes",
    [
        {"filters": 1},
        {"filters": 1, "kernel": (2, 1), "padding": (1, 0, 0, 0)},
        {"filters": 1, "kernel": (3, 1), "padding": (0, 0, 2, 0)},
    ],
)
def test_a_row_of_one_step_is_not_pooled(changes):
    with pytest.raises(ConfigError, match=re.escape("layer short: rows that are pooled must take 2 steps")):
        replace(SHORT, **changes)
