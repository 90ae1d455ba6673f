"""Where a layer's cycles went, as parts of a bar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# In the order in which they stand in the bar, with their words.
PARTS = (("compute", "compute"), ("read", "waits for memory"), ("write", "waits for results to leave"),
         ("dependency", "waits for another unit"), ("other", "other"))  # fmt: skip


def layer_bars(layers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each layer with its parts; width: its cycles as a share of the longest layer's."""
    longest = max((layer["cycles"] for layer in layers), default=0) or 1
    return [
        {
            "name": layer["name"],
            "cycles": layer["cycles"],
            "equal": layer["equal"],
            "utilisation": layer.get("utilisation"),
            "width": 100 * layer["cycles"] / longest,
            "parts": list(parts(layer)),
        }
        for layer in layers
    ]


def parts(layer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Kind, words, cycles and share of each part that is not empty. In a pipeline layers wait while others work, longer
    than they take themselves: shares are of all that is counted."""
    stalls = layer["stalls"]
    counted = {
        "compute": layer["compute_cycles"],
        **{kind: stalls[kind] for kind in ("read", "write", "dependency")},
    }
    counted["other"] = max(layer["cycles"] - sum(counted.values()), 0)
    whole = sum(counted.values()) or 1
    for kind, words in PARTS:
        if counted[kind]:
            yield {
                "kind": kind,
                "words": words,
                "cycles": counted[kind],
                "share": 100 * counted[kind] / whole,
            }
