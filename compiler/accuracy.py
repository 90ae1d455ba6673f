"""Prints the accuracy of the Fashion-MNIST networks on all 10,000 test images: float, int8, int4, int4 pruned, binary.

`python -m compiler.accuracy` runs golden, which the RTL equals bit by bit. Without the data set installed it
prints how to get it, and exits with code 3.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from compiler.images import as_integers, as_real
from compiler.network import Network, input_quantisation
from compiler.networks import load
from compiler.networks.spec import DENSE, SPARSITIES
from golden.ir import Array, Graph
from golden.networks import fashion
from golden.run import run

BATCH = 250
THREADS = 2
INFRASTRUCTURE_MISSING = 3


def predictions(graph: Graph, images: Array) -> npt.NDArray[np.int64]:
    """The class that the graph gives each image; batches run side by side."""
    with ThreadPoolExecutor(THREADS) as pool:
        batches = (images[first : first + BATCH] for first in range(0, len(images), BATCH))
        return np.concatenate(list(pool.map(lambda batch: _classes(graph, batch), batches)))


def _classes(graph: Graph, images: Array) -> npt.NDArray[np.int64]:
    values = run(graph, {graph.inputs[0]: images})[graph.outputs[0]]
    classes: npt.NDArray[np.int64] = np.argmax(values, axis=1)
    return classes


def accuracies(pixels: fashion.Images, labels: fashion.Labels) -> Iterator[tuple[str, float]]:
    """(what, share of correct classes) of the float network, each quantised one, those fine-tuned for 2:4 and
    1:4, and the binary one."""
    int8 = load("fashion_int8")
    assert int8.float_graph is not None
    yield "float", _share(predictions(int8.float_graph, as_real(pixels, "")), labels)
    yield "int8", _share(_integer_predictions(int8, pixels), labels)
    for sparsity in SPARSITIES:
        network = load("fashion_int4", sparsity=sparsity)
        what = "int4" if sparsity == DENSE else f"int4, {sparsity}"
        yield what, _share(_integer_predictions(network, pixels), labels)
    yield "binary", _share(_integer_predictions(load("fashion_bnn"), pixels), labels)


def _integer_predictions(network: Network, pixels: fashion.Images) -> npt.NDArray[np.int64]:
    return predictions(network.graph, as_integers(pixels, input_quantisation(network.graph), network.name))


def _share(found: npt.NDArray[np.int64], labels: fashion.Labels) -> float:
    return float(np.mean(found == labels))


def main() -> int:
    """Command: prints one line each; returns the exit code."""
    try:
        pixels, labels = fashion.test_set()
    except (fashion.DatasetMissing, fashion.DatasetCorrupt) as error:
        print(error, file=sys.stderr)
        return INFRASTRUCTURE_MISSING
    for what, share in accuracies(pixels, labels):
        print(f"Fashion-MNIST, {len(labels):,} test images, {what:9}: {100 * share:.2f} %", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
