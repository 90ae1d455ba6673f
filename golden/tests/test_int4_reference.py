"""int4 x int4 against onnx's reference execution: accumulators equal, outputs within 1 (onnx rounds once)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from golden import ops, run
from golden.arithmetic import quantisation_of
from golden.ir import Array, Conv2D, Graph
from golden.tests import random_graphs
from golden.tests.random_graphs import Draw

SEEDS = range(60)


@dataclass(frozen=True)
class Case:
    """An int4 convolution without activation, its input, and the same as onnx inputs and attributes."""

    graph: Graph
    x: Array
    inputs: dict[str, Array]
    attributes: dict[str, Any]


def onnx_result(operator: str, inputs: dict[str, Array], attributes: dict[str, Any]) -> Array:
    """The single output of one onnx operator under reference execution."""
    sources = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values.dtype), values.shape)
        for name, values in inputs.items()
    ]
    made = helper.make_tensor_value_info("made", TensorProto.UNDEFINED, None)
    node = helper.make_node(operator, list(inputs), ["made"], **attributes)
    model = helper.make_model(helper.make_graph([node], "single", sources, [made]))
    results: Any = ReferenceEvaluator(model).run(None, inputs)
    return np.asarray(results[0])


def convolution(seed: int) -> Case:
    draw = Draw(np.random.default_rng(seed), (4,), ("",))
    graph = random_graphs.convolution(draw)
    x = draw.values(graph.tensor("x"))
    operator = graph.nodes[0].operator
    assert isinstance(operator, Conv2D)
    inputs: dict[str, Array] = {
        "x": x.transpose(0, 3, 1, 2),
        "w": graph.constants["w"].transpose(0, 3, 1, 2),
        "x_zero": np.asarray(quantisation_of(graph, "x").zero_point, dtype=np.int8),
    }
    return Case(graph, x, inputs, {"pads": list(operator.padding), "strides": list(operator.stride)})


def accumulator_mismatches() -> tuple[int, int]:
    """(accumulators of int4 convolutions that differ from onnx ConvInteger, accumulators compared)."""
    differing = compared = 0
    for case in map(convolution, SEEDS):
        found = run.accumulate(case.graph, case.graph.nodes[0], {"x": case.x}) - case.graph.constants["b"]
        expected = onnx_result("ConvInteger", case.inputs, case.attributes)
        differing += int((found != expected.transpose(0, 2, 3, 1)).sum())
        compared += expected.size
    return differing, compared


def test_convolution_accumulators_equal_onnx() -> None:
    differing, compared = accumulator_mismatches()
    assert compared > 1000
    assert differing == 0


def test_a_zero_point_off_by_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = ops.accumulate_convolution

    def shifted(x: Array, weights: Array, bias: Array, zero_point: int, *window: Any) -> Array:
        return exact(x, weights, bias, zero_point + 1, *window)

    monkeypatch.setattr(ops, "accumulate_convolution", shifted)
    assert accumulator_mismatches()[0] > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_fully_connected_accumulators_equal_onnx(seed: int) -> None:
    draw = Draw(np.random.default_rng(seed), (4,))
    graph = random_graphs.fully_connected(draw)
    x = draw.values(graph.tensor("x"))
    inputs = {
        "x": x,
        "w": graph.constants["w"].T,
        "x_zero": np.asarray(quantisation_of(graph, "x").zero_point, dtype=np.int8),
    }
    expected = onnx_result("MatMulInteger", inputs, {}) + graph.constants.get("b", np.int32(0))
    np.testing.assert_array_equal(run.accumulate(graph, graph.nodes[0], {"x": x}), expected)


def output_differences() -> Array:
    """Golden's int4 outputs minus QLinearConv's clamped to int4, where the latter is inside the limits."""
    differences = []
    for case in map(convolution, SEEDS):
        y = quantisation_of(case.graph, "y")
        found = run.run(case.graph, {"x": case.x})["y"].astype(np.int16)
        made = onnx_result("QLinearConv", _qlinear_inputs(case.graph, case.inputs), case.attributes)
        expected = np.clip(made.transpose(0, 2, 3, 1), y.low, y.high)
        differences.append((found - expected)[(expected > y.low) & (expected < y.high)])
        assert (np.abs(found - expected) <= 1).all()
    return np.concatenate(differences)


def _qlinear_inputs(graph: Graph, inputs: dict[str, Array]) -> dict[str, Array]:
    x, w, y = (quantisation_of(graph, name) for name in ("x", "w", "y"))
    return {
        "x": inputs["x"],
        "x_scale": np.asarray(x.scale[0], dtype=np.float32),
        "x_zero": np.asarray(x.zero_point, dtype=np.int8),
        "w": inputs["w"],
        "w_scale": np.array(w.scale, dtype=np.float32),
        "w_zero": np.zeros(len(w.scale), dtype=np.int8),
        "y_scale": np.asarray(y.scale[0], dtype=np.float32),
        "y_zero": np.asarray(y.zero_point, dtype=np.int8),
        "bias": graph.constants["b"],
    }


def test_outputs_are_within_one_of_onnx() -> None:
    differences = output_differences()
    assert differences.size > 1000
    assert np.abs(differences).max() <= 1
    assert (differences == 0).mean() > 0.97
