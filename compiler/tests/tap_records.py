"""A program of a map of bits and of scores, and the records with which taps show the map."""

from __future__ import annotations

import numpy as np

from compiler.observation import Records
from compiler.program import Geometry, Layer, Observation, Placement, Program
from golden.ir import Array

LANE_BITS, PLANE = 32, 32
TAP_BYTES = 128
SCORES = np.array([-(1 << 31), -1, 0, 7, (1 << 31) - 1, 12345, -99999], np.int32)
HEAD = [("lanes", "u1"), ("tap", "u1"), ("layer", "<u2"), ("cycle", "<u4"), ("address", "<u4")]
RECORD = np.dtype([*HEAD, ("tag", "<u4"), ("image", "<u4"), ("data", "i1", TAP_BYTES)])


def program(height: int, width: int, channels: int) -> Program:
    """Layer 0 shows a map of bits in planes of 32 channels on tap 3, layer 1 shows scores on tap 4."""
    row = width * channels
    shown = tuple(
        Observation(
            plane,
            Geometry(
                "map", 3, 0, width, PLANE * plane, row, channels,
                bits=1, run=min(PLANE, channels - PLANE * plane), lane_pitch=channels,
            ),
        )
        for plane in range(-(-channels // PLANE))
    )  # fmt: skip
    score = Observation(0, Geometry("scores", 4, 0, len(SCORES), 0, 0, 1, bits=32))
    shapes = {"map": (1, height, width, channels), "scores": (1, len(SCORES))}
    layers = tuple(
        Layer(name, (name,), 1, 1, {name: shapes[name]}, {name: name}, (), seen)
        for name, seen in (("map", shown), ("scores", (score,)))
    )
    places = (Placement("x", (1, 4), 0),), (Placement("scores", shapes["scores"], 0, 32),)
    return Program("", "", 0, "net", TAP_BYTES, 8, 32, 1, *places, layers, b"", LANE_BITS)


def map_records(bits: Array, pixels: int) -> Records:
    """What an engine shows of a map of +1 and -1, `pixels` of a row at a time, plane by plane."""
    _, height, width, channels = bits.shape
    found = []
    for plane in range(0, channels, PLANE):
        for place in range(0, height * width, pixels):
            part = bits.reshape(-1, channels)[place : place + pixels, plane : plane + PLANE] > 0
            lanes = np.zeros((len(part), PLANE), np.uint8)
            lanes[:, : part.shape[1]] = part
            packed = np.packbits(lanes, axis=1, bitorder="little").reshape(-1)
            record = np.zeros(1, RECORD)
            record["lanes"], record["tap"], record["tag"], record["address"] = (
                len(part),
                3,
                plane // PLANE,
                place,
            )
            record["data"][0, : packed.size] = packed.view(np.int8)
            found.append(record)
    return np.concatenate(found)


def random_bits(height: int, width: int, channels: int) -> Array:
    """A map of +1 and -1."""
    random = np.random.default_rng(1)
    return np.where(random.integers(0, 2, (1, height, width, channels)), 1, -1).astype(np.int8)
