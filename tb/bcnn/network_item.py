"""Constrained-random pipelines: each layer is a randomised item, drawn from the last to the first.

A layer's item is given the map that it must make, which the layer behind it reads; its own map follows from kernel,
stride, padding and pool. So every class of the last layer can be had, whatever stands before it.
"""

# ruff: noqa: B015  (a comparison in a constraint is its rule)

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from enum import IntEnum
from io import StringIO
from typing import Any

import vsc
from vsc.model.rand_state import RandState
from vsc.model.solve_failure import SolveFailure

from rtl.bcnn.config import CHUNK, Config, ConfigError, Layer

vsc.set_solver_backend("dv-solve")  # the default one is many times slower

REDRAWS = 30
PATIENT = 4  # redraws before a pipeline is had without pools, or slow
MOST_STEPS = 1200  # of one layer for an image, if it can be had
MOST_SCORES = 20  # filters of the last layer
PORTS = (8, 8, 16, 32, 64)
# Sides of maps of successive draws.
SIDES = {"middle": ((7, 8), (12, 12), (20, 20)), "first": ((12, 12), (20, 20), (40, 40))}
LAST, LOW = (5, 6), (3, 4)  # of the last map; if the layer before makes it of a map that is much larger, or slowly
DEAR = 200  # products of slices, groups and filters of such a layer are more than this
SOLVED = 1 << 12  # more rows than there can be


class Kernel(IntEnum):
    ONE = 0
    THREE = 1
    SQUARE = 2
    NOT_SQUARE = 3


class Stride(IntEnum):
    ONE = 0
    TWO = 1
    MORE = 2  # or not the same in both directions


class Padding(IntEnum):
    NONE = 0
    ZERO = 1
    PLUS = 2  # the bit of +1
    MINUS = 3


class Pool(IntEnum):
    NONE = 0
    TWO = 1
    SQUARE = 2
    NOT_SQUARE = 3


class Cut(IntEnum):
    """Into how many parts something is cut: channels into slices, a slice into chunks, a row into groups."""

    ONE = 0
    TWO = 1
    MORE = 2


VARIABLES = (
    *("kernel", "stride", "padding", "pool", "kernel_y", "kernel_x", "stride_y", "stride_x"),
    *("top", "left", "bottom", "right", "pool_y", "pool_x", "rest_y", "rest_x", "over_y", "over_x"),
    *("made_y", "made_x", "out_y", "out_x", "height", "width"),
)  # fmt: skip


@vsc.randobj
class LayerItem:
    """The random variables and their rules. made: the map that is made, out: before it is pooled; rest: rows and columns
    that no window of the pool takes; over: those that no kernel reaches, as a stride does not divide the map."""

    set_randstate: Any
    randomize_with: Any
    kernel: Any
    stride: Any
    padding: Any
    pool: Any
    kernel_y: Any
    kernel_x: Any
    stride_y: Any
    stride_x: Any
    top: Any
    left: Any
    bottom: Any
    right: Any
    pool_y: Any
    pool_x: Any
    rest_y: Any
    rest_x: Any
    over_y: Any
    over_x: Any
    made_y: Any
    made_x: Any
    out_y: Any
    out_x: Any
    height: Any
    width: Any

    def __init__(self) -> None:
        for name in VARIABLES:
            setattr(self, name, vsc.rand_uint16_t())

    @vsc.constraint
    def kernels(self) -> None:
        self.kernel < len(Kernel)
        self.kernel_y.inside(vsc.rangelist((1, 5)))
        self.kernel_x.inside(vsc.rangelist((1, 5)))
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
        self.stride < len(Stride)
        self.stride_y.inside(vsc.rangelist((1, 4)))
        self.stride_x.inside(vsc.rangelist((1, 4)))
        with vsc.if_then(self.stride == Stride.ONE):
            self.stride_y == 1
            self.stride_x == 1
        with vsc.else_if(self.stride == Stride.TWO):
            self.stride_y == 2
            self.stride_x == 2
        with vsc.else_then:
            self.stride_y + self.stride_x > 2
            (self.stride_y != self.stride_x) | (self.stride_y > 2)

    @vsc.constraint
    def paddings(self) -> None:
        self.padding < len(Padding)
        for side, kernel in (
            (self.top, self.kernel_y),
            (self.bottom, self.kernel_y),
            (self.left, self.kernel_x),
            (self.right, self.kernel_x),
        ):
            side < kernel
        with vsc.if_then(self.padding == Padding.NONE):
            self.top + self.left + self.bottom + self.right == 0
        with vsc.else_then:
            self.top + self.left + self.bottom + self.right > 0

    @vsc.constraint
    def pools(self) -> None:
        self.pool < len(Pool)
        self.pool_y.inside(vsc.rangelist((1, 3)))
        self.pool_x.inside(vsc.rangelist((1, 3)))
        with vsc.if_then(self.pool == Pool.NONE):
            self.pool_y == 1
            self.pool_x == 1
        with vsc.else_if(self.pool == Pool.TWO):
            self.pool_y == 2
            self.pool_x == 2
        with vsc.else_if(self.pool == Pool.SQUARE):
            self.pool_y == 3
            self.pool_x == 3
        with vsc.else_then:
            self.pool_y != self.pool_x
        self.rest_y < self.pool_y
        self.rest_x < self.pool_x

    @vsc.constraint
    def maps(self) -> None:
        """The kernel at its last place, and what is left over, is the map with its padding."""
        self.made_y >= 1
        self.made_x >= 1
        self.over_y < self.stride_y
        self.over_x < self.stride_x
        self.out_y == self.made_y * self.pool_y + self.rest_y
        self.out_x == self.made_x * self.pool_x + self.rest_x
        self.height >= 1
        self.width >= 1
        self.height + self.top + self.bottom + self.stride_y == (
            self.out_y * self.stride_y + self.kernel_y + self.over_y
        )
        self.width + self.left + self.right + self.stride_x == (
            self.out_x * self.stride_x + self.kernel_x + self.over_x
        )


@dataclass(frozen=True)
class Wanted:
    """What a layer is asked to be. classes: variables of its item; channels: their least and greatest number; slices: of
    the channels; groups: of the pixels of a row."""

    classes: Mapping[str, int]
    channels: tuple[int, int]
    slices: Cut
    groups: Cut
    input_bits: int = 1
    rows_at_once: bool = False
    full: bool = False  # the kernel is as large as the map


@dataclass(frozen=True)
class Room:
    """Within which a layer is drawn. sides: most of its map's height and width; rows: most of its outputs' by those of its
    kernel; parts: divide the width of its map."""

    sides: tuple[int, int]
    rows: int
    parts: int


def last_sides(before: Wanted, wanted: Wanted) -> tuple[int, int]:
    """Most of the last map's height and width."""
    asked = before.classes
    shrinks = asked.get("pool", Pool.NONE) != Pool.NONE or asked.get("stride", Stride.ONE) != Stride.ONE
    dear = (before.slices + 1) * (before.groups + 1) * wanted.channels[1] > DEAR
    return LOW if shrinks or dear else LAST


def unpooled(wanted: Wanted) -> Wanted:
    """The same without a pool: a map that large strides and pools make small would be too large."""
    kept = {name: value for name, value in wanted.classes.items() if not name.startswith("rest")}
    return replace(wanted, classes={**kept, "pool": int(Pool.NONE)})


def slowest(config: Config) -> int:
    """Steps of the slowest layer for an image, none of them left out."""
    return max(
        layer.out_height * layer.groups * layer.filters * layer.row_steps * layer.slices
        for layer in config.layers
    )


class NetworkSource:
    """Pipelines by seed: the same seed and wishes give the same one."""

    def __init__(self) -> None:
        self._item = LayerItem()

    def network(self, seed: int, wanted: tuple[Wanted, ...], port: int = 0) -> Config:
        """A pipeline with these layers, of a few that are slow the fastest; port: its memory_bytes, 0 for any. Raises
        ConfigError if none can be had."""
        best: Config | None = None
        for redraw in range(REDRAWS):
            rng = random.Random(seed + redraw)
            layers = wanted if redraw < PATIENT else tuple(map(unpooled, wanted))
            try:
                made = self._network(rng, layers, port or rng.choice(PORTS), f"random{seed}")
            except (ConfigError, SolveFailure):
                continue
            best = min(best or made, made, key=slowest)
            if slowest(best) <= MOST_STEPS or redraw >= PATIENT - 1:
                return best
        raise ConfigError(f"seed {seed}: no such pipeline in {REDRAWS} draws")

    def _network(self, rng: random.Random, wanted: tuple[Wanted, ...], port: int, name: str) -> Config:
        layers: list[Layer] = []
        filters = rng.randint(1, MOST_SCORES)
        for number in reversed(range(len(wanted))):
            before = wanted[number - 1] if number else None
            made = (layers[0].height, layers[0].width) if layers else None
            self._draw(rng, wanted[number], before, filters, made)
            layers.insert(0, self._layer(rng, f"layer{number}", wanted[number], filters, not layers))
            filters = layers[0].channels
        return Config(name, port, tuple(layers))

    def _draw(
        self,
        rng: random.Random,
        wanted: Wanted,
        before: Wanted | None,
        filters: int,
        made: tuple[int, int] | None,
    ) -> None:
        """Randomise the item; a larger map, or more steps, only where it cannot be otherwise. made: the map, None for
        the last layer: a small one."""
        seed, parts = rng.getrandbits(30), before.groups + 1 if before else 1
        budget = MOST_STEPS // (filters * (wanted.slices + 1) * (wanted.groups + 1))
        ladder = SIDES["first"] if before is None else SIDES["middle"] if made else (last_sides(before, wanted),)
        rooms = [Room(sides, budget, parts) for sides in ladder]
        rooms.append(Room(ladder[-1], SOLVED, 1 if made else parts))
        for room in rooms:
            self._item.set_randstate(RandState.mkFromSeed(seed))
            try:
                return self._randomise(wanted, room, made)
            except SolveFailure:
                if room is rooms[-1]:
                    raise

    def _randomise(self, wanted: Wanted, room: Room, made: tuple[int, int] | None) -> None:
        # A failure is told by its exception; the solver prints as well.
        with redirect_stdout(StringIO()), self._item.randomize_with() as item:
            item.height <= room.sides[0]
            item.width <= room.sides[1]
            if room.rows < SOLVED:
                item.out_y * (1 if wanted.rows_at_once else item.kernel_y) <= room.rows
            if room.parts > 1:
                item.width % room.parts == 0
            if wanted.groups > Cut.ONE:
                item.rest_x == 0
            if wanted.full:
                item.out_y == 1
                item.out_x == 1
                item.over_y == 0
                item.over_x == 0
            if made is None:
                item.made_y <= 2
                item.made_x <= 3
            else:
                item.made_y == made[0]
                item.made_x == made[1]
            for name, value in wanted.classes.items():
                getattr(item, name) == value

    def _layer(self, rng: random.Random, name: str, wanted: Wanted, filters: int, last: bool) -> Layer:
        """The layer that the item has drawn, with channels and parallelism."""
        item, channels = self._item, rng.randint(*wanted.channels)
        wanted = self._affordable(wanted, filters)
        kernel = int(item.kernel_y), int(item.kernel_x)
        padding = tuple(int(getattr(item, side)) for side in ("top", "left", "bottom", "right"))
        value = {Padding.PLUS: 1, Padding.MINUS: -1}.get(Padding(int(item.padding)), 0)
        if value == 1 and wanted.slices:  # of a bit that is 1 only whole chunks can be cut
            channels = -(-channels // CHUNK) * CHUNK
        pool = int(item.pool_y), int(item.pool_x)
        return Layer(
            name, int(item.height), int(item.width), channels, filters, kernel,
            _products(wanted, kernel, channels),
            1 if last else _lanes(int(item.out_x), pool[1], wanted.groups),
            (int(item.stride_y), int(item.stride_x)), (padding[0], padding[1], padding[2], padding[3]), value, pool,
            wanted.input_bits, last,
        )  # fmt: skip


    def _affordable(self, wanted: Wanted, filters: int) -> Wanted:
        """The same, but for numbers that would be slow: they are not cut, unless that is what they are for."""
        cost = int(self._item.out_y) * filters * (1 if wanted.rows_at_once else int(self._item.kernel_y))
        if wanted.input_bits == 1 or cost * (wanted.groups + 1) <= MOST_STEPS:
            return wanted
        return replace(wanted, groups=Cut.ONE, rows_at_once=wanted.rows_at_once or cost > 2 * MOST_STEPS)


def _products(wanted: Wanted, kernel: tuple[int, int], channels: int) -> int:
    """The products of a step: of a slice of the channels as asked for, or of the whole row."""
    row = kernel[1] * channels
    if wanted.input_bits > 1:
        return row * kernel[0] if wanted.rows_at_once else row
    planes, parts = -(-channels // CHUNK), (1, 2, 3)[wanted.slices]
    return row if parts == 1 or planes % parts else kernel[1] * CHUNK * (planes // parts)


def _lanes(width: int, pool: int, groups: Cut) -> int:
    """p: a row in as many groups as asked for, if it can be cut so."""
    allowed = [p for p in range(1, width + 1) if width % p == 0 and (p == width or p % pool == 0)]
    fits = [p for p in allowed if Cut(min(width // p, 3) - 1) is groups]
    return fits[-1] if fits else allowed[-1]
