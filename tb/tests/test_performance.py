"""Figures of speed, and the cycle model held against the RTL."""

from types import SimpleNamespace
from typing import Any

import pytest

from tb.outcome import RequestOutcome
from tb.performance import interval, interval_misjudged, misjudged, pace, speed, utilisation

CONFIG = SimpleNamespace(clock_mhz=100, elements=64)


def layer(
    cycles: int, predicted: int | None, macs: int = 0, skipped: int = 0, name: str = "conv"
) -> dict[str, Any]:
    return {
        "name": name, "cycles": cycles, "predicted": predicted, "macs": macs, "macs_skipped": skipped,
        "bytes_read": 7, "bytes_written": 2,
    }  # fmt: skip


def test_speed_counts_nominal_and_executed_operations_apart() -> None:
    made = speed(1000, 2, [layer(500, None, 10_000, 30_000), layer(500, None, 6_000)], CONFIG)
    assert made["fps"] == pytest.approx(2 / 10e-6)
    assert made["gops"] == pytest.approx(2 * 46_000 / 10e-6 / 1e9)
    assert made["executed_gops"] == pytest.approx(2 * 16_000 / 10e-6 / 1e9)
    assert made["utilisation"] == pytest.approx(16_000 / 64_000)
    assert (made["bytes_read"], made["bytes_written"]) == (14, 4)


def test_an_accelerator_that_tells_no_elements_has_no_utilisation() -> None:
    assert utilisation(100, 10, SimpleNamespace()) == 0.0


@pytest.mark.parametrize("predicted", [10_210, 9_790])
def test_a_large_layer_that_the_model_misses_by_more_than_two_percent_is_told(predicted: int) -> None:
    (line,) = misjudged([layer(10_000, predicted), layer(10_000, 10_190)], 1)
    assert line.startswith(f"layer conv: 10,000 cycles, the cycle model says {predicted:,}")


def test_small_layers_and_back_ends_without_a_model_are_not_judged() -> None:
    assert not list(misjudged([layer(9_999, 1), layer(50_000, None)], 1))
    assert not list(misjudged([layer(19_999, 1)], 2))


def test_the_interval_is_that_of_a_full_pipeline() -> None:
    assert interval([900, 930, 950, 1050, 1151, 1251, 1351, 1500]) == 100.5
    assert interval([900, 1000]) == 100
    assert interval([900]) is None and interval([]) is None


def test_pace_tells_images_a_second_of_a_full_pipeline() -> None:
    outcome = RequestOutcome("net", "run", 9, 1, configure_cycles=50, first_frame_cycles=900, interval=250.0)
    made = pace(outcome, CONFIG)
    assert made["steady_fps"] == 400_000 and made["configure_cycles"] == 50
    assert pace(RequestOutcome("net", "run", 1, 1), CONFIG)["steady_fps"] is None


@pytest.mark.parametrize(("predicted", "told"), [(10_000, 0), (10_210, 1), (9_790, 1), (None, 0)])
def test_an_interval_that_the_model_misses_is_told(predicted: int | None, told: int) -> None:
    result = {"interval": 10_000.0, "predicted_interval": predicted}
    assert len(list(interval_misjudged(result, 6))) == told
    assert not list(interval_misjudged(result, 5))
    assert not list(interval_misjudged({**result, "interval": None}, 6))
