"""What cannot run is refused by name and rule; and the functional machine notices programs that are wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest

from compiler.errors import AssayError, DoesNotFit, IllegalGraph, UnsupportedOperator, UnsupportedType
from compiler.observation import gather
from compiler.systolic import compile_graph
from compiler.systolic.image import HEADER, instructions
from compiler.systolic.post_scalars import divisor
from compiler.tests.random_graphs import Builder, random_network
from compiler.tests.systolic_array import MachineError
from compiler.tests.systolic_machine import Machine
from compiler.tests.test_systolic import random_values
from golden.arithmetic import rounded_mean
from golden.ir import Graph, Relu, Tensor
from rtl.systolic.config import CONFIGS, Config
from rtl.systolic.isa import INSTRUCTION_BYTES, UNIT, Instruction, Opcode, Unit, encode

TINY, SMALL = CONFIGS["tiny"], CONFIGS["small"]


def convolution(height: int, width: int, depth: int, channels: int = 4, kernel: int = 3) -> Graph:
    b = Builder(0)
    source = b.source(height, width, depth)
    return b.graph(b.convolution(source, channels, (kernel, kernel), (1, 1), (1, 1, 1, 1)))


def two_convolutions() -> Graph:
    b = Builder(2)
    source = b.source(6, 6, 3)
    middle = b.convolution(source, 5, (3, 3), (1, 1), (1, 1, 1, 1))
    return b.graph(b.convolution(middle, 5, (1, 1), (1, 1), (0, 0, 0, 0)))


def pooled_twice() -> Graph:
    b = Builder(0)
    return b.graph(b.pool(b.pool(b.source(8, 8, 1), "max", (2, 2), (2, 2)), "max", (2, 2), (1, 1)))


def pooled(height: int, width: int) -> Graph:
    b = Builder(0)
    source = b.source(height, width, 1)
    return b.graph(b.pool(source, "average", (height, width), (1, 1)))


def without_quantisation() -> Graph:
    graph = convolution(4, 4, 1)
    floats = {name: Tensor(name, tensor.shape) for name, tensor in graph.tensors.items()}
    constants = {name: values.astype(np.float32) for name, values in graph.constants.items()}
    return replace(graph, tensors=floats, constants=constants)


def with_relu() -> Graph:
    b = Builder(0)
    source = b.source(4, 4, 1)
    b.node(Relu(), (source,), Tensor("out", (1, 4, 4, 1)))
    return replace(b.graph("out"), tensors={name: Tensor(name, (1, 4, 4, 1)) for name in (source, "out")})


def only_reshape() -> Graph:
    b = Builder(0)
    return b.graph(b.flatten(b.source(4, 4, 1)))


def batched() -> Graph:
    graph = convolution(4, 4, 1)
    shapes = {
        name: (2, *t.shape[1:]) if name not in graph.constants else t.shape
        for name, t in graph.tensors.items()
    }
    return replace(graph, tensors={name: replace(t, shape=shapes[name]) for name, t in graph.tensors.items()})


def output_is_input() -> Graph:
    graph = convolution(4, 4, 1)
    return replace(graph, outputs=(*graph.outputs, *graph.inputs))


@pytest.mark.parametrize(
    ("make", "error", "rule"),
    [
        (lambda: convolution(200, 200, 4), DoesNotFit, r"node 'node0': .*alive there need \d+ bytes"),
        (
            lambda: convolution(1, 2, 20000, 1),
            DoesNotFit,
            "node 'node0': kernel_row of a MATMUL_SETUP is 60000",
        ),
        (lambda: pooled(64, 64), DoesNotFit, r"node 'node0': pooling window of 64x64, at most 63"),
        (without_quantisation, UnsupportedType, "node 'node0' .*must be quantised"),
        (with_relu, UnsupportedOperator, r"node 'node0' \(Relu\)"),
        (only_reshape, IllegalGraph, "nothing to run"),
        (batched, UnsupportedOperator, "batch is 2"),
        (output_is_input, IllegalGraph, "output 'input0' is an input"),
    ],
)
def test_a_graph_that_cannot_run_is_refused(
    make: Callable[[], Graph], error: type[AssayError], rule: str
) -> None:
    with pytest.raises(error, match=rule):
        compile_graph(make(), SMALL)


@pytest.mark.parametrize("count", [*range(1, 130), *(h * w for h in (13, 40, 63) for w in (17, 55, 63))])
def test_the_divisor_rounds_as_golden_does(count: int) -> None:
    fields = divisor(count)
    largest = 128 * count
    some = np.random.default_rng(count).integers(-largest, largest + 1, 2000)
    total = np.arange(-largest, largest + 1) if count < 130 else some
    scaled = (np.abs(total) + fields["divisor_half"]) * fields["divisor_multiplier"]
    mean = np.sign(total) * (scaled >> (16 + fields["divisor_shift"]))
    np.testing.assert_array_equal(mean, rounded_mean(total, count))


def patched(image: bytes, change: Callable[[Instruction], Instruction]) -> bytes:
    """The image with every instruction changed."""
    start = HEADER.unpack_from(image)[5]
    code = b"".join(encode(change(item)) for item in instructions(image))
    return image[:start] + code + image[start + len(code) :]


def changed(item: Instruction, **fields: int) -> Instruction:
    return Instruction(item.opcode, {**item.fields, **fields})


def without_token(giver: Unit, taker: Unit) -> Callable[[Instruction], Instruction]:
    def change(item: Instruction) -> Instruction:
        if item.opcode is Opcode.END:
            return item
        wait = item["wait"] & ~(1 << giver) if _unit(item) is taker else item["wait"]
        signal = item["signal"] & ~(1 << taker) if _unit(item) is giver else item["signal"]
        return changed(item, wait=wait, signal=signal)

    return change


def _unit(item: Instruction) -> Unit:
    return UNIT[item.opcode]


def run_many(graph: Graph, change: Callable[[Instruction], Instruction], config: Config = TINY) -> None:
    program = compile_graph(graph, config)
    data = program.pack_inputs(random_values(graph, 0, 1))
    for seed in range(20):
        Machine(patched(program.image, change), config, seed).run(data)


def test_the_patching_itself_changes_nothing() -> None:
    run_many(two_convolutions(), lambda item: item)


@pytest.mark.parametrize("taker", [Unit.ARRAY, Unit.STORE])
def test_missing_tokens_of_the_post_processor_are_noticed(taker: Unit) -> None:
    with pytest.raises(MachineError):
        run_many(two_convolutions(), without_token(Unit.POST, taker))


def test_missing_tokens_of_the_array_are_noticed() -> None:
    with pytest.raises(MachineError):
        run_many(two_convolutions(), without_token(Unit.ARRAY, Unit.POST))


def test_missing_tokens_of_a_load_are_noticed() -> None:
    with pytest.raises(MachineError):
        run_many(pooled(8, 8), without_token(Unit.LOAD, Unit.POST))


def test_a_wait_in_vain_is_noticed() -> None:
    with pytest.raises(MachineError, match="stuck"):
        run_many(
            two_convolutions(), lambda item: changed(item, wait=8) if item.opcode is Opcode.STORE else item
        )


def test_a_token_too_many_is_noticed() -> None:
    def change(item: Instruction) -> Instruction:
        return changed(item, signal=item["signal"] | 1) if item["layer_end"] else item

    with pytest.raises(MachineError, match="tokens are left"):
        run_many(two_convolutions(), change)


def with_change(opcode: Opcode, **fields: int) -> Callable[[Instruction], Instruction]:
    return lambda item: changed(item, **fields) if item.opcode is opcode else item


def test_a_missing_settle_is_noticed() -> None:
    with pytest.raises(MachineError, match="not settled"):
        run_many(pooled_twice(), with_change(Opcode.POST, settle=0))


def test_shared_banks_are_noticed() -> None:
    with pytest.raises(MachineError, match="parts share a bank"):
        run_many(convolution(10, 10, 3), with_change(Opcode.MATMUL_SETUP, row_pitch=64), SMALL)


def test_lanes_beyond_a_window_are_noticed() -> None:
    with pytest.raises(MachineError, match="do not fit a window"):
        run_many(two_convolutions(), with_change(Opcode.MATMUL, k_lanes=17, split=17))


def test_tiles_of_another_kind_are_noticed() -> None:
    with pytest.raises(MachineError, match="tile and sparsity do not agree"):
        run_many(two_convolutions(), with_change(Opcode.MATMUL_SETUP, sparsity=1))


def test_lanes_beyond_the_array_are_noticed() -> None:
    with pytest.raises(MachineError, match="k_lanes"):
        run_many(two_convolutions(), with_change(Opcode.MATMUL, k_lanes=5, split=5))


def test_each_token_is_needed() -> None:
    """Taking any single token away lets something go wrong in some order of the units: none is
    superfluous. Those of loads are left out: what is loaded before weights is there when the weights are."""
    graph = two_convolutions()
    program = compile_graph(graph, TINY)
    code = instructions(program.image)
    pairs = [(giver, taker) for giver in (Unit.ARRAY, Unit.POST) for taker in Unit]
    links = [link for pair in pairs for link in _links(code, *pair)]
    assert links
    data = program.pack_inputs(random_values(graph, 0, 1))
    for giver, taker in links:
        with pytest.raises(MachineError):
            for seed in range(200):
                Machine(_without(program.image, giver, taker), TINY, seed).run(data)


def _links(code: list[Instruction], giver: Unit, taker: Unit) -> list[tuple[int, int]]:
    """(giving, taking) instruction of every token between two units, which come in order."""
    units = [None if item.opcode is Opcode.END else _unit(item) for item in code]
    given = [n for n, item in enumerate(code) if units[n] is giver and item["signal"] >> taker & 1]
    taken = [n for n, item in enumerate(code) if units[n] is taker and item["wait"] >> giver & 1]
    return list(zip(given, taken, strict=True))


def _without(image: bytes, giver: int, taker: int) -> bytes:
    code = instructions(image)
    units = {giver: _unit(code[giver]), taker: _unit(code[taker])}
    start = HEADER.unpack_from(image)[5]
    code[giver] = changed(code[giver], signal=code[giver]["signal"] & ~(1 << units[taker]))
    code[taker] = changed(code[taker], wait=code[taker]["wait"] & ~(1 << units[giver]))
    data = b"".join(map(encode, code))
    return image[:start] + data + image[start + len(code) * INSTRUCTION_BYTES :]


def test_gather_notices_what_is_wrong() -> None:
    graph = random_network(1)
    program = compile_graph(graph, TINY)
    (result,) = Machine(program.image, TINY, 0).run(program.pack_inputs(random_values(graph, 0, 1)))
    last = len(program.layers) - 1
    mine = np.flatnonzero(result.taps["layer"] == last)
    name = program.outputs[0].tensor
    without = np.delete(result.taps, mine[0])
    assert not gather(program, last, without).tensors[name].written.all()
    twice = np.concatenate([result.taps, result.taps[mine[:1]]])
    twice["data"][-1, 0] ^= 1
    assert gather(program, last, twice).tensors[name].conflicts.sum() == 1
    strange = result.taps.copy()
    strange["tag"][mine[0]] = 0
    assert list(gather(program, last, strange).unexplained) == [mine[0]]
    far = result.taps.copy()
    far["address"][mine[0]] += 1 << 20
    assert list(gather(program, last, far).unexplained) == [mine[0]]


def test_the_record_of_an_element_can_be_found() -> None:
    graph = convolution(7, 9, 3, channels=10)
    program = compile_graph(graph, SMALL)
    (result,) = Machine(program.image, SMALL, 0).run(program.pack_inputs(random_values(graph, 0, 1)))
    observed = gather(program, 0, result.taps).tensors[graph.outputs[0]]
    source = random.Random(0)
    for _ in range(20):
        at = tuple(source.randrange(size) for size in observed.values.shape)
        record = result.taps[observed.record[at]]
        assert record["data"][at[3]] == observed.values[at]


def test_gathering_is_fast() -> None:
    graph = convolution(28, 28, 3, channels=16)
    program = compile_graph(graph, SMALL)
    (result,) = Machine(program.image, SMALL, 0).run(program.pack_inputs(random_values(graph, 0, 1)))
    gather(program, 0, result.taps)
    times = []
    for _ in range(10):
        start = perf_counter()
        gather(program, 0, result.taps)
        times.append(perf_counter() - start)
    assert min(times) < 0.01, f"{min(times):.4f} s for 12 KB"
