"""Trains the network on Fashion-MNIST and writes every file of this folder that is not source.

``python -m golden.networks.fashion.train images float int4 2of4 1of4`` runs all stages; needs the extra ``train`` and
the data set (Debian package dataset-fashion-mnist). The float network's checkpoint goes to build/fashion/.
"""

# mypy: disable-error-code="untyped-decorator"
# torch is absent where types are checked, so its classes and decorators are untyped there.

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from golden.networks import fashion
from golden.networks.fashion import export, topology
from golden.networks.fashion.fitting import Schedule, accuracy, fit
from golden.networks.fashion.float_network import FloatNetwork, folded
from golden.networks.fashion.parameters import array, batch_norm
from golden.networks.fashion.pruning import masks
from golden.networks.fashion.quantised_network import (
    INT4,
    INT8,
    QuantisedNetwork,
    Range,
    Widths,
    least_error_range,
    least_error_weight,
)

SEED = 20260
CHECKPOINT = Path("build/fashion/float.pt")
CALIBRATION_COUNT = 1000
"""Training images whose extremes become the activation ranges of the float model."""
FLOAT_SCHEDULE = Schedule(epochs=20, batch=128, peak_rates=(0.1,), seed=SEED)
WEIGHT_DECAY = 5e-4
INT4_SCHEDULE = Schedule(epochs=10, batch=128, peak_rates=(1e-3, 1e-2), seed=SEED + 1)
"""The second rate is that of the activation ranges."""
PRUNED_SCHEDULE = Schedule(epochs=15, batch=128, peak_rates=(2e-3, 1e-2), seed=SEED + 2)


def write_images() -> None:
    """Write the committed test and calibration images."""
    for path, (pixels, labels), count in (
        (fashion.TEST_IMAGES, fashion.test_set(), 500),
        (fashion.CALIBRATION_IMAGES, fashion.training_set(), 256),
    ):
        np.savez_compressed(path, images=pixels[:count, ..., 0], labels=labels[:count])


def train_float() -> None:
    """Train the float network and write it as ONNX with its batch norms."""
    torch.manual_seed(SEED)
    network = FloatNetwork()
    optimiser = torch.optim.SGD(
        network.parameters(),
        lr=FLOAT_SCHEDULE.peak_rates[0],
        momentum=0.9,
        nesterov=True,
        weight_decay=WEIGHT_DECAY,
    )
    fit(network, optimiser, fashion.training_set(), FLOAT_SCHEDULE)
    CHECKPOINT.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), CHECKPOINT)
    _report("float", network)
    write_float(stored_network())


def stored_network() -> FloatNetwork:
    """The checkpoint's float network in torch's usual memory layout: sums round alike in every stage."""
    network = FloatNetwork()
    network.load_state_dict(torch.load(CHECKPOINT, weights_only=True))
    return network


def write_float(network: FloatNetwork) -> None:
    """Write fashion.onnx with the activation ranges of the calibration images."""
    ranges = extremes(calibration_tensors(network))
    _report("int8, fake quantisation", QuantisedNetwork(folded(network), ranges, INT8))
    export.write_onnx(fashion.FLOAT_MODEL, "fashion", float_parameters(network), range_metadata(ranges))


def train_int4() -> None:
    """Fine-tune the checkpoint with 4-bit fake quantisation and write it as ONNX."""
    _train_int4("fashion_int4", INT4_SCHEDULE, fashion.INT4_MODEL)


def train_pruned(kept: int) -> None:
    """The same with `kept` of 4 weights left; the masks come from the checkpoint and stay as they are."""
    _train_int4(f"fashion_int4_{kept}of4", PRUNED_SCHEDULE, fashion.PRUNED_MODELS[kept], kept)


def _train_int4(name: str, schedule: Schedule, path: Path, kept: int | None = None) -> None:
    torch.manual_seed(SEED)
    network = starting_point(stored_network(), INT4, kept)
    _report(f"{name} before fine-tuning, fake quantisation", network)
    rates = schedule.peak_rates
    weights = [*network.weights.values(), *network.biases.values()]
    optimiser = torch.optim.Adam(
        [{"params": weights, "lr": rates[0]}, {"params": network.quantisers.parameters(), "lr": rates[1]}]
    )
    fit(network, optimiser, fashion.training_set(), schedule)
    _report(f"{name}, fake quantisation", network)
    metadata = range_metadata(network.ranges()) | width_metadata(INT4)
    export.write_onnx(path, name, quantised_parameters(network), metadata)


def starting_point(network: FloatNetwork, widths: Widths, kept: int | None = None) -> QuantisedNetwork:
    """The folded network with weights clamped and ranges narrowed to where they err least.

    kept: weights left in every block of 4, of the largest magnitudes; all of them without it."""
    tensors = calibration_tensors(network)
    ranges = {
        name: least_error_range(tensors[name], widths.activation(name), extreme)
        for name, extreme in extremes(tensors).items()
    }
    layers = folded(network)
    chosen = masks({name: weight for name, (weight, _) in layers.items()}, kept) if kept else {}
    parameters = {
        name: (least_error_weight(weight * chosen.get(name, 1.0), widths.weight(name)), bias)
        for name, (weight, bias) in layers.items()
    }
    return QuantisedNetwork(parameters, ranges | {topology.IMAGE: (0.0, 1.0)}, widths, chosen)


@torch.no_grad()
def calibration_tensors(network: FloatNetwork) -> dict[str, Tensor]:
    """Every layer's output for the first CALIBRATION_COUNT training images."""
    network.eval()
    pixels, _ = fashion.training_set()
    return network.tensors(torch.from_numpy(fashion.scaled(pixels[:CALIBRATION_COUNT])))


def extremes(tensors: Mapping[str, Tensor]) -> dict[str, Range]:
    """(minimum, maximum) of every tensor, zero included; pooling has the range of its source."""
    ranges = {
        name: (min(0.0, float(values.min())), max(0.0, float(values.max())))
        for name, values in tensors.items()
    }
    shared = {name: ranges[source] for name, source in topology.range_sources().items()}
    return ranges | {topology.IMAGE: (0.0, 1.0)} | shared


def range_metadata(ranges: Mapping[str, Range]) -> dict[str, str]:
    """Metadata entries of activation ranges; nine digits carry a float32 exactly."""
    return {f"assay.range.{name}": f"{low:.9g},{high:.9g}" for name, (low, high) in ranges.items()}


def width_metadata(widths: Widths) -> dict[str, str]:
    """Metadata entries of the bits of every activation and weight tensor."""
    layers: Iterable[str] = topology.macs()
    activations = {f"assay.bits.{name}": str(widths.activation(name)) for name in topology.shapes()}
    return activations | {f"assay.bits.{name}.weight": str(widths.weight(name)) for name in layers}


def float_parameters(network: FloatNetwork) -> dict[str, export.Parameters]:
    """Parameters of every layer with batch norm kept apart."""
    convolutions = {
        name: export.Parameters(
            array(network.convolutions[name].weight), norm=batch_norm(network.norms[name])
        )
        for name in network.convolutions
    }
    last = export.Parameters(array(network.classifier.weight), bias=array(network.classifier.bias))
    return convolutions | {topology.classifier().name: last}


def quantised_parameters(network: QuantisedNetwork) -> dict[str, export.Parameters]:
    """Weights already on their quantisation steps, so that quantising them again gives the same integers."""
    return {
        name: export.Parameters(array(network.weight(name)), bias=array(network.biases[name]))
        for name in network.weights
    }


def _report(kind: str, network: nn.Module) -> None:
    print(f"{kind}: {100 * accuracy(network, fashion.test_set()):.2f} % of all test images", flush=True)


STAGES: dict[str, Callable[[], None]] = {
    "images": write_images,
    "float": train_float,
    "int4": train_int4,
    "2of4": partial(train_pruned, 2),
    "1of4": partial(train_pruned, 1),
}


def main() -> None:
    """Run the named stages in the given order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", nargs="+", choices=STAGES)
    parser.add_argument("--threads", type=int, default=1, help="torch threads; results may depend on it")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for stage in arguments.stages:
        STAGES[stage]()


if __name__ == "__main__":
    main()
