"""The recorder's files, byte for byte."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from tb.records import EVENT, RecordReader, WriteRegion, beats, encode_regions, tap_type, write_type
from tb.uvc.layer import TapStore


def tap(lanes: int, layer: int, image: int, data: bytes) -> bytes:
    """A tap record as docs/architecture.md has it."""
    return struct.pack("<5I", lanes | 1 << 8 | layer << 16, 77, 0x40, 9, image) + data


def test_tap_record() -> None:
    (record,) = np.frombuffer(tap(3, 5, 2, bytes([1, 0xFF, 3, 4])), tap_type(4))
    assert (record["lanes"], record["tap"], record["layer"], record["cycle"]) == (3, 1, 5, 77)
    assert (record["address"], record["tag"], record["image"]) == (0x40, 9, 2)
    assert record["data"].tolist() == [1, -1, 3, 4]


def test_event_record() -> None:
    data = struct.pack("<4I9Q", 0 | 6 << 16, 123, 4, 0, *range(9))
    (record,) = np.frombuffer(data, EVENT)
    assert (record["layer"], record["cycle"], record["image"]) == (6, 123, 4)
    assert record["counters"].tolist() == list(range(9))


def test_write_record_size() -> None:
    assert write_type(16).itemsize == 20 + 16


def test_a_reader_gives_whole_records_once(tmp_path: Path) -> None:
    path = tmp_path / "taps.bin"
    whole = tap(4, 1, 0, b"abcd")
    path.write_bytes(whole + whole[:7])
    reader = RecordReader(path, tap_type(4))
    assert len(reader.read()) == 1
    path.write_bytes(whole + whole)
    assert len(reader.read()) == 1
    assert len(reader.read()) == 0


def test_taps_are_claimed_by_layer_image_and_cycle(tmp_path: Path) -> None:
    path = tmp_path / "taps.bin"
    path.write_bytes(b"".join(tap(4, layer, image, b"abcd") for layer in (0, 1) for image in (0, 1)))
    store = TapStore(path, 4)
    store.collect()
    assert len(store.claim(1, 0, 76)) == 0
    assert len(store.claim(1, 0, 77)) == 1
    assert len(store.claim(1, 0, 90)) == 0
    assert store.drop() == 3
    assert store.drop() == 0


def test_words_are_reversed_for_fread() -> None:
    assert beats(bytes(range(10)), 8) == bytes([7, 6, 5, 4, 3, 2, 1, 0]) + bytes([0] * 6 + [9, 8])


def test_regions_are_big_endian_words() -> None:
    assert encode_regions([WriteRegion(3, 0x10, 0x1F)]) == struct.pack(">3I", 3, 0x10, 0x1F)
