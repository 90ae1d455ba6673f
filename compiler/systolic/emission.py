"""From operations to steps: the MATMULs of every tile, and the POSTs that turn its accumulators into
results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from compiler.errors import DoesNotFit
from compiler.systolic.constants import ConstantPool, parameter_sets, weight_tiles
from compiler.systolic.model import Tiling, choose
from compiler.systolic.operations import Operation, Plan
from compiler.systolic.post import PostEmitter
from compiler.systolic.steps import Resources, Span, Step
from compiler.systolic.tiling import Piece, PixelTile, Rectangle, seen
from rtl.systolic.config import Config
from rtl.systolic.isa import FIELDS, Base, Opcode

ADDRESS_MASK = (1 << 24) - 1


@dataclass(frozen=True)
class Group:
    """Steps that share one bank of accumulators, or that read maps alone. parameters: offset of the parameter
    set among the constants, None where nothing is requantised."""

    matmuls: tuple[Step, ...]
    posts: tuple[Step, ...]
    parameters: int | None


@dataclass(frozen=True)
class LayerSteps:
    """All of a layer but the loads, which the schedule adds."""

    groups: tuple[Group, ...]
    stores: tuple[Step, ...]
    macs_executed: int


class Emitter:
    """Emits layer after layer: banks alternate and set-up scalars stay from one to the next."""

    def __init__(self, plan: Plan, config: Config, bases: Mapping[str, int], constants: ConstantPool) -> None:
        self._plan = plan
        self._config = config
        self._bases = bases
        self._constants = constants
        self._resources = Resources(config)
        self._posts = PostEmitter(config, bases)
        self._bank = 0
        self._held_tile: int | None = None

    def layer(self, index: int, stores: tuple[Step, ...]) -> LayerSteps:
        """Raises DoesNotFit naming the node when a number does not fit its instruction field."""
        operation = self._plan.operations[index]
        found = self._product_groups if operation.product else self._map_groups
        groups = _mark_end(list(found(index, operation)))
        for group in groups:
            for step in (*group.matmuls, *group.posts):
                _check_fields(step, operation.name)
        executed = sum(_executed(step) for group in groups for step in group.matmuls)
        return LayerSteps(groups, stores, executed)

    def _map_groups(self, index: int, operation: Operation) -> Iterator[Group]:
        yield Group((), tuple(self._posts.from_map(index, operation)), None)

    def _product_groups(self, index: int, operation: Operation) -> Iterator[Group]:
        product, config = operation.product, self._config
        assert product is not None
        tiling = choose(operation, config)
        weights = self._constants.add(weight_tiles(product, tiling.pieces, config))
        parameters = [self._constants.add(data) for data in parameter_sets(product, config)]
        for tile, group in _group_order(tiling, len(parameters), product.nibbles):
            bank, self._bank = self._bank, 1 - self._bank
            channels = _lanes(group, product.result.channels, config.columns)
            first_tile = weights + group * len(tiling.pieces) * product.nibbles * config.tile_bytes
            matmuls = tuple(self._matmuls(index, operation, tiling, tile, bank, channels, first_tile))
            posts = tuple(self._posts.from_bank(index, operation, tile, bank, channels))
            yield Group(matmuls, posts, parameters[group])

    def _matmuls(
        self,
        layer: int,
        operation: Operation,
        tiling: Tiling,
        tile: PixelTile,
        bank: int,
        channels: range,
        first_tile: int,
    ) -> Iterator[Step]:
        """For each piece of the reduction that the tile sees, one MATMUL a weight nibble."""
        product = operation.product
        assert product is not None
        areas = [tile.pixels, *(seen(operation, piece, tile.pixels) for piece in tiling.pieces[1:])]
        skipped = _skipped(tiling, areas, tile.pixels, len(channels))
        piece_bytes = product.nibbles * self._config.tile_bytes
        for number, (piece, area) in enumerate(zip(tiling.pieces, areas, strict=True)):
            if area.pixels:
                fields = self._matmul_fields(operation, piece, area, tile.pixels, bank) | {
                    "layer": layer,
                    "c_lanes": len(channels),
                    "first": int(number == 0),
                    "count": 1,
                    "skipped": skipped[number],
                }
                reads = self._rows_read(operation, piece, area)
                writes = (self._resources.bank(bank),)
                yield from self._nibbles(
                    Step(Opcode.MATMUL, fields, reads, writes),
                    product.nibbles,
                    first_tile + number * piece_bytes,
                )

    def _nibbles(self, step: Step, nibbles: int, tile: int) -> Iterator[Step]:
        """The high nibbles, signed, and where weights have 8 bits the low ones, unsigned and not counted
        again."""
        high = {"shift": nibbles - 1, "weight_signed": 1}
        yield self._with_tile(replace(step, fields={**step.fields, **high}), tile)
        if nibbles == 2:
            low = {"first": 0, "count": 0, "skipped": 0}
            yield self._with_tile(
                replace(step, fields={**step.fields, **low}), tile + self._config.tile_bytes
            )

    def _with_tile(self, step: Step, tile: int) -> Step:
        """With the weight tile at offset `tile`, taken from the FIFO unless the array holds it."""
        held, self._held_tile = self._held_tile == tile, tile
        return replace(step, fields={**step.fields, "reuse": int(held)}, tile=None if held else tile)

    def _matmul_fields(
        self, operation: Operation, piece: Piece, area: Rectangle, tile: Rectangle, bank: int
    ) -> dict[str, int]:
        product, source = operation.product, operation.source
        assert product is not None
        (stride_y, stride_x), (top, left, _, _) = product.stride, product.padding
        y = area.top * stride_y - top + piece.kernel_row
        x = (area.left * stride_x - left) * source.channels + piece.start
        offset = (area.top - tile.top) * tile.width + area.left - tile.left
        return {
            "map_address": (self._bases[source.tensor] + y * source.row + x) & ADDRESS_MASK,
            "x_start": x,
            "row_elements": source.row,
            "x_step": stride_x * source.channels if area.width > 1 else 0,
            "row_step": stride_y * source.row if area.height > 1 else 0,
            "y_start": y,
            "y_size": source.height,
            "y_step": stride_y if area.height > 1 else 0,
            "rows": area.height,
            "columns": area.width,
            "k_lanes": piece.length,
            "accumulator": bank * self._config.bank_accumulators + offset,
            "accumulator_row_step": tile.width,
            "wide": int(product.passes == 2),
            "zero_point": product.source_zero_point,
        }

    def _rows_read(self, operation: Operation, piece: Piece, area: Rectangle) -> tuple[Span, ...]:
        product, source = operation.product, operation.source
        assert product is not None
        first = area.top * product.stride[0] - product.padding[0] + piece.kernel_row
        last = first + (area.height - 1) * product.stride[0]
        top, bottom = max(0, first), min(source.height, last + 1)
        if top >= bottom:
            return ()
        base = self._bases[source.tensor]
        return (self._resources.bytes(base + top * source.row, base + bottom * source.row),)


def load_maps(plan: Plan, config: Config, bases: Mapping[str, int], offsets: Mapping[str, int]) -> list[Step]:
    """The loads of the inputs that something reads, tagged with their first reader."""
    resources = Resources(config)
    steps = []
    for source in plan.inputs:
        readers = [index for index, op in enumerate(plan.operations) if source.tensor in _tensors(op)]
        if readers:
            base = bases[source.tensor]
            fields = _move(readers[0], Base.INPUT, offsets[source.tensor], source.size) | {"address": base}
            span = resources.bytes(base, base + source.size)
            steps.append(Step(Opcode.LOAD_MAP, fields, writes=(span,)))
    return steps


def store_map(layer: int, address: int, offset: int, size: int, config: Config) -> Step:
    """The store of an output."""
    fields = _move(layer, Base.OUTPUT, offset, size) | {"address": address}
    return Step(Opcode.STORE, fields, reads=(Resources(config).bytes(address, address + size),))


def load_weights(layer: int, offset: int, length: int) -> Step:
    return Step(Opcode.LOAD_WEIGHTS, _move(layer, Base.PROGRAM, offset, length))


def load_parameters(layer: int, offset: int, parameter_set: int, config: Config) -> Step:
    fields = _move(layer, Base.PROGRAM, offset, config.parameter_bytes) | {"parameter_set": parameter_set}
    return Step(Opcode.LOAD_PARAMETERS, fields, writes=(Resources(config).parameter_set(parameter_set),))


def _move(layer: int, base: Base, offset: int, length: int) -> dict[str, int]:
    return {"layer": layer, "base": int(base), "offset": offset, "length": length}


def _tensors(operation: Operation) -> set[str]:
    return {source.tensor for source in operation.reads}


def _lanes(group: int, channels: int, columns: int) -> range:
    return range(group * columns, min(channels, (group + 1) * columns))


def _group_order(tiling: Tiling, groups: int, nibbles: int) -> list[tuple[PixelTile, int]]:
    """Pixel tiles outside, channel tiles inside: the next layer can begin on the first pixels. Where one
    weight tile serves a whole group it is the other way round, and stays in the array for all pixels."""
    if len(tiling.pieces) * nibbles == 1:
        return [(tile, group) for group in range(groups) for tile in tiling.tiles]
    return [(tile, group) for tile in tiling.tiles for group in range(groups)]


def _skipped(tiling: Tiling, areas: list[Rectangle], tile: Rectangle, channels: int) -> list[int]:
    """For each piece, the nominal products that its area leaves out; the first also carries those of the
    pieces that see nothing of the tile, and so have no instruction."""
    left_out = [
        (tile.pixels - area.pixels) * piece.length * channels
        for piece, area in zip(tiling.pieces, areas, strict=True)
    ]
    unseen = sum(count for count, area in zip(left_out, areas, strict=True) if not area.pixels)
    return [left_out[0] + unseen, *left_out[1:]]


def _executed(step: Step) -> int:
    f = step.fields
    return f["count"] * f["rows"] * f["columns"] * f["k_lanes"] * f["c_lanes"]


def _mark_end(groups: list[Group]) -> tuple[Group, ...]:
    *others, last = groups[-1].posts
    ended = replace(last, fields={**last.fields, "layer_end": 1})
    return (*groups[:-1], replace(groups[-1], posts=(*others, ended)))


def _check_fields(step: Step, node: str) -> None:
    for field in FIELDS[step.opcode]:
        value = step.fields.get(field.name, 0)
        if not field.low <= value <= field.high:
            raise DoesNotFit(
                f"{field.name} of a {step.opcode.name} is {value}, must be {field.low}..{field.high}",
                node=node,
            )
