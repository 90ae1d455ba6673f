"""From a quantised graph to a program for the systolic array, pass by pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compiler.errors import DoesNotFit
from compiler.program import Layer, Observation, Part, Placement, Program, Region
from compiler.systolic.allocation import allocate
from compiler.systolic.constants import ConstantPool
from compiler.systolic.emission import Emitter, LayerSteps, load_maps, store_map
from compiler.systolic.image import device_image
from compiler.systolic.lowering import lower
from compiler.systolic.operations import Map, Operation, Plan
from compiler.systolic.row_gaps import with_row_gaps
from compiler.systolic.schedule import schedule
from compiler.systolic.steps import Resources, Step
from compiler.systolic.tokens import assign
from golden.ir import Graph
from rtl.systolic.config import Config

MOST_LAYERS = 4095


def compile_graph(graph: Graph, config: Config) -> Program:
    """Raises AssayError: one line that names the node and the rule it breaks."""
    plan = lower(graph, config)
    if len(plan.operations) >= MOST_LAYERS:
        raise DoesNotFit(f"{len(plan.operations)} layers, at most {MOST_LAYERS - 1}")
    plan, bases = _placed(plan, config)
    inputs, input_bytes = _places(graph, graph.inputs, config)
    outputs, output_bytes = _places(graph, graph.outputs, config)
    constants = ConstantPool(config.memory_bytes)
    emitter = Emitter(plan, config, bases, constants)
    stores = _stores(plan, outputs, bases, config)
    layers = [emitter.layer(index, stores[index]) for index in range(len(plan.operations))]
    offsets = {source.tensor: place.offset for source, place in zip(plan.inputs, inputs, strict=True)}
    steps = schedule(load_maps(plan, config, bases, offsets), layers, config)
    image = device_image(
        steps, assign(steps, Resources(config)), constants, input_bytes, output_bytes, config
    )
    return Program(
        variant="systolic",
        config=config.name,
        config_hash=config.hash,
        network=graph.name,
        tap_bytes=config.tap_bytes,
        tap_lane_bits=config.tap_lane_bits,
        input_bytes=input_bytes,
        output_bytes=output_bytes,
        instructions=len(steps) + 1,
        inputs=inputs,
        outputs=outputs,
        layers=_layer_table(graph, plan, layers, steps),
        image=image,
    )


def _placed(plan: Plan, config: Config) -> tuple[Plan, dict[str, int]]:
    """With gaps between rows where they help, unless the maps then need too much of the scratchpad."""
    wider = with_row_gaps(plan, config)
    try:
        return wider, allocate(wider, config)
    except DoesNotFit:
        return plan, allocate(plan, config)


def _places(graph: Graph, names: Sequence[str], config: Config) -> tuple[tuple[Placement, ...], int]:
    """Tensors one behind the other, each at a multiple of the port width, and the size of the whole."""
    places, offset = [], 0
    for name in names:
        place = Placement(name, graph.tensor(name).shape, offset)
        places.append(place)
        offset += -(-place.size // config.memory_bytes) * config.memory_bytes
    return tuple(places), offset


def _stores(
    plan: Plan, places: Sequence[Placement], bases: dict[str, int], config: Config
) -> list[tuple[Step, ...]]:
    """For each operation, the stores of its result."""
    makers = {
        result.holder: index for index, operation in enumerate(plan.operations) for result in operation.writes
    }
    stores: list[list[Step]] = [[] for _ in plan.operations]
    for output, place in zip(plan.outputs, places, strict=True):
        index, base = makers[output.tensor], bases[output.tensor]
        stores[index].append(store_map(index, base, place.offset, place.size, config))
    return [tuple(steps) for steps in stores]


def _layer_table(
    graph: Graph, plan: Plan, layers: Sequence[LayerSteps], steps: Sequence[Step]
) -> tuple[Layer, ...]:
    observations: list[list[Observation]] = [[] for _ in layers]
    for number, step in enumerate(steps):
        observations[step.layer].extend(Observation(number, geometry) for geometry in step.observed)
    return tuple(
        _layer(graph, plan, operation, layer, tuple(found))
        for operation, layer, found in zip(plan.operations, layers, observations, strict=True)
    )


def _layer(
    graph: Graph, plan: Plan, operation: Operation, layer: LayerSteps, found: tuple[Observation, ...]
) -> Layer:
    made = [*operation.writes]
    if operation.product and operation.product.result.tensor != operation.result.tensor:
        made.insert(0, operation.product.result)
    holders = {values.tensor for values in made}
    aliases = {name: holder for name, holder in plan.aliases.items() if holder in holders}
    parts = tuple(part for values in made for part in _parts(plan, values))
    own = {
        values.tensor: (1, values.height, values.width, values.channels) for values in made if values.views
    }
    shown = {name: graph.tensor(name).shape for name in (*aliases, *(part.tensor for part in parts))}
    return Layer(
        name=operation.name,
        nodes=operation.nodes,
        macs=operation.product.macs if operation.product else 0,
        macs_executed=layer.macs_executed,
        tensors=own | shown,
        aliases=aliases,
        writes=tuple(Region(store.fields["offset"], store.fields["length"]) for store in layer.stores),
        observations=found,
        parts=parts,
    )


def _parts(plan: Plan, values: Map) -> Iterator[Part]:
    """What a map shows of those that it is made in, under each of their names."""
    for view in values.views:
        for name, holder in plan.aliases.items():
            if holder == view.tensor:
                yield Part(name, values.tensor, view.first, values.channels, view.channels)
