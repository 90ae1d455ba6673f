"""Trains the binary network on Fashion-MNIST and writes fashion_bnn.onnx.

``python -m golden.networks.fashion.train_binary train write``; needs the extra ``train`` and the data set (Debian package
dataset-fashion-mnist). The checkpoint, one after every epoch, goes to build/fashion/.
"""

# mypy: disable-error-code="untyped-decorator"
# torch is absent where types are checked, so its classes and decorators are untyped there.

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch

from golden.networks import fashion
from golden.networks.fashion.binary_network import BinaryNetwork
from golden.networks.fashion.fitting import Schedule, accuracy, fit

SEED = 20263
CHECKPOINT = Path("build/fashion/bnn.pt")
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


STAGES: dict[str, Callable[[int], None]] = {"train": train}


def main() -> None:
    """Run the named stages in the given order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", nargs="+", choices=STAGES)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1, help="torch threads; results may depend on it")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for stage in arguments.stages:
        STAGES[stage](arguments.epochs)


if __name__ == "__main__":
    main()
