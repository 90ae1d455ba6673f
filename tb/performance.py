"""How fast a network ran: figures that a result tells beside the counters, and what the cycle model said."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from compiler.api import predicted_cycles, predicted_interval
from compiler.program import Program
from tb.outcome import RequestOutcome

LEAST_CYCLES = 10_000  # of an image's layer, for the cycle model to be held against it
TOLERANCE = 0.02
LEAST_IMAGES = 6


def speed(cycles: int, images: int, layers: Sequence[Mapping[str, Any]], config: Any) -> dict[str, Any]:
    """fps; gops: 2 operations a nominal multiply-accumulate; executed_gops: of those that were executed;
    utilisation: executed multiply-accumulates of all that the multipliers could have done; bytes moved."""
    executed = sum(layer["macs"] for layer in layers)
    nominal = executed + sum(layer["macs_skipped"] for layer in layers)
    seconds = cycles / (config.clock_mhz * 1e6)
    return {
        "fps": images / seconds if seconds else 0.0,
        "gops": 2 * nominal / seconds / 1e9 if seconds else 0.0,
        "executed_gops": 2 * executed / seconds / 1e9 if seconds else 0.0,
        "utilisation": utilisation(executed, cycles, config),
        "bytes_read": sum(layer["bytes_read"] for layer in layers),
        "bytes_written": sum(layer["bytes_written"] for layer in layers),
    }


def utilisation(executed: int, cycles: int, config: Any) -> float:
    """Share of the multipliers' cycles in which they did a multiply-accumulate; passes over nibbles count once."""
    elements = getattr(config, "elements", 0)
    return executed / (elements * cycles) if elements and cycles else 0.0


def interval(ends: Sequence[int]) -> float | None:
    """Cycles from image to image, the median of the later half, in which a pipeline is full. ends: cycles in which the
    last layer ended, image after image; None for less than two."""
    gaps = [later - earlier for earlier, later in pairwise(ends)]
    return statistics.median(gaps[len(gaps) // 2 :]) if gaps else None


def pace(outcome: RequestOutcome, config: Any) -> dict[str, Any]:
    """How long the accelerator takes to begin, and how fast it is then: images a second at its clock."""
    steady = config.clock_mhz * 1e6 / outcome.interval if outcome.interval else None
    return {
        "configure_cycles": outcome.configure_cycles,
        "first_frame_cycles": outcome.first_frame_cycles,
        "interval": outcome.interval,
        "steady_fps": steady,
    }


def with_interval(result: Mapping[str, Any], program: Program, config: Any) -> dict[str, Any]:
    """The result with what the back end's model says of the interval, None where it has none."""
    return {**result, "predicted_interval": predicted_interval(program, config)}


def with_model(
    layers: Sequence[Mapping[str, Any]], program: Program, images: int, config: Any
) -> list[dict[str, Any]]:
    """The layers with their utilisation and, where the back end has a cycle model, `predicted` cycles of all images."""
    predicted = predicted_cycles(program, config)
    return [
        {
            **layer,
            "utilisation": utilisation(layer["macs"], layer["cycles"], config),
            "predicted": predicted[number] * images if predicted else None,
        }
        for number, layer in enumerate(layers)
    ]


def interval_misjudged(result: Mapping[str, Any], images: int) -> Iterator[str]:
    """One line if the model of the interval is wrong by more than TOLERANCE; fewer images than LEAST_IMAGES do not tell
    it."""
    measured, predicted = result.get("interval"), result.get("predicted_interval")
    if not measured or predicted is None or images < LEAST_IMAGES:
        return
    error = predicted / measured - 1
    if abs(error) > TOLERANCE:
        yield (
            f"an image every {measured:,} cycles, the cycle model says {predicted:,} "
            f"({error:+.1%}, allowed {TOLERANCE:.0%})"
        )


def misjudged(layers: Sequence[Mapping[str, Any]], images: int) -> Iterator[str]:
    """One line for each large layer of which the cycle model is wrong by more than TOLERANCE."""
    for layer in layers:
        cycles, predicted = layer["cycles"], layer["predicted"]
        if predicted is None or cycles < LEAST_CYCLES * images:
            continue
        error = predicted / cycles - 1
        if abs(error) > TOLERANCE:
            yield (
                f"layer {layer['name']}: {cycles:,} cycles, the cycle model says {predicted:,} "
                f"({error:+.1%}, allowed {TOLERANCE:.0%})"
            )
