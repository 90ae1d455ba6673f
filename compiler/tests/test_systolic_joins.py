"""Maps that are made in their place within a wider one, and those that have to be moved there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from compiler.observation import gather
from compiler.program import Program
from compiler.systolic import compile_graph
from compiler.systolic.image import instructions
from compiler.tests.random_graphs import Builder
from compiler.tests.systolic_machine import Machine
from compiler.tests.test_systolic import check_graph, random_values
from golden.ir import Graph
from rtl.systolic.config import CONFIGS
from rtl.systolic.isa import Opcode

SMALL = CONFIGS["small"]
NONE = (0, 0, 0, 0)


def branches(b: Builder) -> tuple[str, str, str]:
    """A map and two convolutions of it, all quantised alike."""
    source = b.source(6, 5, 7)
    b.alike = b.tensors[source].quantisation
    one = b.convolution(source, 3, (1, 1), (1, 1), NONE)
    return source, one, b.convolution(source, 20, (3, 3), (1, 1), (1, 1, 1, 1))


def fire() -> Graph:
    b = Builder(0)
    _, one, two = branches(b)
    return b.graph(b.fully_connected(b.concat(one, two), 4))


def nested() -> Graph:
    b = Builder(0)
    source, one, two = branches(b)
    inner = b.concat(one, two)
    return b.graph(b.concat(b.pool(source, "max", (3, 3), (1, 1), (1, 1, 1, 1)), inner))


def with_input() -> Graph:
    b = Builder(0)
    source, one, _ = branches(b)
    return b.graph(b.concat(one, source))


def read_twice() -> Graph:
    b = Builder(0)
    _, one, two = branches(b)
    return b.graph(b.concat(one, two), b.pool(two, "max", (2, 2), (2, 2)))


def joined_twice() -> Graph:
    b = Builder(0)
    _, one, _ = branches(b)
    return b.graph(b.concat(one, one))


def with_sum() -> Graph:
    b = Builder(0)
    source, one, two = branches(b)
    return b.graph(b.concat(b.add(two, b.convolution(source, 20, (1, 1), (1, 1), NONE)), one))


def copies(program: Program) -> int:
    """Pixels that are moved within the scratchpad, in groups of as many channels as there are columns."""
    posts = (item for item in instructions(program.image) if item.opcode is Opcode.POST)
    return sum(item["rows"] * item["columns"] for item in posts if item["from_map"] and not item["pool"])


@pytest.mark.parametrize(
    ("make", "groups"),
    [(fire, 0), (nested, 0), (with_input, 1), (read_twice, 2), (joined_twice, 2), (with_sum, 2)],
)
def test_only_what_cannot_be_made_in_place_is_moved(make: Callable[[], Graph], groups: int) -> None:
    graph = make()
    assert copies(compile_graph(graph, SMALL)) == groups * 30
    check_graph(graph, SMALL, seed=1)


def test_a_joined_map_is_observed_by_the_layers_that_make_it() -> None:
    graph = fire()
    program = compile_graph(graph, SMALL)
    assert [layer.nodes for layer in program.layers] == [("node0",), ("node1", "node2"), ("node3",)]
    (result,) = Machine(program.image, SMALL, 0).run(program.pack_inputs(random_values(graph, 0, 1)))
    shown = [gather(program, index, result.taps).tensors["tensor2"].expected for index in (0, 1)]
    assert [int(elements.sum()) for elements in shown] == [3 * 30, 20 * 30]
    assert np.logical_xor(*shown).all()
