"""Pipelines of binary layers: a list of layers is a configuration. Plain data: standard library only.

Every layer is a convolution: a fully connected layer has a kernel as large as its map. An engine takes one step a
cycle: `uf` products for each of `p` neighbouring outputs of one filter. A step is a kernel row (or all of them, in the
first layer) by a slice of the input channels; the channels of a map stand in chunks of CHUNK.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any
from zlib import crc32

CHUNK = 32  # channels of a map that stand side by side in memory
WORD_BITS = 256  # of the stream that loads weights and parameters
PARAMETER_BITS = 32  # threshold, flip, minimum of a filter
SCORE_PARAMETER_BITS = 64  # offset and factor of a filter of the last layer
FACTOR_BITS = 16
SCORE_BITS = 32
THRESHOLD_BITS = 24
FLIP, MINIMUM = 24, 25  # their bits in a parameter
ONE_BIT = 1
INPUT_BITS = (6, 8)
NUMBER_WORD = 64  # bits that numbers are added in, side by side
MOST_LAYERS = 64


class ConfigError(ValueError):
    """A configuration that breaks a rule; the message names the layer and the rule."""


@dataclass(frozen=True)
class Layer:
    """One engine: its layer and its parallelism.

    height, width, channels: of the map that it reads; filters: channels of what it makes; kernel, stride: (height,
    width); padding: (top, left, bottom, right); padding_value: 0 is real zero, 1 or -1 a bit; pool: (height, width) of
    windows side by side, what is left over at the edges is dropped; uf: products a cycle for one output; p: outputs
    in parallel, a divisor of the output's width; input_bits: 1, or 6 or 8 in the first layer; scores: no sign, the
    results are 32-bit numbers.
    """

    name: str
    height: int
    width: int
    channels: int
    filters: int
    kernel: tuple[int, int]
    uf: int
    p: int
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    padding_value: int = 0
    pool: tuple[int, int] = (1, 1)
    input_bits: int = ONE_BIT
    scores: bool = False

    def __post_init__(self) -> None:
        self._check_shape()
        self._check_kind()
        self._check_parallelism()

    def _require(self, holds: bool, rule: str) -> None:
        if not holds:
            raise ConfigError(f"layer {self.name}: {rule}")

    def _check_shape(self) -> None:
        sizes = (self.height, self.width, self.channels, self.filters, *self.kernel, *self.stride, *self.pool)
        self._require(
            min(sizes) >= 1 and min(self.padding) >= 0, "sizes must be at least 1, padding at least 0"
        )
        for before, after, kernel in ((0, 2, 0), (1, 3, 1)):
            most = self.kernel[kernel] - 1
            self._require(
                max(self.padding[before], self.padding[after]) <= most,
                f"padding must be at most {most}, a kernel less one",
            )
        self._require(min(self.out_height, self.out_width) >= 1, "the kernel does not fit the map")
        self._require(min(self.map_height, self.map_width) >= 1, "the pool does not fit the map")
        self._require(
            self.fan_in < 1 << (THRESHOLD_BITS - 9), f"{self.fan_in} inputs of a filter are too many"
        )

    def _check_kind(self) -> None:
        self._require(
            self.input_bits in (ONE_BIT, *INPUT_BITS), f"input_bits is {self.input_bits}, must be 1, 6 or 8"
        )
        self._require(self.padding_value in (-1, 0, 1), "padding_value must be 0, 1 or -1")
        self._require(self.binary or self.padding_value == 0, "a map of numbers is padded with 0")
        self._require(
            not self.scores or (self.pool == (1, 1) and self.p == 1), "scores are not pooled, and have p = 1"
        )

    def _check_parallelism(self) -> None:
        self._require(
            self.out_width % self.p == 0, f"p is {self.p}, must divide the output's width, {self.out_width}"
        )
        whole = self.groups == 1 or self.p % self.pool[1] == 0
        self._require(whole, f"p is {self.p}, must be a multiple of the pool's width or the output's width")
        self._check_products()
        self._require(
            self.pool[0] == 1 or self.least_steps >= 2,
            "rows that are pooled must take 2 steps at least: more filters, groups or slices",
        )

    def _check_products(self) -> None:
        row = self.kernel[1] * self.channels
        if not self.binary:
            allowed = f"{row} (a kernel row) or {self.kernel[0] * row} (all of them)"
            self._require(self.uf in (row, self.kernel[0] * row), f"uf is {self.uf}, must be {allowed}")
            self._check_numbers(row)
            return
        cut, rest = divmod(self.uf, self.kernel[1] * CHUNK)
        fits = self.uf == row or (rest == 0 and 0 < cut < self.planes and self.planes % cut == 0)
        self._require(
            fits, f"uf is {self.uf}, must be {row} (a kernel row), or a part of it in whole chunks of {CHUNK}"
        )
        whole = self.slices == 1 or self.channels % CHUNK == 0
        self._require(
            self.padding_value != 1 or whole,
            f"padded with 1 and cut into slices, channels must be a multiple of {CHUNK}, not {self.channels}",
        )

    def _check_numbers(self, row: int) -> None:
        """Two numbers of each word are added into one field of twice their bits."""
        fields = NUMBER_WORD // (2 * self.input_bits)
        words = self.rows_at_once * -(-row // (2 * fields))
        most = ((1 << 2 * self.input_bits) - 1) // (2 * ((1 << self.input_bits) - 1))
        self._require(
            words <= most,
            f"a step of numbers takes {words} words of {2 * fields}, at most {most} can be added",
        )

    @property
    def binary(self) -> bool:
        """The map that it reads has one bit an element."""
        return self.input_bits == ONE_BIT

    @property
    def out_height(self) -> int:
        return (self.height + self.padding[0] + self.padding[2] - self.kernel[0]) // self.stride[0] + 1

    @property
    def out_width(self) -> int:
        return (self.width + self.padding[1] + self.padding[3] - self.kernel[1]) // self.stride[1] + 1

    @property
    def map_height(self) -> int:
        """Of what it makes, pooled."""
        return self.out_height // self.pool[0]

    @property
    def map_width(self) -> int:
        return self.out_width // self.pool[1]

    @property
    def pooled(self) -> bool:
        return self.pool != (1, 1)

    @property
    def fan_in(self) -> int:
        """Products of one output."""
        return self.kernel[0] * self.kernel[1] * self.channels

    @property
    def largest_sum(self) -> int:
        """No sum of products is larger than this, or smaller than its negative."""
        return self.fan_in << (self.input_bits - 1)

    @property
    def chunk(self) -> int:
        """Channels side by side in the memory of the map that it reads."""
        return min(CHUNK, self.channels) if self.binary else self.channels

    @property
    def planes(self) -> int:
        """Chunks of the map that it reads; the last may be filled up with zeros."""
        return -(-self.channels // self.chunk)

    @property
    def lanes(self) -> int:
        """Chunks of one pixel that a step takes."""
        return (
            self.planes if self.uf >= self.kernel[1] * self.channels else self.uf // (self.kernel[1] * CHUNK)
        )

    @property
    def slices(self) -> int:
        """Steps that a kernel row takes, one behind the other, along the channels."""
        return self.planes // self.lanes

    @property
    def rows_at_once(self) -> int:
        """Kernel rows of a step: all or one."""
        return self.kernel[0] if not self.binary and self.uf == self.fan_in else 1

    @property
    def row_steps(self) -> int:
        """Steps for all rows of a kernel."""
        return self.kernel[0] // self.rows_at_once

    @property
    def least_steps(self) -> int:
        """Steps of the row of outputs with the fewest: kernel rows that a zero padding holds are left out."""
        rows = self.row_steps
        if rows > 1 and self.padding_value == 0:
            tops = [y * self.stride[0] - self.padding[0] for y in range(self.out_height)]
            rows = min(min(top + self.kernel[0], self.height) - max(top, 0) for top in tops)
        return rows * self.filters * self.groups * self.slices

    @property
    def groups(self) -> int:
        """Groups of `p` outputs in a row."""
        return self.out_width // self.p

    @property
    def group_width(self) -> int:
        """Pixels of a group after pooling."""
        return self.p // self.pool[1]

    @property
    def weight_words(self) -> int:
        """Depth of the weight memory: steps of all filters."""
        return self.filters * self.row_steps * self.slices

    @property
    def step_bits(self) -> int:
        """Weights of one step: by kernel row if it takes all, kernel column, channel of the slice."""
        return self.rows_at_once * self.kernel[1] * self.lanes * self.chunk

    @property
    def weight_bits(self) -> int:
        """Bits of a step's weights in the stream: a power of two, or whole words."""
        return stream_bits(self.step_bits)

    @property
    def parameter_bits(self) -> int:
        return SCORE_PARAMETER_BITS if self.scores else PARAMETER_BITS

    @property
    def stream_words(self) -> tuple[int, int]:
        """Words of the stream for weights and for parameters."""
        weights = -(-self.weight_words * self.weight_bits // WORD_BITS)
        return weights, -(-self.filters * self.parameter_bits // WORD_BITS)


def stream_bits(bits: int) -> int:
    """The bits that an entry of `bits` bits takes in the stream."""
    return 1 << (bits - 1).bit_length() if bits <= WORD_BITS else -(-bits // WORD_BITS) * WORD_BITS


@dataclass(frozen=True)
class Config:
    """A pipeline. memory_bytes: width of the memory port."""

    name: str
    memory_bytes: int
    layers: tuple[Layer, ...]
    clock_mhz: int = 90

    def __post_init__(self) -> None:
        if self.memory_bytes not in (8, 16, 32, 64):
            raise ConfigError(f"{self.name}: memory_bytes is {self.memory_bytes}, must be 8, 16, 32 or 64")
        if not 1 <= len(self.layers) <= MOST_LAYERS:
            raise ConfigError(f"{self.name}: {len(self.layers)} layers, must be 1 to {MOST_LAYERS}")
        for layer, following in zip(self.layers, self.layers[1:], strict=False):
            self._check_pair(layer, following)
        if self.layers[0].binary or not self.layers[-1].scores:
            raise ConfigError(f"{self.name}: the first layer must read numbers, the last must make scores")

    def _check_pair(self, layer: Layer, following: Layer) -> None:
        made = layer.map_height, layer.map_width, layer.filters
        read = following.height, following.width, following.channels
        if made != read:
            raise ConfigError(f"{self.name}: layer {layer.name} makes {made}, {following.name} reads {read}")
        if layer.scores or not following.binary:
            raise ConfigError(f"{self.name}: only the last layer makes scores, only the first reads numbers")

    @property
    def hash(self) -> int:
        """32 bits that hardware and program must agree on."""
        return crc32(repr(("bcnn", 1, self.memory_bytes, self.clock_mhz, self.layers)).encode())

    @property
    def elements(self) -> int:
        """Products a cycle of all engines together."""
        return sum(layer.uf * layer.p for layer in self.layers)

    @property
    def stream_words(self) -> int:
        """256-bit words that CONFIGURE loads: of each layer its weights, then its parameters."""
        return sum(sum(layer.stream_words) for layer in self.layers)

    @property
    def input_bytes(self) -> int:
        """Of an image, a byte an element."""
        first = self.layers[0]
        return first.height * first.width * first.channels

    @property
    def scores(self) -> int:
        """Numbers that an image results in."""
        last = self.layers[-1]
        return last.out_height * last.out_width * last.filters

    @property
    def event_lanes(self) -> int:
        """Layers that may end in one cycle."""
        return len(self.layers)

    @property
    def taps(self) -> int:
        """Observation taps: of each layer the results before pooling, then, if it pools, those after it."""
        return sum(1 + layer.pooled for layer in self.layers)

    def tap(self, number: int) -> int:
        """The tap that shows a layer's results before pooling; the next one shows them after it."""
        return sum(1 + layer.pooled for layer in self.layers[:number])

    @property
    def tap_lane_bits(self) -> int:
        """Bits of a lane of a tap: a chunk of channels of one pixel, or a score."""
        return CHUNK

    @property
    def tap_bytes(self) -> int:
        """Bytes that one tap shows in a cycle."""
        return CHUNK // 8 * max(layer.p for layer in self.layers)


def to_json(config: Config) -> str:
    """The configuration as a file; its name is the file's."""
    return json.dumps({name: value for name, value in asdict(config).items() if name != "name"}, indent=1)


def from_json(text: str, name: str) -> Config:
    """The configuration that a file says. Raises ConfigError."""
    try:
        raw = json.loads(text)
        layers = tuple(_layer(layer) for layer in raw.pop("layers"))
        return Config(name=name, layers=layers, **raw)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(str(error)) from None


def _layer(raw: dict[str, Any]) -> Layer:
    kinds = {field.name: field.type for field in fields(Layer)}
    return Layer(
        **{
            name: tuple(value) if str(kinds.get(name)).startswith("tuple") else value
            for name, value in raw.items()
        }
    )


def _conv(name: str, size: int, channels: int, filters: int, uf: int, p: int, **changes: Any) -> Layer:
    """A 3x3 convolution of a square map."""
    return Layer(name, size, size, channels, filters, (3, 3), uf, p, **changes)


def _full(name: str, size: int, channels: int, filters: int, uf: int, scores: bool = False) -> Layer:
    """A fully connected layer of a square map."""
    return Layer(name, size, size, channels, filters, (size, size), uf, 1, scores=scores)


_SAME: dict[str, Any] = {"padding": (1, 1, 1, 1)}
_POOL: dict[str, Any] = {"pool": (2, 2)}

PAPER = (
    _conv("conv1", 32, 3, 128, 27, 32, input_bits=6, **_SAME),
    _conv("conv2", 32, 128, 128, 384, 32, **_SAME, **_POOL),
    _conv("conv3", 16, 128, 256, 384, 16, **_SAME),
    _conv("conv4", 16, 256, 256, 768, 16, **_SAME, **_POOL),
    _conv("conv5", 8, 256, 512, 768, 8, **_SAME),
    _conv("conv6", 8, 512, 512, 1536, 8, **_SAME, **_POOL),
    _full("fc1", 4, 512, 1024, 1024),
    _full("fc2", 1, 1024, 1024, 128),
    _full("fc3", 1, 1024, 10, 32, scores=True),
)
CNV = (
    _conv("conv1", 32, 3, 64, 27, 30, input_bits=8),
    _conv("conv2", 30, 64, 64, 192, 28, **_POOL),
    _conv("conv3", 14, 64, 128, 192, 12),
    _conv("conv4", 12, 128, 128, 384, 10, **_POOL),
    _conv("conv5", 5, 128, 256, 384, 3),
    _conv("conv6", 3, 256, 256, 768, 1),
    _full("fc1", 1, 256, 512, 128),
    _full("fc2", 1, 512, 512, 128),
    _full("fc3", 1, 512, 10, 32, scores=True),
)


def _fashion(*parallelism: tuple[int, int]) -> tuple[Layer, ...]:
    """The network of golden/networks/fashion, with (uf, p) of each layer."""
    (first, *_, last), middle = parallelism, parallelism[1:-2]
    shapes = ((28, 32, 32, _SAME | _POOL), (14, 32, 64, _SAME), (14, 64, 64, _SAME | _POOL))
    return (
        _conv("conv1", 28, 1, 32, *first, input_bits=8, **_SAME),
        *(
            _conv(f"conv{number}", size, channels, filters, *sizes, **changes)
            for number, ((size, channels, filters, changes), sizes) in enumerate(
                zip(shapes, middle, strict=True), 2
            )
        ),
        _full("fc1", 7, 64, 128, parallelism[-2][0]),
        _full("fc2", 1, 128, 10, last[0], scores=True),
    )


MINI = (
    _conv("conv1", 12, 2, 16, 6, 12, input_bits=8, **_SAME, **_POOL),
    _conv("conv2", 6, 16, 40, 48, 3, **_SAME),
    _conv("conv3", 6, 40, 24, 120, 2, padding=(1, 1, 1, 1), padding_value=-1, **_POOL),
    _full("fc1", 3, 24, 96, 72),
    _full("fc2", 1, 96, 10, 32, scores=True),
)

CONFIGS = {
    "mini": Config("mini", 8, MINI),
    "tiny": Config("tiny", 8, _fashion((3, 4), (96, 4), (96, 2), (192, 2), (224, 1), (32, 1))),
    "fashion": Config("fashion", 16, _fashion((9, 28), (96, 28), (96, 14), (192, 14), (448, 1), (32, 1))),
    "cnv": Config("cnv", 16, CNV),
    "paper": Config("paper", 16, PAPER),
}
ERRORS = ("CONFIG_MISMATCH", "BUS_READ", "BUS_WRITE", "WATCHDOG", "BAD_REQUEST")
DEVICE = "Virtex-7 XC7VX690T"
DEVICE_OPTIONS = "-family xc7"  # of Yosys' synth_xilinx
# Xilinx DS180, table 7. A LUT of a distributed RAM or shift register is one of the LUTs.
DEVICE_RESOURCES = {"LUT": 433_200, "FF": 866_400, "DSP": 3_600, "BRAM36": 1_470}
# arXiv 1702.06392; its "BRAM" are taken to be blocks of 36 Kb.
PUBLISHED_RESOURCES = {"paper": {"LUT": 342_126, "FF": 70_769, "DSP": 1_096, "BRAM36": 1_007}}
