"""Prints what the layers of a network carry: shares of zeros and of saturated values, and distinct values.

`python -m compiler.liveness resnet50 --sparsity 2:4` runs golden on the network's own images. The exit code is 2 for
a network that breaks a rule of `passes/liveness.py`, as for other bad input.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from compiler.errors import AssayError
from compiler.network import Network
from compiler.networks import load
from compiler.networks.spec import BIT_WIDTHS, DENSE, SPARSITIES
from compiler.passes.liveness import LayerStatistics, measure, require_alive_layers

LOG_COLUMNS = 110


def table(made: Network, layers: Sequence[LayerStatistics]) -> Table:
    """One line a layer; of a map of bits, the share of ones."""
    title = f"{made.name}, weights {'binary' if made.binary else made.settings()['sparsity']}"
    columns = Table("layer", "activation", title=title)
    for name in ("zeros", "saturated", "distinct values", "ones"):
        columns.add_column(name, justify="right")
    for layer in layers:
        shares = f"{100 * layer.zeros:.1f} %", f"{100 * layer.saturated:.2f} %"
        shares = shares if layer.ones is None else ("", "")
        ones = "" if layer.ones is None else f"{100 * layer.ones:.1f} %"
        columns.add_row(layer.node, layer.activation, *shares, str(layer.distinct), ones)
    return columns


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compiler.liveness", description=__doc__)
    parser.add_argument("network", help="a network's name, or a .tflite or .onnx file")
    parser.add_argument("--images", type=int, default=1, help="how many of its images")
    parser.add_argument("--bits", type=int, choices=BIT_WIDTHS, help="default: the network's")
    parser.add_argument("--sparsity", choices=tuple(SPARSITIES), default=DENSE)
    parser.add_argument("--end-weights", type=int, choices=BIT_WIDTHS, help="default: the network's")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Command: prints the table; returns the exit code."""
    console = Console() if sys.stdout.isatty() else Console(width=LOG_COLUMNS)
    given = _arguments(words)
    options = {"bits": given.bits, "sparsity": given.sparsity, "end_weights": given.end_weights}
    try:
        made = load(given.network, **options)
        layers = measure(made.graph, made.images(max(given.images, 1)))
        console.print(table(made, layers), highlight=False)
        require_alive_layers(made.name, layers)
    except AssayError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
