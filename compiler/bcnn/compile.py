"""From a binary graph to the program of a pipeline: weights and parameters of every engine."""

from __future__ import annotations

from compiler.bcnn.image import device_image, image_input_bytes, image_output_bytes
from compiler.bcnn.stages import matched, memories
from compiler.bcnn.table import layer_entry
from compiler.program import Placement, Program
from golden.ir import Graph
from rtl.bcnn.config import SCORE_BITS, Config


def compile_graph(graph: Graph, config: Config) -> Program:
    """Raises DoesNotFit: one line that names the node, the rule, and what graph and configuration have."""
    stages = matched(graph, config)
    (source,), (result,) = graph.inputs, graph.outputs
    return Program(
        variant="bcnn",
        config=config.name,
        config_hash=config.hash,
        network=graph.name,
        tap_bytes=config.tap_bytes,
        tap_lane_bits=config.tap_lane_bits,
        input_bytes=image_input_bytes(config),
        output_bytes=image_output_bytes(config),
        instructions=config.stream_words,
        inputs=(Placement(source, graph.tensor(source).shape, 0),),
        outputs=(Placement(result, graph.tensor(result).shape, 0, SCORE_BITS),),
        layers=tuple(layer_entry(graph, stage, config, number) for number, stage in enumerate(stages)),
        image=device_image(config, memories(graph, stages, config)),
    )
