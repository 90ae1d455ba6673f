"""The device image of a pipeline: header, then the words that CONFIGURE loads; and its reading back."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from compiler.bcnn.memories import WORD_BYTES, Memories, pack, unpack
from compiler.errors import MalformedFile
from rtl.bcnn.config import SCORE_BITS, Config
from rtl.lib.registers import HEADER_MAGIC, HEADER_VERSION

HEADER = struct.Struct("<8I")


def device_image(config: Config, layers: Sequence[Memories]) -> bytes:
    """Everything that stands at PROG_ADDR. layers: contents, one for each of the configuration's."""
    start = aligned(HEADER.size, config)
    words = b"".join(pack(layer, memories) for layer, memories in zip(config.layers, layers, strict=True))
    sizes = (config.stream_words, image_input_bytes(config), image_output_bytes(config), start)
    return HEADER.pack(HEADER_MAGIC, config.hash, *sizes, HEADER_VERSION, 0).ljust(start, b"\0") + words


def contents(image: bytes, config: Config) -> list[Memories]:
    """What each layer of a device image holds. Raises MalformedFile."""
    at, found = _start(image, config), []
    for layer in config.layers:
        length = sum(layer.stream_words) * WORD_BYTES
        found.append(unpack(layer, image[at : at + length]))
        at += length
    return found


def _start(image: bytes, config: Config) -> int:
    """Offset of the words in an image that was made for this configuration."""
    if len(image) < HEADER.size:
        raise MalformedFile(f"{len(image)} bytes are too few for a device image")
    magic, made_for, words, _, _, start, version, _ = HEADER.unpack_from(image)
    if magic != HEADER_MAGIC or version != HEADER_VERSION:
        raise MalformedFile("not a device image of this version")
    if made_for != config.hash:
        raise MalformedFile(f"made for configuration {made_for:#010x}, {config.name} is {config.hash:#010x}")
    if words != config.stream_words or start + words * WORD_BYTES > len(image):
        needed = f"{config.name} has {config.stream_words}"
        raise MalformedFile(f"{words} words at byte {start} of {len(image)}, {needed}")
    return int(start)


def image_input_bytes(config: Config) -> int:
    """From one input image to the next."""
    return aligned(config.input_bytes, config)


def image_output_bytes(config: Config) -> int:
    """From one output image to the next."""
    return aligned(score_bytes(config), config)


def score_bytes(config: Config) -> int:
    """Of one image's scores."""
    return config.scores * SCORE_BITS // 8


def aligned(size: int, config: Config) -> int:
    """`size` bytes as whole words of the memory port."""
    return -(-size // config.memory_bytes) * config.memory_bytes
