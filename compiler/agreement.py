"""Prints whether quantised networks give photographs the class that their float networks give them.

`python -m compiler.agreement` runs both in golden, which the RTL equals bit by bit, on each photograph whole and on
the square in its middle. Without the real models it prints what is missing, and exits with code 3.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from compiler.errors import AssayError
from compiler.images import Floats, Values, as_integers, as_real
from compiler.network import Network, input_quantisation
from compiler.networks import labels, load, photographs, resnet8, resnet20, squeezenet10
from compiler.networks.spec import NetworkSpec
from golden.ir import Array, Graph
from golden.run import run

LOG_COLUMNS = 110
INFRASTRUCTURE_MISSING = 3


@dataclass(frozen=True)
class Pair:
    """A quantised network, the float one that it stands for, what that one makes of pixels, and its classes."""

    spec: NetworkSpec
    float_graph: Callable[[], Graph]
    real: Callable[[Values], Floats]
    classes: Callable[[], tuple[str, ...]]


@dataclass(frozen=True)
class Verdict:
    """The class that each of the two gives an image."""

    network: str
    image: str
    float_class: str
    quantised_class: str

    @property
    def agree(self) -> bool:
        return self.float_class == self.quantised_class


PAIRS = (
    Pair(resnet8.SPEC, resnet8.float_graph, lambda x: x.astype(np.float32), lambda: labels.CIFAR10),
    Pair(resnet20.SPEC, resnet20.float_graph, resnet20.normalised, lambda: labels.CIFAR10),
    Pair(squeezenet10.SPEC, squeezenet10.float_graph, lambda x: as_real(x, ""), labels.imagenet),
)


def verdicts(pair: Pair) -> Iterator[Verdict]:
    """Of one pair, image by image. Raises an AssayError where its files are not as they should be."""
    graph, made = pair.float_graph(), load(pair.spec.name)
    images = dict(_images(graph.tensor(graph.inputs[0]).shape))
    pixels = np.concatenate(list(images.values()))
    found = _top(graph, pair.real(pixels)), _top(made.graph, _integers(made, pixels))
    names = pair.classes()
    for image, exact, quantised in zip(images, *found, strict=True):
        yield Verdict(pair.spec.name, image, names[exact], names[quantised])


def _images(shape: tuple[int, ...]) -> Iterator[tuple[str, Values]]:
    whole = photographs.cuts(shape, len(photographs.PHOTOGRAPHS), seed=0)
    for index, file in enumerate(photographs.PHOTOGRAPHS):
        yield file.name, whole[index : index + 1]
        yield f"{file.name}, middle", photographs.middle(file, shape)


def _integers(made: Network, pixels: Values) -> Array:
    values = made.preprocess(pixels) if made.preprocess else pixels
    return as_integers(values, input_quantisation(made.graph), made.name)


def _top(graph: Graph, images: Array) -> npt.NDArray[np.int64]:
    """The class of the greatest score; images one by one, since real maps are large."""
    outputs = [run(graph, {graph.inputs[0]: image[np.newaxis]})[graph.outputs[0]] for image in images]
    return np.array([int(np.argmax(output)) for output in outputs])


def table(rows: list[Verdict]) -> Table:
    """One line an image."""
    made = Table("network", "image", "float", "quantised", "agree")
    for row in rows:
        agree = "yes" if row.agree else "NO"
        made.add_row(row.network, row.image, row.float_class, row.quantised_class, agree)
    return made


def main() -> int:
    """Command: prints the table and the share of each network; returns the exit code."""
    console = Console() if sys.stdout.isatty() else Console(width=LOG_COLUMNS)
    rows: list[Verdict] = []
    for pair in PAIRS:
        if reason := pair.spec.missing():
            print(f"{pair.spec.name} is left out: {reason}", file=sys.stderr)
            continue
        try:
            rows += verdicts(pair)
        except AssayError as error:
            print(error, file=sys.stderr)
            return error.exit_code
    if not rows:
        return INFRASTRUCTURE_MISSING
    console.print(table(rows), highlight=False)
    for name in dict.fromkeys(row.network for row in rows):
        agreed = [row.agree for row in rows if row.network == name]
        console.print(f"{name}: {sum(agreed)} of {len(agreed)} agree", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
