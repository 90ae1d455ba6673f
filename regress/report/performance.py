"""A network's layers as a Markdown table: `python -m regress.report.performance RESULT.json [--limits LIMITS.csv]`.

RESULT.json is what `assay run --json` wrote; LIMITS.csv has a bound for each convolution and fully connected layer in
columns `shape`, `macs` and `model_cycles`, in the order in which they run.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

HEADER = ("layer", "MAC", "cycles", "model", "use", "read", "write", "depend", "bytes read", "bound by")
MOSTLY = 0.25
BUSY = 0.6
STALLS = {"read": "memory", "write": "post-processor", "dependency": "another unit"}


def table(result: Mapping[str, Any], limits: Sequence[tuple[int, float]] = ()) -> Iterator[str]:
    """The lines of the table; `limits`: MAC and least cycles of layers, each used once by the first that has as many
    MAC."""
    left = list(limits)
    header = [*HEADER[:3], *(["limit"] if limits else []), *HEADER[3:]]
    yield _row(header)
    yield _row(["---", *["---:"] * (len(header) - 2), "---"])
    for layer in result["layers"]:
        yield _row(_cells(layer, left, bool(limits)))


def bound(layer: Mapping[str, Any]) -> str:
    """What a layer spends its time on: waiting, if it does for more than MOSTLY of it; else the array's work, of which
    passes over nibbles and rows without weights leave less than BUSY to products."""
    waits = {STALLS[kind]: count for kind, count in layer["stalls"].items()}
    longest = max(waits, key=lambda kind: waits[kind])
    if sum(waits.values()) > MOSTLY * layer["cycles"]:
        return longest
    return "array" if layer["utilisation"] > BUSY else "array: nibble passes or idle rows"


def _cells(layer: Mapping[str, Any], limits: list[tuple[int, float]], limited: bool) -> Iterator[str]:
    macs = layer["macs"] + layer["macs_skipped"]
    yield f"`{layer['name']}`"
    yield f"{macs:,}"
    yield f"{layer['cycles']:,}"
    if limited:
        found = next((place for place, (count, _) in enumerate(limits) if _near(count, macs)), None)
        yield "" if found is None else f"{limits.pop(found)[1]:,.0f}"
    yield f"{layer['predicted']:,}" if layer["predicted"] is not None else ""
    yield f"{layer['utilisation']:.1%}"
    for kind in STALLS:
        yield f"{layer['stalls'][kind]:,}"
    yield f"{layer['bytes_read']:,}"
    yield bound(layer)


def _near(nominal: int, counted: int) -> bool:
    """Products that run ahead of their layer are counted to the one before it."""
    return counted > 0 and abs(counted - nominal) < 0.3 * nominal


def _row(cells: Sequence[str] | Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def read_limits(file: Path) -> list[tuple[int, float]]:
    """MAC and cycles of each layer of a file of limits."""
    with file.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["shape"]]
    return [(int(row["macs"]), float(row["model_cycles"])) for row in rows]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m regress.report.performance", description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("--limits", type=Path)
    options = parser.parse_args(arguments)
    try:
        limits = read_limits(options.limits) if options.limits else []
        lines = list(table(json.loads(options.result.read_text()), limits))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(
            f"{options.result}: not a result of assay run --json, or no file of limits: {error!r}",
            file=sys.stderr,
        )
        return 2
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
