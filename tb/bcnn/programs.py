"""What the contract test needs of a pipeline: a graph for its configuration. It has no instructions to refuse."""

from __future__ import annotations

from golden.ir import Graph
from rtl.bcnn.config import Config
from tb.bcnn.network_graph import Contents, network_graph

CONTRACT_IMAGES = 12  # so many are not read ahead by the time the first layer has ended


def contract_graph(config: Config, seed: int) -> Graph:
    """The configuration's layers with random contents."""
    return network_graph(config, seed, Contents())
