"""Images made of noise at several scales: smooth as photographs are, and the same on every machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

GRIDS = (3, 6, 12, 24, 48)
FALLING = 0.6


def smooth_images(shape: tuple[int, ...], count: int, seed: int) -> Pixels:
    """(count, height, width, channels) of shape (1, height, width, channels), 0 to 255; image i depends on
    seed and i alone.

    Each is a sum of random grids of more and more points, drawn large by linear interpolation, each 0.6 times
    as strong as the one before; then stretched over all pixel values."""
    return np.stack([_image(shape[1:], np.random.default_rng((seed, index))) for index in range(count)])


def _image(shape: tuple[int, ...], random: np.random.Generator) -> Pixels:
    height, width, channels = shape
    total = np.zeros(shape)
    for octave, points in enumerate(GRIDS):
        grid = random.random((points, points, channels)) - 0.5
        rows, columns = _interpolation(height, points), _interpolation(width, points)
        total += FALLING**octave * np.einsum("yi,ijc,xj->yxc", rows, grid, columns, optimize=True)
    least, greatest = total.min(), total.max()
    pixels: Pixels = np.round(255 * (total - least) / (greatest - least)).astype(np.uint8)
    return pixels


def _interpolation(size: int, points: int) -> Floats:
    """(size, points): the share of each grid point in each of `size` positions."""
    places = np.linspace(0, points - 1, size)
    shares: Floats = np.maximum(0, 1 - np.abs(places[:, np.newaxis] - np.arange(points)))
    return shares
