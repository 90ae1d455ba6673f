"""Everything that a simulation needs, made before it starts: program files, inputs and golden tensors."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from compiler.program import Program, element_type
from compiler.program_file import to_bytes
from golden.ir import Conv2D, FullyConnected, Graph, Node
from golden.run import accumulate
from golden.run import run as run_golden
from regress.simulators.cache import cache_root, get_or_build
from rtl.variants import homes
from tb.job import Request
from tb.variants import compile_for

Tensors = Mapping[str, npt.NDArray[Any]]
ROOT = Path(__file__).parents[1]
GOLDEN_SOURCES = ("golden/**/*.py",)
# The compiler computes with golden's arithmetic, and reads the plain data of variants.
PROGRAM_SOURCES = (
    "compiler/**/*.py",
    *GOLDEN_SOURCES,
    "rtl/*/config.py",
    "rtl/*/isa.py",
    "rtl/lib/registers.py",
)
TENSORS, PROGRAM = "tensors.npz", "network.program"
SUMS = ".sums.npz"  # beside a request's program
WORDS = {"Conv2D": "convolution", "FullyConnected": "fully connected", "Pool2D": "pool"}
PART = 64  # images that golden runs at a time


@dataclass(frozen=True)
class Stimulus:
    """A graph, compiled, with n inputs and the golden tensors of all its nodes, or of its outputs alone."""

    graph: Graph
    program: Program
    tensors: Tensors

    @property
    def images(self) -> int:
        """Number of inputs."""
        return len(next(iter(self.tensors.values())))

    @property
    def digest(self) -> str:
        """Hash of the program and of every tensor: equal for equal stimulus, wherever a configuration's file stands."""
        program = replace(self.program, config=Path(self.program.config).name)
        hashed = hashlib.sha256(to_bytes(program))
        for name, values in sorted(self.tensors.items()):
            hashed.update(f"{name} {values.dtype} {values.shape}".encode() + values.tobytes())
        return hashed.hexdigest()[:16]


def stimulus(
    variant: str, config: Any, graph: Graph, inputs: Tensors, cached: bool = False, outputs_only: bool = False
) -> Stimulus:
    """Compile and compute. Raises AssayError. cached: keep program and golden tensors, which takes longer for
    small graphs; outputs_only: of the golden tensors only inputs and outputs."""
    if cached:
        return Stimulus(graph, compiled(variant, graph, config), golden(graph, inputs, outputs_only))
    return Stimulus(graph, compile_for(variant, graph, config), fresh_golden(graph, inputs))


def compiled(variant: str, graph: Graph, config: Any) -> Program:
    """The program, compiled once for equal graphs, configurations, PROGRAM_SOURCES and sources of a variant outside.
    Raises AssayError."""
    own = b"".join(file.read_bytes() for file in homes()[variant].sources)
    key = _hash(_sources(PROGRAM_SOURCES) + own, (variant, config.name, config.hash, _described(graph)))
    folder = cache_root() / f"program-{key}"
    made = get_or_build(folder, lambda scratch: compile_for(variant, graph, config).save(scratch / PROGRAM))
    return Program.load(made / PROGRAM)


def fresh_golden(graph: Graph, inputs: Tensors, outputs_only: bool = False) -> Tensors:
    """Inputs and every node's output by tensor name, int8 or int32; or only those of the graph."""
    count = len(next(iter(inputs.values())))
    parts = [
        _part(graph, {name: values[first : first + PART] for name, values in inputs.items()}, outputs_only)
        for first in range(0, count, PART)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _part(graph: Graph, inputs: Tensors, outputs_only: bool) -> Tensors:
    made = run_golden(graph, inputs)
    names = [*graph.inputs, *graph.outputs] if outputs_only else made
    return {name: made[name].astype(_type(graph, name), copy=False) for name in names}


def _type(graph: Graph, name: str) -> np.dtype[Any]:
    quantisation = graph.tensor(name).quantisation
    return element_type(quantisation.bits if quantisation else 8)


def golden(graph: Graph, inputs: Tensors, outputs_only: bool = False) -> Tensors:
    """The same, computed once for equal graphs, inputs and golden sources."""
    folder = cache_root() / f"golden-{_key(graph, inputs, outputs_only)}"

    def make(scratch: Path) -> None:
        np.savez(scratch / TENSORS, **cast(Any, fresh_golden(graph, inputs, outputs_only)))

    with np.load(get_or_build(folder, make) / TENSORS) as data:
        return {name: data[name] for name in data.files}


def _key(graph: Graph, inputs: Tensors, outputs_only: bool) -> str:
    return _hash(_sources(GOLDEN_SOURCES), (_described(graph), dict(inputs), outputs_only))


def _described(graph: Graph) -> tuple[object, ...]:
    return (graph.name, graph.inputs, graph.outputs, graph.nodes, graph.tensors, graph.constants)


def _sources(places: Sequence[str]) -> bytes:
    """What every module at these places says, its tests left out."""
    files = {file for place in places for file in ROOT.glob(place)}
    return b"".join(
        file.read_bytes() for file in sorted(files) if "tests" not in file.relative_to(ROOT).parts
    )


def _hash(sources: bytes, facts: object) -> str:
    return hashlib.sha256(sources + pickle.dumps(facts)).hexdigest()[:24]


def file_stem(request: str) -> str:
    """How the files of a request begin, by its name."""
    return request.replace("/", "_")


def save(made: Stimulus, folder: Path, name: str) -> tuple[str, str]:
    """Write program and tensors; their file names, for a Request."""
    program, data = f"{name}.program", f"{name}.npz"
    made.program.save(folder / program)
    np.savez(folder / data, **cast(Any, made.tensors))
    return program, data


def save_sums(made: Stimulus, file: Path) -> None:
    """Write what golden's products have before anything is made of them: for each output its int32 accumulators,
    without bias. A golden model of an inner stage, for who looks at waves. Tensors must be all of the graph's."""
    values = {**made.graph.constants, **made.tensors}
    products = [node for node in made.graph.nodes if isinstance(node.operator, (Conv2D, FullyConnected))]
    sums = {node.output: accumulate(made.graph, without_bias(node), values) for node in products}
    np.savez(file, **cast(Any, sums))


def without_bias(node: Node) -> Node:
    """The same product, nothing added."""
    return replace(node, inputs=node.inputs[:2])


def request(
    made: Stimulus,
    folder: Path,
    name: str,
    seed: int,
    batches: Sequence[int],
    recorded: bool = False,
    **changes: Any,
) -> Request:
    """Write the stimulus, and the request that runs it. recorded: with waves, so that inner stages are of use too."""
    plain = file_stem(name)
    program, data = save(made, folder, plain)
    if recorded and set(made.tensors) >= {node.output for node in made.graph.nodes}:
        save_sums(made, folder / f"{plain}{SUMS}")
    return Request(name, program, data, seed, tuple(batches), operators=operators(made.graph), **changes)


def operators(graph: Graph) -> dict[str, str]:
    """What makes each tensor, in the words of people: a convolution's kernel is part of its name."""
    return {node.output: _operator(graph, node) for node in graph.nodes}


def _operator(graph: Graph, node: Node) -> str:
    name = WORDS.get(type(node.operator).__name__, type(node.operator).__name__.lower())
    if name != "convolution":
        return name
    height, width = graph.tensor(node.inputs[1]).shape[1:3]
    return f"{name} {height}x{width}"
