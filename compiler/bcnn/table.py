"""The layer table of a pipeline: where each tensor of a layer can be seen."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.bcnn.estimate import macs_executed
from compiler.bcnn.image import score_bytes
from compiler.bcnn.stages import Stage
from compiler.macs import node_macs
from compiler.program import Geometry, Layer, Observation, Region
from golden.ir import Graph
from rtl.bcnn.config import CHUNK, ONE_BIT, SCORE_BITS, Config


def layer_entry(graph: Graph, stage: Stage, config: Config, number: int) -> Layer:
    """The table's entry for layer `number`."""
    shown = {stage.product.output: stage.product.output, stage.result: stage.result}
    aliases = shown | {node.output: stage.result for node in stage.reshapes}
    last = number == len(config.layers) - 1
    return Layer(
        name=stage.product.name,
        nodes=tuple(node.name for node in stage.nodes),
        macs=node_macs(graph, stage.product),
        macs_executed=macs_executed(config.layers[number]),
        tensors={name: graph.tensor(name).shape for name in aliases},
        aliases=aliases,
        writes=(Region(0, score_bytes(config)),) if last else (),
        observations=tuple(_observations(stage, config, number)),
    )


def _observations(stage: Stage, config: Config, number: int) -> Iterator[Observation]:
    layer, tap = config.layers[number], config.tap(number)
    if layer.scores:
        scores = Geometry(stage.product.output, tap, 0, config.scores, 0, 0, 1, bits=SCORE_BITS)
        yield Observation(0, scores)
        return
    yield from _planes(stage.product.output, tap, layer.out_width, layer.filters)
    if stage.pool:
        yield from _planes(stage.pool.output, tap + 1, layer.map_width, layer.filters)


def _planes(tensor: str, tap: int, width: int, channels: int) -> Iterator[Observation]:
    """A map of one bit an element: a lane shows the channels of one plane of a pixel, lanes are pixels of a row."""
    for plane, first in enumerate(range(0, channels, CHUNK)):
        run = min(CHUNK, channels - first)
        row_pitch = width * channels
        yield Observation(
            plane,
            Geometry(tensor, tap, 0, width, first, row_pitch, channels, ONE_BIT, run, lane_pitch=channels),
        )
