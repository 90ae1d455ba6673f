"""Trains the binary network on Fashion-MNIST and writes fashion_bnn.onnx.

``python -m golden.networks.fashion.train_binary train write``; needs the extra ``train`` and the data set (Debian
package dataset-fashion-mnist). The checkpoint, stored after every epoch, goes to build/fashion/.
"""

# mypy: disable-error-code="untyped-decorator"
# torch is absent where types are checked, so its classes and decorators are untyped there.

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from golden.networks import fashion
from golden.networks.fashion import binary_export
from golden.networks.fashion.binary_network import BinaryNetwork, sign, with_fixed_point_scores
from golden.networks.fashion.fitting import Schedule, accuracy, fit, predictions
from golden.networks.fashion.parameters import array, batch_norm

SEED = 20263
CHECKPOINT = Path("build/fashion/bnn.pt")
PREDICTIONS = CHECKPOINT.with_name("bnn_predictions.npy")
EPOCHS = 10
BATCH = 125
PEAK_RATE = 3e-3


def train(epochs: int) -> None:
    """Train the network and store its checkpoint."""
    torch.manual_seed(SEED)
    network = BinaryNetwork()
    optimiser = torch.optim.Adam(network.parameters(), lr=PEAK_RATE)
    optimiser.register_step_post_hook(lambda *_: network.clip())
    CHECKPOINT.parent.mkdir(parents=True, exist_ok=True)

    def keep() -> None:
        torch.save(network.state_dict(), CHECKPOINT)

    fit(network, optimiser, fashion.training_set(), Schedule(epochs, BATCH, (PEAK_RATE,), SEED), keep)
    print(f"{100 * accuracy(network, fashion.test_set()):.2f} % of all test images", flush=True)


def write() -> None:
    """Write the checkpoint as ONNX, and the torch network's class of every test image beside the checkpoint."""
    network = BinaryNetwork()
    network.load_state_dict(torch.load(CHECKPOINT, weights_only=True))
    with_fixed_point_scores(network)
    pixels, labels = fashion.test_set()
    classes = predictions(network, pixels)
    np.save(PREDICTIONS, classes)
    print(f"fixed-point scores: {100 * np.mean(classes == labels):.2f} % of all test images", flush=True)
    binary_export.write_onnx(fashion.BINARY_MODEL, "fashion_bnn", layers(network))


def layers(network: BinaryNetwork) -> dict[str, binary_export.BinaryLayer]:
    """Bits of the weights and batch norm of every layer."""
    return {
        name: binary_export.BinaryLayer(array(sign(weight)).astype(np.int8), batch_norm(network.norms[name]))
        for name, weight in network.weights.items()
    }


def main() -> None:
    """Run the named stages in the given order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", nargs="+", choices=("train", "write"))
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--threads", type=int, default=1, help="torch threads; results may depend on it")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if "train" in arguments.stages:
        train(arguments.epochs)
    if "write" in arguments.stages:
        write()


if __name__ == "__main__":
    main()
