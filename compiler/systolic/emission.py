"""From operations to steps: the MATMULs of every tile, and the POSTs that turn its accumulators into
results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from compiler.errors import DoesNotFit
from compiler.systolic.constants import ConstantPool, parameter_sets, tile_bytes, weight_tiles
from compiler.systolic.matmul import Block, MatmulEmitter, executed
from compiler.systolic.model import Tiling, choose
from compiler.systolic.operations import Operation, Plan
from compiler.systolic.post import PostEmitter
from compiler.systolic.steps import Resources, Step, WeightTile
from compiler.systolic.tiling import PixelTile
from rtl.systolic.config import Config
from rtl.systolic.isa import FIELDS, Base, Opcode


@dataclass(frozen=True)
class Group:
    """Steps that share one bank of accumulators, or that read maps alone. parameters: offset of the parameter
    set among the constants, None where nothing is requantised."""

    matmuls: tuple[Step, ...]
    posts: tuple[Step, ...]
    parameters: int | None


@dataclass(frozen=True)
class LayerSteps:
    """All of a layer but the loads, which the schedule adds. follows: it runs along with the layer before."""

    groups: tuple[Group, ...]
    stores: tuple[Step, ...]
    macs_executed: int
    follows: bool


class Emitter:
    """Emits layer after layer: banks alternate and set-up scalars stay from one to the next."""

    def __init__(self, plan: Plan, config: Config, bases: Mapping[str, int], constants: ConstantPool) -> None:
        self._plan = plan
        self._config = config
        self._bases = bases
        self._constants = constants
        self._matmuls = MatmulEmitter(config, bases)
        self._posts = PostEmitter(config, bases)
        self._bank = 0

    def layer(self, index: int, stores: tuple[Step, ...]) -> LayerSteps:
        """Raises DoesNotFit naming the node when a number does not fit its instruction field."""
        operation = self._plan.operations[index]
        found = self._product_groups if operation.product else self._map_groups
        groups = _mark_end(list(found(index, operation)))
        for group in groups:
            for step in (*group.matmuls, *group.posts):
                _check_fields(step, operation.name)
        macs = sum(executed(step) for group in groups for step in group.matmuls)
        return LayerSteps(groups, stores, macs, self._plan.follows(index))

    def _map_groups(self, index: int, operation: Operation) -> Iterator[Group]:
        yield Group((), tuple(self._posts.from_map(index, operation)), None)

    def _product_groups(self, index: int, operation: Operation) -> Iterator[Group]:
        product, config = operation.product, self._config
        assert product is not None
        tiling = choose(operation, config)
        weights = self._constants.add(weight_tiles(product, tiling.pieces, config))
        parameters = [self._constants.add(data) for data in parameter_sets(product, config)]
        group_bytes = len(tiling.pieces) * product.nibbles * tile_bytes(product.sparsity, config)
        for tile, group in _group_order(tiling, len(parameters), product.nibbles):
            bank, self._bank = self._bank, 1 - self._bank
            channels = _lanes(group, product.result.channels, config.columns)
            block = Block(tile.pixels, channels, bank, weights + group * group_bytes)
            setup = self._matmuls.setup(index, operation)
            matmuls = (*setup, *self._matmuls.block(index, operation, tiling, block))
            posts = tuple(self._posts.from_bank(index, operation, tile, bank, channels))
            yield Group(matmuls, posts, parameters[group])


def load_maps(plan: Plan, config: Config, bases: Mapping[str, int], offsets: Mapping[str, int]) -> list[Step]:
    """The loads of the inputs that something reads, tagged with their first reader."""
    resources = Resources(config)
    steps = []
    for source in plan.inputs:
        readers = [
            index
            for index, op in enumerate(plan.operations)
            if source.holder in {read.holder for read in op.reads}
        ]
        if readers:
            base = source.address(bases)
            fields = _move(readers[0], Base.INPUT, offsets[source.tensor], source.size) | {"address": base}
            span = resources.bytes(base, base + source.size)
            steps.append(Step(Opcode.LOAD_MAP, fields, writes=(span,)))
    return steps


def store_map(layer: int, address: int, offset: int, size: int, config: Config) -> Step:
    """The store of an output."""
    fields = _move(layer, Base.OUTPUT, offset, size) | {"address": address}
    return Step(Opcode.STORE, fields, reads=(Resources(config).bytes(address, address + size),))


def load_weights(layer: int, tiles: WeightTile) -> Step:
    """The load of weight tiles that stand one behind the other."""
    fields = _move(layer, Base.PROGRAM, tiles.offset, tiles.size) | {"indexed": int(tiles.indexed)}
    return Step(Opcode.LOAD_WEIGHTS, fields)


def load_parameters(layer: int, offset: int, parameter_set: int, config: Config) -> Step:
    fields = _move(layer, Base.PROGRAM, offset, config.parameter_bytes) | {"parameter_set": parameter_set}
    return Step(Opcode.LOAD_PARAMETERS, fields, writes=(Resources(config).parameter_set(parameter_set),))


def _move(layer: int, base: Base, offset: int, length: int) -> dict[str, int]:
    return {"layer": layer, "base": int(base), "offset": offset, "length": length}


def _lanes(group: int, channels: int, columns: int) -> range:
    return range(group * columns, min(channels, (group + 1) * columns))


def _group_order(tiling: Tiling, groups: int, nibbles: int) -> list[tuple[PixelTile, int]]:
    """Pixel tiles outside, channel tiles inside: the next layer can begin on the first pixels. Where one
    weight tile serves a whole group it is the other way round, and stays in the array for all pixels."""
    if len(tiling.pieces) * nibbles == 1:
        return [(tile, group) for group in range(groups) for tile in tiling.tiles]
    return [(tile, group) for tile in tiling.tiles for group in range(groups)]


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
