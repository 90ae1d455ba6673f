"""Execution of whole graphs: batches, precisions that mix, accumulators, exactness of the BLAS products."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from golden import ops, run
from golden.arithmetic import conv_parameters, requantise
from golden.ir import Array, Conv2D, FullyConnected, Graph, GraphError, Quantisation, Tensor
from golden.tests.random_graphs import one_node
from golden.tests.residual_network import images, residual_network


def integer_convolution(x: Array, weights: Array, zero_point: int, operator: Conv2D) -> Array:
    """Accumulators without bias by int64 arithmetic, one window position after another."""
    top, left, bottom, right = operator.padding
    centred = np.pad(x.astype(np.int64) - zero_point, ((0, 0), (top, bottom), (left, right), (0, 0)))
    kernel_h, kernel_w = weights.shape[1:3]
    rows = range(0, centred.shape[1] - kernel_h + 1, operator.stride[0])
    columns = range(0, centred.shape[2] - kernel_w + 1, operator.stride[1])
    wide = weights.astype(np.int64)
    windows = [[centred[:, r : r + kernel_h, c : c + kernel_w] for c in columns] for r in rows]
    return np.array([[np.einsum("nhwc,ohwc->no", w, wide) for w in row] for row in windows]).transpose(
        2, 0, 1, 3
    )


def extreme_convolution(channels: int) -> tuple[Array, Array, Conv2D]:
    """Random products of large values: all of one sign for output 0, of both signs for output 1."""
    random = np.random.default_rng(channels)
    x = random.integers(-128, -60, (1, 5, 6, channels), dtype=np.int8)
    weights = random.integers(-128, -60, (2, 3, 3, channels), dtype=np.int8)
    weights[1] = random.integers(-128, 128, weights.shape[1:], dtype=np.int8)
    return x, weights, Conv2D((2, 1), (1, 0, 2, 1))


@pytest.mark.parametrize("channels", [1, 50, 2048])
def test_convolution_is_exact(channels: int) -> None:
    x, weights, operator = extreme_convolution(channels)
    found = ops.accumulate_convolution(x, weights, None, 127, operator.stride, operator.padding)
    np.testing.assert_array_equal(found, integer_convolution(x, weights, 127, operator))


def test_a_product_in_too_short_a_float_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "exact_dtype", lambda x, weights: np.float32)
    x, weights, operator = extreme_convolution(2048)
    found = ops.accumulate_convolution(x, weights, None, 127, operator.stride, operator.padding)
    assert (found != integer_convolution(x, weights, 127, operator)).any()


def test_exactness_is_decided_at_the_mantissa() -> None:
    largest = np.full((1, 1 << 10), 1 << 7, dtype=np.int16)
    assert ops.exact_dtype(largest, np.full((2, 1 << 10), 127, dtype=np.int16)) is np.float32
    assert ops.exact_dtype(largest, np.full((2, 1 << 10), 128, dtype=np.int16)) is np.float64
    with pytest.raises(OverflowError, match="float64"):
        ops.exact_dtype(np.full((1, 1 << 10), 1 << 22), np.full((1, 1 << 10), 1 << 22))


def dense(features: int) -> Graph:
    tensors = [
        Tensor("x", (1, features), Quantisation((1.0,), 127)),
        Tensor("w", (1, features), Quantisation((1.0,))),
        Tensor("y", (1, 1), Quantisation((100.0,))),
    ]
    return one_node(FullyConnected(), tensors, {"w": np.full((1, features), -128, dtype=np.int8)})


def test_an_accumulator_beyond_int32_is_refused() -> None:
    features = (1 << 31) // (255 * 128)
    graph = dense(features)
    fits = run.accumulate(graph, graph.nodes[0], {"x": np.full((1, features), -128, dtype=np.int8)})
    assert fits.tolist() == [[features * 255 * 128]]
    graph = dense(features + 1)
    with pytest.raises(GraphError, match=r"node 'node': accumulators can reach .*int32"):
        run.run(graph, {"x": np.full((1, features + 1), -128, dtype=np.int8)})


def test_a_batch_is_its_images_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, batch = residual_network(), images(7)
    monkeypatch.setattr(run, "GROUP_ELEMENTS", 3 * 9 * 7 * 3)
    together = run.run(graph, {"x": batch})
    for index in range(7):
        alone = run.run(graph, {"x": batch[index : index + 1]})
        for name, values in alone.items():
            np.testing.assert_array_equal(together[name][index : index + 1], values, err_msg=name)


def test_every_map_is_returned() -> None:
    graph = residual_network()
    assert list(run.run(graph, {"x": images(2)})) == ["x", *(node.output for node in graph.nodes)]


def test_accumulators_lead_to_the_output() -> None:
    graph = residual_network()
    values = run.run(graph, {"x": images(2)})
    for node in graph.nodes:
        if isinstance(node.operator, Conv2D | FullyConnected):
            accumulators = run.accumulate(graph, node, values)
            assert accumulators.dtype == np.int32
            np.testing.assert_array_equal(
                requantise(accumulators, conv_parameters(graph, node)), values[node.output]
            )


def test_absent_bias_is_zero_bias() -> None:
    graph = residual_network()
    zero = replace(graph, constants={**graph.constants, "b": np.zeros(3, dtype=np.int32)})
    first = replace(graph.nodes[0], inputs=("x", "w", ""))
    absent = zero.with_nodes((first, *graph.nodes[1:]))
    found, expected = run.run(absent, {"x": images(1)}), run.run(zero, {"x": images(1)})
    np.testing.assert_array_equal(found["y"], expected["y"])


def test_precisions_mix_from_tensor_to_tensor() -> None:
    """A 4-bit map between 8-bit ones: clamped to its bits, with the steps of its own scale."""
    graph = residual_network()
    fine = run.run(graph, {"x": images(4)})["c"]
    coarse = Tensor("c", (1, 9, 7, 3), Quantisation((0.07 * 4,), -8, 4))
    values = run.run(replace(graph, tensors={**graph.tensors, "c": coarse}), {"x": images(4)})
    assert (values["c"].min(), values["c"].max()) == (-8, 7)
    expected = np.clip(np.rint((fine.astype(float) - 4) / 4) - 8, -8, 7)
    assert (np.abs(values["c"] - expected) <= 1).all()
    assert len(np.unique(values["s"])) > 16


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "inputs given"),
        ({"x": images(1), "z": images(1)}, "inputs given"),
        ({"x": images(1)[:, :, :, :2]}, "input 'x' is"),
        ({"x": images(1).astype(np.int32)}, "int32, needed int8"),
        ({"x": images(1)[:0]}, "batch size"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs: dict[str, Array], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        run.run(residual_network(), inputs)


def test_values_beyond_four_bits_are_refused() -> None:
    graph = residual_network()
    narrow = Tensor("x", (1, 9, 7, 3), Quantisation((0.05,), 0, 4))
    with pytest.raises(GraphError, match="'x' leave int4"):
        run.run(replace(graph, tensors={**graph.tensors, "x": narrow}), {"x": images(1)})
