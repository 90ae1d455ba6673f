"""Input data from files: pixels, arrays, and what the input tensor of a network makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from compiler.errors import BadData
from golden.ir import Quantisation

Integers = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float32]
Values = npt.NDArray[Any]
Shape = tuple[int, ...]

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".pgm")
MOST_BYTES = 1 << 30
LARGEST_PIXEL = 255
PIXEL_BITS = 8


def read_data(path: Path, shape: Shape) -> Values:
    """Images (n, height, width, channels) from a .npy or image file, or from a folder's files by name.

    shape: (1, height, width, channels). Pixels of image files are uint8, resized to it; arrays keep
    their type (uint8, int8 or float32) and may lack n or have the channels first. Raises BadData."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    known = [file for file in files if file.suffix.lower() in (*IMAGE_SUFFIXES, ".npy")]
    if not known:
        raise BadData(f"no input data: .npy, {', '.join(IMAGE_SUFFIXES)} files are read", file=str(path))
    parts = [read_array(file, shape) if file.suffix == ".npy" else read_image(file, shape) for file in known]
    if len({part.dtype for part in parts}) != 1:
        raise BadData("files of different element types cannot be mixed", file=str(path))
    return np.concatenate(parts)


def read_image(
    file: Path, shape: Shape, box: tuple[int, int, int, int] | None = None
) -> npt.NDArray[np.uint8]:
    """An image file, or the box (left, top, right, bottom) of it, resized to (1, height, width, channels)."""
    _, height, width, channels = shape
    if channels not in (1, 3):
        raise BadData(f"an image has 1 or 3 channels, the network's input {channels}", file=str(file))
    try:
        with Image.open(file) as image:
            turned = image.convert("L" if channels == 1 else "RGB")
            pixels = np.asarray(turned.resize((width, height), Image.Resampling.BILINEAR, box))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadData(f"is no image that can be read: {error}", file=str(file)) from None
    return pixels.reshape(1, height, width, channels)


def image_size(file: Path) -> tuple[int, int]:
    """(width, height) of an image file."""
    try:
        with Image.open(file) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadData(f"is no image that can be read: {error}", file=str(file)) from None


def read_array(file: Path, shape: Shape) -> Values:
    """A .npy file as (n, height, width, channels) of uint8, int8 or float32."""
    try:
        # Mapped, not read: a header that claims more than the file holds is refused before memory is taken.
        values = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, OverflowError, SyntaxError) as error:
        raise BadData(f"is no .npy array that can be read: {error}", file=str(file)) from None
    if values.nbytes > MOST_BYTES:
        raise BadData(f"has {values.nbytes} bytes, at most {MOST_BYTES}", file=str(file))
    if values.dtype not in (np.uint8, np.int8, np.float32, np.float64):
        raise BadData(f"has element type {values.dtype}, must be uint8, int8 or float32", file=str(file))
    with np.errstate(over="ignore"):
        array = np.array(values, dtype=np.float32 if values.dtype == np.float64 else values.dtype)
    return _arranged(array, shape, file)


def _arranged(values: Values, shape: Shape, file: Path) -> Values:
    """values with n in front and channels last."""
    if values.ndim == 3 or (values.ndim == 2 and shape[3] == 1):
        values = values[np.newaxis]
    if values.ndim == 3:
        values = values[..., np.newaxis]
    channels_first = (shape[3], *shape[1:3])
    if values.ndim == 4 and values.shape[1:] != shape[1:] and values.shape[1:] == channels_first:
        values = values.transpose(0, 2, 3, 1)
    if values.ndim != 4 or values.shape[1:] != shape[1:]:
        raise BadData(f"has shape {values.shape}, the network's input is {('n', *shape[1:])}", file=str(file))
    return np.ascontiguousarray(values)


def as_real(values: Values, file: str) -> Floats:
    """What a float network takes: float as it is, pixels 0 to 255 as 0 to 1."""
    if values.dtype == np.int8:
        raise BadData(
            "int8 is the input of a quantised network: calibration takes pixels or float", file=file
        )
    if not np.isfinite(values).all():
        raise BadData("has values that are not finite", file=file)
    real: Floats = values.astype(np.float32)
    return real / np.float32(LARGEST_PIXEL) if values.dtype == np.uint8 else real


def as_integers(values: Values, quantisation: Quantisation, file: str) -> Integers:
    """What a quantised network takes: int8 as it is, float by scale and zero point, pixels 0 to 255 over the
    tensor's whole range."""
    if values.dtype == np.int8:
        return values
    if values.dtype == np.uint8:
        kept = values.astype(np.int16) >> (PIXEL_BITS - quantisation.bits)
        return (kept + quantisation.low).astype(np.int8)
    if not np.isfinite(values).all():
        raise BadData("has values that are not finite", file=file)
    steps = np.round(values.astype(np.float64) / quantisation.scale[0]) + quantisation.zero_point
    return np.clip(steps, quantisation.low, quantisation.high).astype(np.int8)


def existing(path: str | Path) -> Path:
    """The path. Raises BadData where nothing is there."""
    if not Path(path).exists():
        raise BadData("no such file or folder", file=str(path))
    return Path(path)
