"""The binary files that tb/hdl/recorder.sv writes, as NumPy record arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtl.lib.registers import COUNTERS

Records = npt.NDArray[np.void]

ANY_LAYER = 0xFFFF
LAYER_TAGS = 4096
PROGRAM_TAG = 0xFFF

EVENT = np.dtype(
    [
        ("lane", "<u2"),
        ("layer", "<u2"),
        ("cycle", "<u4"),
        ("image", "<u4"),
        ("reserved", "<u4"),
        ("counters", "<u8", len(COUNTERS)),
    ]
)


def tap_type(tap_bytes: int) -> np.dtype[np.void]:
    """One record of taps.bin; `data` is signed, of which the first `lanes` values mean something."""
    head = [("lanes", "u1"), ("tap", "u1"), ("layer", "<u2"), ("cycle", "<u4"), ("address", "<u4")]
    return np.dtype([*head, ("tag", "<u4"), ("image", "<u4"), ("data", "i1", tap_bytes)])


def write_type(memory_bytes: int) -> np.dtype[np.void]:
    """One record of writes.bin: a write beat of which `strobe` tells the bytes that were written."""
    head = [("layer", "<u2"), ("id", "<u2"), ("cycle", "<u4"), ("address", "<u4")]
    return np.dtype([*head, ("strobe", "<u8"), ("data", "u1", memory_bytes)])


@dataclass
class RecordReader:
    """Reads a file that is still being written: each call gives the whole records added since the last
    one."""

    path: Path
    dtype: np.dtype[Any]
    offset: int = field(default=0)

    def read(self) -> Records:
        """The new records, at times none."""
        with FileIO(self.path) as file:  # unbuffered: this is called for every end of a layer
            file.seek(self.offset)
            data = file.readall()
        count = len(data) // self.dtype.itemsize
        self.offset += count * self.dtype.itemsize
        return np.frombuffer(data, self.dtype, count)


@dataclass(frozen=True)
class WriteRegion:
    """Bytes first..last of memory that a layer (or ANY_LAYER) may write."""

    layer: int
    first: int
    last: int


def encode_regions(regions: Sequence[WriteRegion]) -> bytes:
    """The file that the recorder's table is loaded from: three big-endian words a region."""
    rows = [(region.layer, region.first, region.last) for region in regions]
    return np.array(rows, dtype=">u4").tobytes()


def read_traffic(path: Path) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Bytes read and bytes written by layer tag, from traffic.bin."""
    words = np.fromfile(path, "<u4")
    return words[:LAYER_TAGS], words[LAYER_TAGS:]


def beats(data: bytes, memory_bytes: int) -> bytes:
    """A memory image as `$fread` wants it: in every word of the port the highest byte first."""
    padded = data + bytes(-len(data) % memory_bytes)
    return np.frombuffer(padded, np.uint8).reshape(-1, memory_bytes)[:, ::-1].tobytes()
