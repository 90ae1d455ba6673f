"""The transports that every test of the host interface runs over, and small programs for them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from compiler.api import compile_network, config_of
from compiler.program import Program
from compiler.systolic import compile_graph
from compiler.tests.random_graphs import Builder
from golden.ir import Array, Graph
from golden.run import run
from host import Transport, golden, simulated
from host.golden_device import GoldenDevice
from host.remote import Remote, serve
from host.transport import Awaitable
from regress.simulators import find


@dataclass(frozen=True)
class Case:
    """A graph, its program, and how to get inputs for it."""

    graph: Graph
    program: Program

    def inputs(self, count: int, seed: int = 0) -> dict[str, Array]:
        """Random images for every input, within the input's quantisation."""
        generator = np.random.default_rng(seed)
        made = {}
        for name in self.graph.inputs:
            tensor = self.graph.tensor(name)
            assert tensor.quantisation is not None
            low, high = tensor.quantisation.low, tensor.quantisation.high
            made[name] = generator.integers(low, high + 1, (count, *tensor.shape[1:])).astype(np.int8)
        return made

    def expected(self, inputs: dict[str, Array]) -> dict[str, Array]:
        """Golden's outputs."""
        values = run(self.graph, inputs)
        return {name: values[name] for name in self.graph.outputs}


@cache
def fashion(config: str) -> Case:
    """The network trained here."""
    made = compile_network("systolic", "fashion_int4", config)
    return Case(made.network.graph, made.program)


@cache
def chain(config: str = "tiny") -> Case:
    """One convolution and a classifier: a few thousand cycles."""
    builder = Builder(3, 8)
    made = builder.convolution(builder.source(6, 6, 4), 8, (3, 3), (1, 1), (1, 1, 1, 1))
    graph = builder.graph(builder.fully_connected(made, 10))
    return Case(graph, compile_graph(graph, config_of("systolic", config)))


@cache
def branches() -> Case:
    """Two inputs, two outputs, no multiply-accumulates."""
    builder = Builder(7, 8)
    first, second = builder.source(5, 4, 6), builder.source(5, 4, 6)
    total = builder.add(first, second)
    graph = builder.graph(total, builder.pool(total, "max", (2, 2), (2, 2)))
    return Case(graph, compile_graph(graph, config_of("systolic", "tiny")))


class Thread(Remote):
    """A golden device at the other end of a socket, served by a thread: a third transport."""

    def __init__(self, device: GoldenDevice) -> None:
        here, there = socket.socketpair()
        super().__init__(here, lambda: "the thread has gone")
        self.alignment, self.memory_size, self.clock_mhz = (
            device.alignment,
            device.memory_size,
            device.clock_mhz,
        )
        self.layer_ends = device.layer_ends
        self._thread = threading.Thread(target=self._serve, args=(device, there))
        self._thread.start()

    def _serve(self, device: GoldenDevice, connection: socket.socket) -> None:
        with connection:
            asyncio.run(serve(Awaitable(device), connection))

    def close(self) -> None:
        """See Transport."""
        super().close()
        self._thread.join()


def on_golden(case: Case) -> Transport:
    """The golden model."""
    return golden(case.program, case.graph)


def on_thread(case: Case) -> Transport:
    """The golden model behind a socket."""
    return Thread(golden(case.program, case.graph))


def on_simulator(case: Case, simulator: str = "verilator", folder: Path | None = None) -> Transport:
    """The RTL."""
    available, reason = find(simulator).available()
    if not available:
        pytest.skip(reason)
    return simulated("systolic", case.program.config, simulator, folder=folder)


Opener = Callable[[Case], Transport]
OPENERS: list[Opener] = [on_golden, on_thread, on_simulator]
every_transport = pytest.mark.parametrize("opened", OPENERS, ids=lambda opener: opener.__name__)


def processes_in(folder: Path) -> list[int]:
    """Processes that work in a folder: the simulators of a run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                inside = (entry / "cwd").readlink() == folder
            except OSError:
                continue
            found += [int(entry.name)] if inside else []
    return found
