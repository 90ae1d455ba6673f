"""What a layer engine holds, and how it stands in the stream: entries of weights, then a parameter for each filter.

Entries stand low bits first, several to a word or several words to an entry; each of the two sections begins with a
word of its own. Weights: entry (filter * row_steps + kernel row) * slices + slice has the weights of one step, 1 for
+1: bit (kernel column * lanes + lane) * chunk + b is for channel (slice * lanes + lane) * chunk + b, 0 beyond
the channels; where a step takes all kernel rows, they stand one behind the other. Parameters: bits 0 to 23 threshold,
24 flip, 25 minimum; of scores bits 0 to 31 offset, 32 to 47 factor; two's complement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rtl.bcnn.config import FACTOR_BITS, FLIP, MINIMUM, SCORE_BITS, THRESHOLD_BITS, WORD_BITS, Layer

Bits = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int32]
WORD_BYTES = WORD_BITS // 8
PARAMETERS = ("thresholds", "flips", "minima", "factors", "offsets")


@dataclass(frozen=True)
class Memories:
    """Contents of one layer. weights: int8 (filters, kernel height, kernel width, channels) of -1 and +1; the others
    (filters,): thresholds, flips and minima (0 or 1) of a layer with signs, factors and offsets of one with scores;
    what a layer does not have is zero."""

    weights: npt.NDArray[np.int8]
    thresholds: Numbers
    flips: Numbers
    minima: Numbers
    factors: Numbers
    offsets: Numbers


def weights_only(weights: npt.NDArray[np.int8], **parameters: npt.NDArray[Any]) -> Memories:
    """Memories with these parameters, all others zero."""
    none = np.zeros(len(weights), np.int32)
    given = {name: values.astype(np.int32) for name, values in parameters.items()}
    return Memories(weights, **dict.fromkeys(PARAMETERS, none) | given)


def pack(layer: Layer, memories: Memories) -> bytes:
    """The layer's sections of the stream, whole words."""
    weights = _words(_padded(_steps(layer, memories.weights > 0), layer.weight_bits))
    parameters = _scores(memories) if layer.scores else _thresholds(layer, memories)
    return weights + _filled(parameters.tobytes())


def unpack(layer: Layer, words: bytes) -> Memories:
    """The memories that a layer's sections of the stream hold: the reverse of `pack`."""
    weight_bytes = layer.stream_words[0] * WORD_BYTES
    bits = np.unpackbits(np.frombuffer(words[:weight_bytes], np.uint8), bitorder="little")
    entries = bits[: layer.weight_words * layer.weight_bits].reshape(layer.weight_words, layer.weight_bits)
    weights = np.where(_kernels(layer, entries[:, : layer.step_bits].astype(np.bool_)), 1, -1).astype(np.int8)
    parameters = np.frombuffer(words[weight_bytes:], "<u4")
    if layer.scores:
        return weights_only(weights, **_read_scores(parameters[: 2 * layer.filters]))
    return weights_only(weights, **_read_thresholds(parameters[: layer.filters]))


def _steps(layer: Layer, weights: Bits) -> Bits:
    """(filters, kernel height, kernel width, channels) to (entries, bits of a step), 0 beyond the channels."""
    missing = layer.planes * layer.chunk - layer.channels
    whole = np.pad(weights, ((0, 0), (0, 0), (0, 0), (0, missing)))
    split = whole.reshape(
        layer.filters,
        layer.row_steps,
        layer.rows_at_once,
        layer.kernel[1],
        layer.slices,
        layer.lanes,
        layer.chunk,
    )
    return split.transpose(0, 1, 4, 2, 3, 5, 6).reshape(layer.weight_words, layer.step_bits)


def _kernels(layer: Layer, steps: Bits) -> Bits:
    """The reverse of `_steps`."""
    split = steps.reshape(
        layer.filters,
        layer.row_steps,
        layer.slices,
        layer.rows_at_once,
        layer.kernel[1],
        layer.lanes,
        layer.chunk,
    )
    kernels = split.transpose(0, 1, 3, 4, 2, 5, 6).reshape(layer.filters, *layer.kernel, -1)
    return kernels[..., : layer.channels]


def _padded(entries: Bits, bits: int) -> Bits:
    return np.pad(entries, ((0, 0), (0, bits - entries.shape[1])))


def _words(entries: Bits) -> bytes:
    return _filled(np.packbits(entries.reshape(-1), bitorder="little").tobytes())


def _filled(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // WORD_BYTES) * WORD_BYTES, b"\0")


def _thresholds(layer: Layer, memories: Memories) -> npt.NDArray[np.uint32]:
    """No sum reaches a threshold of largest_sum + 1, every one reaches -largest_sum: beyond them nothing changes."""
    clipped = np.clip(memories.thresholds, -layer.largest_sum, layer.largest_sum + 1).astype(np.uint32)
    flags = memories.flips.astype(np.uint32) << FLIP | memories.minima.astype(np.uint32) << MINIMUM
    return (clipped & np.uint32((1 << THRESHOLD_BITS) - 1) | flags).astype("<u4")


def _read_thresholds(words: npt.NDArray[np.uint32]) -> dict[str, Numbers]:
    return {
        "thresholds": _signed(words, THRESHOLD_BITS),
        "flips": (words >> FLIP & 1).astype(np.int32),
        "minima": (words >> MINIMUM & 1).astype(np.int32),
    }


def _scores(memories: Memories) -> npt.NDArray[np.uint32]:
    factors = memories.factors.astype(np.uint32) & np.uint32((1 << FACTOR_BITS) - 1)
    return np.stack([memories.offsets.astype(np.uint32), factors], axis=1).astype("<u4")


def _read_scores(words: npt.NDArray[np.uint32]) -> dict[str, Numbers]:
    offsets, factors = words.reshape(-1, 2).T
    return {"offsets": _signed(offsets, SCORE_BITS), "factors": _signed(factors, FACTOR_BITS)}


def _signed(values: npt.NDArray[np.uint32], bits: int) -> Numbers:
    """Two's complement of the low `bits` bits."""
    unused = 32 - bits
    return (values << unused).astype(np.int32) >> unused
