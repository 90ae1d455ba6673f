"""A small residual network for Fashion-MNIST: committed weights, test images and their labels.

Only NumPy is needed here; ``train.py`` and its siblings, which made the files, need the extra ``train``.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent
FLOAT_MODEL = FOLDER / "fashion.onnx"
"""Float network with batch norm nodes; activation ranges for int8 in its metadata."""
INT4_MODEL = FOLDER / "fashion_int4.onnx"
"""The network fine-tuned for int4, batch norm folded; ranges and bit widths in its metadata."""
PRUNED_MODELS = {kept: FOLDER / f"fashion_int4_{kept}of4.onnx" for kept in (2, 1)}
"""The int4 network with at most 2 or 1 non-zero weights in every block of 4 (``pruning.py``)."""
BINARY_MODEL = FOLDER / "fashion_bnn.onnx"
"""The binary network, in the manner of QONNX (``binary_topology.py``)."""
TEST_IMAGES = FOLDER / "test500.npz"
CALIBRATION_IMAGES = FOLDER / "calibration.npz"
DATASET = Path("/usr/share/datasets/fashion-mnist")
"""Where the Debian package dataset-fashion-mnist installs its files."""
CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]

_IDX_UNSIGNED_BYTE = 8


class DatasetMissing(FileNotFoundError):
    """The complete data set is not installed on this machine."""


class DatasetCorrupt(ValueError):
    """A data set file is not the IDX file of unsigned bytes it should be."""


def images() -> tuple[Images, Labels]:
    """The committed first 500 test images, uint8 [500, 28, 28, 1], and their labels, uint8 [500]."""
    return _load(TEST_IMAGES)


def calibration_images() -> tuple[Images, Labels]:
    """The committed first 256 training images, uint8 [256, 28, 28, 1], and their labels, uint8 [256]."""
    return _load(CALIBRATION_IMAGES)


def test_set(folder: Path | None = None) -> tuple[Images, Labels]:
    """All 10,000 test images, [10000, 28, 28, 1], and labels. Raises DatasetMissing, DatasetCorrupt."""
    return _read_split(folder or DATASET, "t10k")


def training_set(folder: Path | None = None) -> tuple[Images, Labels]:
    """All 60,000 training images, uint8 [60000, 28, 28, 1], and labels. Raises as ``test_set``."""
    return _read_split(folder or DATASET, "train")


def scaled(pixels: Images) -> NDArray[np.float32]:
    """What the float networks take: pixels / 255 as [n, 1, 28, 28] from uint8 [n, 28, 28, 1]."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)


def _load(path: Path) -> tuple[Images, Labels]:
    with np.load(path) as file:
        return file["images"][..., np.newaxis], file["labels"]


def _read_split(folder: Path, split: str) -> tuple[Images, Labels]:
    pixels = _read_idx(folder / f"{split}-images-idx3-ubyte.gz", rank=3)
    labels = _read_idx(folder / f"{split}-labels-idx1-ubyte.gz", rank=1)
    if len(pixels) != len(labels):
        raise DatasetCorrupt(f"{folder}: {split} has {len(pixels)} images and {len(labels)} labels")
    return pixels[..., np.newaxis], labels


def _read_idx(path: Path, rank: int) -> NDArray[np.uint8]:
    """IDX: two zero bytes, element type, rank, big-endian 32-bit sizes, elements."""
    content = _uncompressed(path)
    header = 4 + 4 * rank
    if len(content) < header or content[:4] != bytes((0, 0, _IDX_UNSIGNED_BYTE, rank)):
        raise DatasetCorrupt(f"{path}: not an IDX file of unsigned bytes of rank {rank}")
    sizes = [int(size) for size in np.frombuffer(content, dtype=">u4", count=rank, offset=4)]
    if len(content) != header + int(np.prod(sizes)):
        raise DatasetCorrupt(f"{path}: {len(content) - header} bytes of elements, sizes say {sizes}")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(sizes)


def _uncompressed(path: Path) -> bytes:
    if not path.is_file():
        raise DatasetMissing(f"{path}: no such file; install the Debian package dataset-fashion-mnist")
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise DatasetCorrupt(f"{path}: not a complete gzip file: {error}") from error
