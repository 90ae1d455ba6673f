"""What all trainings share: augmentation, the one-cycle loop, accuracy."""

# mypy: disable-error-code="misc, untyped-decorator"
# torch is absent where types are checked, so its classes and decorators are untyped there.

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from golden.networks.fashion import Images, Labels, scaled

SHIFT = 2
"""Largest shift of an augmented image, pixels each way."""


@dataclass(frozen=True)
class Schedule:
    """One-cycle training: epochs, images a step, peak learning rate of each parameter group."""

    epochs: int
    batch: int
    peak_rates: tuple[float, ...]
    seed: int


def fit(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    data: tuple[Images, Labels],
    schedule: Schedule,
    after_epoch: Callable[[], None] = lambda: None,
) -> None:
    """Train in place, printing loss and training accuracy of each epoch."""
    steps = schedule.epochs * (len(data[0]) // schedule.batch)
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, list(schedule.peak_rates), total_steps=steps, pct_start=0.2
    )
    generator = np.random.default_rng(schedule.seed)
    network.to(memory_format=torch.channels_last)  # nearly twice as fast on a CPU
    network.train()
    for epoch in range(schedule.epochs):
        start, losses, correct, seen = time.monotonic(), 0.0, 0, 0
        for image, label in batches(data, schedule.batch, generator):
            optimiser.zero_grad()
            logits = network(image)
            loss = functional.cross_entropy(logits, label)
            loss.backward()
            optimiser.step()
            rates.step()
            losses += float(loss.detach()) * len(label)
            correct += int((logits.argmax(1) == label).sum())
            seen += len(label)
        print(
            f"epoch {epoch + 1}/{schedule.epochs}: loss {losses / seen:.4f}, "
            f"training accuracy {100 * correct / seen:.2f} %, {time.monotonic() - start:.0f} s",
            flush=True,
        )
        after_epoch()


def batches(
    data: tuple[Images, Labels], size: int, generator: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch of whole batches in random order, each image flipped and shifted at random."""
    pixels, labels = data
    order = generator.permutation(len(pixels))
    for start in range(0, len(pixels) - size + 1, size):
        chosen = order[start : start + size]
        image = augmented(pixels[chosen], generator)
        yield torch.from_numpy(scaled(image)), torch.from_numpy(labels[chosen].astype(np.int64))


def augmented(pixels: Images, generator: np.random.Generator) -> Images:
    """uint8 [n, 28, 28, 1] mirrored left to right with probability 1/2 and shifted by up to SHIFT pixels."""
    count, height, width, _ = pixels.shape
    padded = np.pad(pixels, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)))
    top, left = generator.integers(0, 2 * SHIFT + 1, (2, count, 1))
    rows = top + np.arange(height)
    columns = left + np.arange(width)
    mirrored = generator.random((count, 1)) < 0.5
    columns = np.where(mirrored, columns[:, ::-1], columns)
    moved: Images = padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved


@torch.no_grad()
def predictions(network: nn.Module, pixels: Images, batch: int = 500) -> NDArray[np.int64]:
    """Top-1 class of each image."""
    network.eval()
    starts = range(0, len(pixels), batch)
    found = [network(torch.from_numpy(scaled(pixels[at : at + batch]))).argmax(1).numpy() for at in starts]
    return np.concatenate(found)


def accuracy(network: nn.Module, data: tuple[Images, Labels]) -> float:
    """Share of images classified correctly, 0 to 1."""
    return float((predictions(network, data[0]) == data[1]).mean())
