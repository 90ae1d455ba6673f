"""Every integer operator against TFLite's reference kernels (BUILTIN_REF): equal, value by value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from golden import arithmetic, ops
from golden.arithmetic import AnyIntegers, Integers
from golden.ir import Array, Conv2D, Graph, Quantisation, Tensor
from golden.run import run
from golden.tests import random_graphs
from golden.tests.random_graphs import Draw, one_node
from golden.tests.residual_network import images, residual_network
from golden.tests.tflite_model import run_reference

Make = Callable[[Draw], Graph]

CASES = 150
OPERATORS: dict[str, Make] = {
    "convolution": random_graphs.convolution,
    "fully_connected": random_graphs.fully_connected,
    "add": random_graphs.add,
    "max_pool": partial(random_graphs.pool, kind="max"),
    "average_pool": partial(random_graphs.pool, kind="average"),
    "concat": random_graphs.concat,
    "strided_slice": random_graphs.strided_slice,
    "pad": random_graphs.pad,
}


def mismatches(make: Make, bits: tuple[int, ...] = (8,)) -> tuple[int, int, int]:
    """(values that differ from the reference, values compared, values strictly inside the output's range)."""
    differing = compared = inside = 0
    for seed in range(CASES):
        draw = Draw(np.random.default_rng(seed), bits)
        graph = make(draw)
        inputs = {name: draw.values(graph.tensor(name)) for name in graph.inputs}
        found, expected = run(graph, inputs)["y"], reference(graph, inputs)
        limits = arithmetic.quantisation_of(graph, "y")
        differing += int((found != expected).sum())
        inside += int(((expected > limits.low) & (expected < limits.high)).sum())
        compared += expected.size
    return differing, compared, inside


def reference(graph: Graph, inputs: dict[str, Array]) -> Array:
    """TFLite's int8 result clamped to the output's bits, which is the int4 result where bits are 4."""
    limits = arithmetic.quantisation_of(graph, "y")
    return np.clip(run_reference(_as_int8(graph), inputs)["y"], limits.low, limits.high)


def _as_int8(graph: Graph) -> Graph:
    """The same values and scales in tensors of at least 8 bits."""
    tensors = {name: replace(t, quantisation=_widened(t.quantisation)) for name, t in graph.tensors.items()}
    return replace(graph, tensors=tensors)


def _widened(quantisation: Quantisation | None) -> Quantisation:
    assert quantisation is not None
    return replace(quantisation, bits=max(8, quantisation.bits))


@pytest.mark.parametrize("bits", [(8,), (4,), (4, 8)], ids=["int8", "int4", "mixed"])
@pytest.mark.parametrize("make", OPERATORS.values(), ids=OPERATORS.keys())
def test_operator_equals_reference(make: Make, bits: tuple[int, ...]) -> None:
    differing, compared, inside = mismatches(make, bits)
    assert compared > 1000 and inside > compared // 5
    assert differing == 0


def multiplier_graph(seed: int) -> tuple[Graph, Array]:
    """256 accumulators of one's choice (biases of zero weights), each with a factor of its own, 2**-30 to
    2**22, three in four within the output's range; and the accumulators."""
    random = np.random.default_rng(seed)
    factors = np.exp2(random.uniform(-30, 22, 256)).astype(np.float32)
    reals = random.integers(-260, 260, 256) / 2 + random.uniform(-0.01, 0.01, 256)
    wanted = np.where(random.random(256) < 0.75, reals / factors, random.uniform(-(2.0**31), 2.0**31, 256))
    biases = np.clip(np.rint(wanted), -(2**31), 2**31 - 1).astype(np.int32)
    scales = tuple(float(factor) for factor in factors)
    tensors = [
        Tensor("x", (1, 1, 1, 1), Quantisation((1.0,))),
        Tensor("w", (256, 1, 1, 1), Quantisation(scales, 0, 8, 0)),
        Tensor("b", (256,), Quantisation(scales, 0, 32, 0)),
        Tensor("y", (1, 1, 1, 256), Quantisation((1.0,))),
    ]
    weights = np.zeros((256, 1, 1, 1), dtype=np.int8)
    return one_node(Conv2D(), tensors, {"w": weights, "b": biases}), biases


def multiplier_mismatches() -> int:
    image = {"x": np.zeros((1, 1, 1, 1), dtype=np.int8)}
    graphs = [multiplier_graph(seed)[0] for seed in range(40)]
    return sum(int((run(graph, image)["y"] != reference(graph, image)).sum()) for graph in graphs)


def test_extreme_multipliers_equal_reference() -> None:
    """Left shifts whose result wraps in 32 bits are among them."""
    graph, biases = multiplier_graph(0)
    shifts = arithmetic.conv_parameters(graph, graph.nodes[0]).shifts
    assert shifts.min() < -25 and shifts.max() > 15
    assert (np.abs(biases.astype(np.int64)) << np.maximum(shifts, 0) > arithmetic.INT32_MAX).any()
    assert multiplier_mismatches() == 0


def test_every_tensor_of_a_network_equals_reference() -> None:
    graph = residual_network()
    found, expected = run(graph, {"x": images(1)}), run_reference(graph, {"x": images(1)})
    for node in graph.nodes:
        assert len(np.unique(expected[node.output])) > 3
        np.testing.assert_array_equal(found[node.output], expected[node.output], err_msg=node.name)


def single_rounding(x: AnyIntegers, multiplier: AnyIntegers | int, shift: AnyIntegers | int) -> Integers:
    """The rounding that some libraries use instead: one step over the whole product."""
    right = 31 - np.asarray(shift, dtype=np.int64)
    result: Integers = (np.multiply(x, multiplier, dtype=np.int64) + (np.int64(1) << (right - 1))) >> right
    return result


def saturating_left_shift(
    x: AnyIntegers, multiplier: AnyIntegers | int, shift: AnyIntegers | int
) -> Integers:
    """Saturation where the reference wraps."""
    left: Integers = np.maximum(np.asarray(shift, dtype=np.int64), 0)
    shifted = np.clip(np.asarray(x, np.int64) << left, arithmetic.INT32_MIN, arithmetic.INT32_MAX)
    high = arithmetic.saturating_rounding_doubling_high_multiply(shifted, multiplier)
    return arithmetic.rounding_divide_by_power_of_two(high, left - shift)


def test_single_rounding_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "multiply_by_quantised_multiplier", single_rounding)
    assert mismatches(random_graphs.convolution)[0] > 0
    assert multiplier_mismatches() > 0


def test_saturating_left_shift_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "multiply_by_quantised_multiplier", saturating_left_shift)
    assert multiplier_mismatches() > 0


def test_less_headroom_in_add_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arithmetic, "ADD_LEFT_SHIFT", 8)
    assert mismatches(random_graphs.add)[0] > 0


def test_flooring_mean_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "rounded_mean", lambda total, count: (total + count // 2) // count)
    assert mismatches(OPERATORS["average_pool"])[0] > 0


def test_padding_with_zero_point_ignored_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Padding with the number 0 instead of the zero point."""

    exact = ops.accumulate_convolution

    def misplaced(
        x: Array,
        weights: Array,
        bias: Array,
        zero_point: int,
        stride: ops.Pair,
        padding: ops.Padding,
        value: int,
    ) -> Array:
        sizes = ((0, 0), padding[0::2], padding[1::2], (0, 0))
        return exact(np.pad(x, sizes), weights, bias, zero_point, stride, (0, 0, 0, 0), value)

    monkeypatch.setattr(ops, "accumulate_convolution", misplaced)
    assert mismatches(random_graphs.convolution)[0] > 0


def test_channels_padded_with_the_number_zero_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = ops.pad_channels
    monkeypatch.setattr(ops, "pad_channels", lambda x, before, after, zero: exact(x, before, after, 0))
    assert mismatches(random_graphs.pad)[0] > 0


def test_maps_joined_in_another_order_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = np.concatenate
    monkeypatch.setattr(
        np,
        "concatenate",
        lambda maps, axis=0, **rest: exact(maps[::-1] if axis == 3 else maps, axis, **rest),
    )
    assert mismatches(random_graphs.concat)[0] > 0


def test_a_slice_that_begins_elsewhere_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = ops.strided_slice
    monkeypatch.setattr(
        ops, "strided_slice", lambda x, begin, end, stride: exact(x[:, ::-1], begin, end, stride)
    )
    assert mismatches(random_graphs.strided_slice)[0] > 0
