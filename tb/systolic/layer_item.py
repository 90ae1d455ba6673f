"""Constrained-random layers for the systolic array: one randomised item is one small graph.

The item's classes (kernel, stride, padding, precision, fusion, tiles) are what the coverage crosses; a
stratum fixes some of them, so that a run of consecutive items visits every combination.
"""

# ruff: noqa: B015  (a comparison in a constraint is its rule)

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import vsc
from vsc.model.rand_state import RandState

from rtl.systolic.config import Config
from rtl.systolic.isa import Sparsity

vsc.set_solver_backend("dv-solve")  # the default one is many times slower

LARGEST_MAP = 40
_TWO_TILES = (5, 12)  # sides of maps that are cut in two more often than others
MOST_OVER = 8  # times its budget that a layer on a given map may take
MAP_LIMITS = (LARGEST_MAP, 24, 14, 9, 6)  # of successive draws, until one is cheap enough


class Operator(IntEnum):
    CONVOLUTION = 0
    FULLY_CONNECTED = 1
    ADD = 2
    MAX_POOL = 3
    AVERAGE_POOL = 4


class Kernel(IntEnum):
    ONE = 0
    THREE = 1
    SQUARE = 2
    NOT_SQUARE = 3


class Stride(IntEnum):
    ONE = 0
    TWO = 1
    MORE = 2


class Precision(IntEnum):
    """Bits of map and weights."""

    INT8 = 0
    INT4 = 1
    MAP8_WEIGHTS4 = 2
    MAP4_WEIGHTS8 = 3


class Fusion(IntEnum):
    NONE = 0
    ACTIVATION = 1
    ADD = 2
    POOL = 3


class Tiles(IntEnum):
    """How many tiles a dimension is cut into."""

    ONE = 0
    TWO = 1
    MORE = 2  # and the last one is smaller


class Corner(IntEnum):
    """Pattern of the data."""

    RANDOM = 0
    LOWEST = 1
    HIGHEST = 2
    ZERO_POINT = 3
    CHECKERBOARD = 4
    SPARSE = 5


@dataclass(frozen=True)
class LayerShape:
    """A randomised layer. kernel, stride: (y, x); padding: (top, left, bottom, right)."""

    operator: Operator
    precision: Precision
    sparsity: Sparsity
    fusion: Fusion
    corner: Corner
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    height: int
    width: int
    in_channels: int
    out_channels: int

    @property
    def result(self) -> tuple[int, int]:
        """Height and width of the convolution's result."""
        top, left, bottom, right = self.padding
        return (
            (self.height + top + bottom - self.kernel[0]) // self.stride[0] + 1,
            (self.width + left + right - self.kernel[1]) // self.stride[1] + 1,
        )

    def cycles(self, config: Config) -> int:
        """About how long the array is busy."""
        lanes = config.rows << self.sparsity
        if self.operator is Operator.FULLY_CONNECTED:
            features = self.height * self.width * self.in_channels
            return 4 * -(-features // lanes) * -(-self.out_channels // config.columns) * config.rows
        passes = {Precision.INT8: 4, Precision.INT4: 1}.get(self.precision, 2)
        pieces = self.kernel[0] * -(-self.kernel[1] * self.in_channels // lanes)
        pixels = self.result[0] * self.result[1]
        return passes * pieces * -(-self.out_channels // config.columns) * pixels


VARIABLES = (
    *(
        "operator",
        "kernel",
        "stride",
        "padded",
        "precision",
        "sparsity",
        "fusion",
        "corner",
        "input_tiles",
        "output_tiles",
    ),
    *("kernel_y", "kernel_x", "stride_y", "stride_x", "height", "width", "top", "left", "bottom", "right"),
    *("in_channels", "out_channels"),
)


@vsc.randobj
class LayerItem:
    """The random variables and their rules. rows, columns: of the array, so that tiles come out as asked."""

    set_randstate: Any
    randomize_with: Any
    operator: Any
    kernel: Any
    stride: Any
    padded: Any
    precision: Any
    sparsity: Any
    fusion: Any
    corner: Any
    input_tiles: Any
    output_tiles: Any
    kernel_y: Any
    kernel_x: Any
    stride_y: Any
    stride_x: Any
    height: Any
    width: Any
    top: Any
    left: Any
    bottom: Any
    right: Any
    in_channels: Any
    out_channels: Any

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        for name in VARIABLES:
            setattr(self, name, vsc.rand_uint8_t())

    @vsc.constraint
    def classes(self) -> None:
        self.operator < len(Operator)
        self.kernel < len(Kernel)
        self.stride < len(Stride)
        self.padded < 2
        self.precision < len(Precision)
        self.sparsity < len(Sparsity)
        self.fusion < len(Fusion)
        self.corner < len(Corner)
        self.input_tiles < len(Tiles)
        self.output_tiles < len(Tiles)
        vsc.dist(self.operator, [vsc.weight(0, 70), vsc.weight(1, 10), vsc.weight((2, 4), 20)])
        vsc.dist(self.corner, [vsc.weight(0, 60), vsc.weight((1, len(Corner) - 1), 40)])

    @vsc.constraint
    def kernels(self) -> None:
        self.kernel_y.inside(vsc.rangelist((1, 11)))
        self.kernel_x.inside(vsc.rangelist((1, 11)))
        with vsc.if_then(self.kernel == Kernel.ONE):
            self.kernel_y == 1
            self.kernel_x == 1
        with vsc.else_if(self.kernel == Kernel.THREE):
            self.kernel_y == 3
            self.kernel_x == 3
        with vsc.else_if(self.kernel == Kernel.SQUARE):
            self.kernel_y == self.kernel_x
            self.kernel_y.not_inside(vsc.rangelist(1, 3))
        with vsc.else_then:
            self.kernel_y != self.kernel_x

    @vsc.constraint
    def strides(self) -> None:
        self.stride_y.inside(vsc.rangelist((1, 4)))
        self.stride_x.inside(vsc.rangelist((1, 4)))
        with vsc.if_then(self.stride == Stride.ONE):
            self.stride_y == 1
            self.stride_x == 1
        with vsc.else_if(self.stride == Stride.TWO):
            self.stride_y == 2
            self.stride_x == 2
        with vsc.else_then:
            self.stride_y > 2
            self.stride_x > 1

    @vsc.constraint
    def paddings(self) -> None:
        for side, kernel in (
            (self.top, self.kernel_y),
            (self.bottom, self.kernel_y),
            (self.left, self.kernel_x),
            (self.right, self.kernel_x),
        ):
            side <= kernel
            side <= 5
        with vsc.if_then(self.padded == 0):
            self.top == 0
            self.left == 0
            self.bottom == 0
            self.right == 0
        with vsc.else_then:
            self.top + self.left + self.bottom + self.right > 0

    @vsc.constraint
    def maps(self) -> None:
        self.height.inside(vsc.rangelist((1, LARGEST_MAP)))
        self.width.inside(vsc.rangelist((1, LARGEST_MAP)))
        self.kernel_y <= self.height + self.top + self.bottom
        self.kernel_x <= self.width + self.left + self.right

    @vsc.constraint
    def channels(self) -> None:
        self._cut(self.output_tiles, self.out_channels, self.columns)
        for sparsity in Sparsity:
            with vsc.if_then(self.sparsity == sparsity):
                self._cut(self.input_tiles, self.in_channels, self.rows << sparsity)

    @vsc.constraint
    def blocks(self) -> None:
        """A kernel row of few elements has too few weights for a denser mode."""
        for sparsity, least in ((Sparsity.DENSE, 3), (Sparsity.TWO_OF_FOUR, 2)):
            with vsc.if_then(self.sparsity == sparsity), vsc.if_then(self.kernel_x < least):
                self.in_channels >= least

    def _cut(self, tiles: Any, channels: Any, lanes: int) -> None:
        with vsc.if_then(tiles == Tiles.ONE):
            channels.inside(vsc.rangelist((1, lanes)))
        with vsc.else_if(tiles == Tiles.TWO):
            channels.inside(vsc.rangelist((lanes + 1, 2 * lanes)))
        with vsc.else_then:
            channels.inside(vsc.rangelist((2 * lanes + 1, 3 * lanes - 1)))


class LayerSource:
    """Layers by seed: the same seed and stratum give the same layer."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._item = LayerItem(config.rows, config.columns)

    def layer(self, seed: int, stratum: Mapping[str, int], budget: int) -> LayerShape:
        """A layer with the classes that `stratum` fixes, of about `budget` cycles at most if a small map
        makes it so."""
        self._item.set_randstate(RandState.mkFromSeed(seed))
        shape = self._draw(stratum, MAP_LIMITS[0])
        for limit in MAP_LIMITS[1:]:
            if shape.cycles(self.config) <= budget or {"height", "pixel_tiles"} & set(stratum):
                break
            shape = self._draw(stratum, limit)
        return shape

    def layer_on(
        self, seed: int, size: tuple[int, int, int], budget: int, stratum: Mapping[str, int] | None = None
    ) -> LayerShape:
        """A layer with the classes that `stratum` fixes, whose map has this height, width and number of channels;
        1x1 where the rules allow no other, or where it would take far more than `budget` cycles."""
        height, width, channels = size
        least = LayerShape(
            Operator.CONVOLUTION, Precision.INT4, Sparsity.DENSE, Fusion.NONE, Corner.RANDOM, (1, 1), (1, 1),
            (0, 0, 0, 0), height, width, channels, self.config.columns,
        )  # fmt: skip
        if max(height, width) > LARGEST_MAP or channels >= 3 * self.config.rows:
            return least
        fixed = {"height": height, "width": width, "in_channels": channels, **(stratum or {})}
        shape = self.layer(seed, fixed, budget)
        # A fully connected layer on a large map has more weights than a slow memory can bring in time.
        return least if shape.cycles(self.config) > MOST_OVER * budget else shape

    def _draw(self, stratum: Mapping[str, int], limit: int) -> LayerShape:
        low, high = self._sides(stratum.get("pixel_tiles"), limit)
        with self._item.randomize_with() as item:
            item.height.inside(vsc.rangelist((low, high)))
            item.width.inside(vsc.rangelist((low, high)))
            for name, value in stratum.items():
                if name != "pixel_tiles":
                    getattr(item, name) == value
        return self._shape(self._item)

    def _sides(self, pixel_tiles: int | None, limit: int) -> tuple[int, int]:
        """Least and greatest height and width of a map that is cut into so many tiles. The compiler cuts long before
        a bank of accumulators is full, so that the post-processor works on one tile while the array fills the next."""
        one, two = (math.isqrt(part * self.config.bank_accumulators) for part in (1, 2))
        bounds = {
            Tiles.ONE: (1, max(2, one // 4)),
            Tiles.TWO: _TWO_TILES,
            Tiles.MORE: (two + 2, LARGEST_MAP),
        }
        return (1, limit) if pixel_tiles is None else bounds[Tiles(pixel_tiles)]

    def _shape(self, item: Any) -> LayerShape:
        return LayerShape(
            operator=Operator(int(item.operator)),
            precision=Precision(int(item.precision)),
            sparsity=Sparsity(int(item.sparsity)),
            fusion=Fusion(int(item.fusion)),
            corner=Corner(int(item.corner)),
            kernel=(int(item.kernel_y), int(item.kernel_x)),
            stride=(int(item.stride_y), int(item.stride_x)),
            padding=(int(item.top), int(item.left), int(item.bottom), int(item.right)),
            height=int(item.height),
            width=int(item.width),
            in_channels=int(item.in_channels),
            out_channels=int(item.out_channels),
        )
