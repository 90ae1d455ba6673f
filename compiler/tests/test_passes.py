"""Passes: float passes keep the values, quantisation stays near them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from compiler.errors import BadData, IllegalGraph, MissingRange, UnsupportedOperator
from compiler.frontends.loaded import Range
from compiler.frontends.onnx_file import load_onnx
from compiler.passes import FLOAT_PASSES, quantised, run_passes
from compiler.passes.calibrate import calibrate
from compiler.passes.integers import check_integers
from compiler.passes.legalise import legalise
from compiler.passes.liveness import DeadNetwork, measure, require_alive
from compiler.passes.quantise import activation_quantisation, weight_scales
from compiler.tests.onnx_models import OnnxModel, images, output, reference, residual
from golden.arithmetic import quantisation_of
from golden.ir import Array, BatchNorm, Concat, Conv2D, Graph, GraphError, Node, Pool2D, Relu, Tensor
from golden.networks import fashion
from golden.run import run


def pool_before_relu() -> OnnxModel:
    """Batch norm, max pool, then ReLU: the ReLU has to move in front of the pool to be fused."""
    model = OnnxModel(image=("N", 3, 8, 8))
    model.conv(3, 6, pads=[1, 1, 1, 1])
    model.batch_norm(6)
    model.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    model.node("Relu")
    model.node("Flatten")
    model.node("Relu")
    model.node("Gemm", model.constant("w", 96, 10))
    return model


@pytest.mark.parametrize("make", [residual, pool_before_relu])
@pytest.mark.parametrize("count", range(1, len(FLOAT_PASSES) + 1))
def test_every_float_pass_keeps_the_values(make: Callable[[], OnnxModel], count: int, tmp_path: Path) -> None:
    path = make().save(tmp_path)
    graph = run_passes(load_onnx(path).graph, FLOAT_PASSES[:count])
    batch = images(graph, 4)
    np.testing.assert_allclose(output(graph, batch), reference(path, batch), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("make", [residual, pool_before_relu])
def test_nothing_is_left_to_fold_or_fuse(make: Callable[[], OnnxModel], tmp_path: Path) -> None:
    graph = run_passes(load_onnx(make().save(tmp_path)).graph, FLOAT_PASSES)
    assert not any(isinstance(node.operator, BatchNorm | Relu) for node in graph.nodes)
    assert set(graph.tensors) == {name for node in graph.nodes for name in (*node.inputs, node.output)}


def test_fused_activations_are_those_of_the_file(tmp_path: Path) -> None:
    graph = run_passes(load_onnx(residual().save(tmp_path)).graph, FLOAT_PASSES)
    activations = [getattr(node.operator, "activation", None) for node in graph.nodes]
    assert [activation for activation in activations if activation] == ["relu", "relu6", "relu"]


def test_one_window_needs_no_stride() -> None:
    pool = Pool2D("average", (4, 4), (4, 4))
    tensors = {"x": Tensor("x", (1, 4, 4, 2)), "y": Tensor("y", (1, 1, 1, 2))}
    graph = _one_node(pool, tensors)
    assert legalise(graph).nodes[0].operator == replace(pool, stride=(1, 1))
    # Without the stride a smaller window would find a second position: it stays.
    small = _one_node(Pool2D("max", (2, 2), (4, 4)), tensors)
    assert legalise(small) == small


def _one_node(operator: Pool2D, tensors: dict[str, Tensor]) -> Graph:
    return Graph("one", ("x",), ("y",), tensors, (Node("node", operator, ("x",), "y"),))


def _pre_activation() -> OnnxModel:
    model = OnnxModel(image=("N", 3, 8, 8))
    model.batch_norm(3)
    return model


def _shared_before_relu() -> OnnxModel:
    model = OnnxModel(image=("N", 3, 8, 8))
    start = model.conv(3, 3, kernel=1)
    relu = model.node("Relu")
    model.node("Add", inputs=[start, relu])
    return model


def _relu_of_average() -> OnnxModel:
    model = OnnxModel(image=("N", 3, 8, 8))
    model.node("AveragePool", kernel_shape=[2, 2])
    model.node("Relu")
    return model


@pytest.mark.parametrize("make", [_pre_activation, _shared_before_relu, _relu_of_average])
def test_what_cannot_be_folded_or_fused_is_refused(make: Callable[[], OnnxModel], tmp_path: Path) -> None:
    graph = load_onnx(make().save(tmp_path)).graph
    with pytest.raises(UnsupportedOperator, match=r"node 'n\d' \((BatchNorm|Relu)\).* must follow"):
        run_passes(graph, FLOAT_PASSES)


def test_a_pass_that_breaks_the_graph_is_named(tmp_path: Path) -> None:
    """The twin of the legality check between passes."""

    def lose_a_node(graph: Graph) -> Graph:
        return graph.with_nodes(graph.nodes[1:])

    graph = load_onnx(residual().save(tmp_path)).graph
    with pytest.raises(IllegalGraph, match="after lose_a_node"):
        run_passes(graph, (lose_a_node,))


def test_calibration_sees_every_map_and_image(tmp_path: Path) -> None:
    graph = run_passes(load_onnx(residual().save(tmp_path)).graph, FLOAT_PASSES)
    batch = images(graph, 40)
    ranges = calibrate(graph, batch)
    values = run(graph, {graph.inputs[0]: batch})
    assert ranges == {name: (float(v.min()), float(v.max())) for name, v in values.items()}
    with pytest.raises(BadData, match="no calibration images"):
        calibrate(graph, batch[:0])
    with pytest.raises(BadData, match="not finite"):
        calibrate(graph, batch * np.float32(3e38))


@pytest.mark.parametrize(("bits", "tolerance"), [(8, 0.02), (4, 0.3)])
def test_quantised_network_is_near_the_float_one(bits: int, tolerance: float, tmp_path: Path) -> None:
    """Root mean square error of the outputs, as a share of their spread."""
    graph = run_passes(load_onnx(residual().save(tmp_path)).graph, FLOAT_PASSES)
    batch = images(graph, 64)
    integers = quantised(graph, calibrate(graph, batch), bits)
    q = quantisation_of(integers, graph.inputs[0])
    steps = np.clip(np.round(batch / q.scale[0]) + q.zero_point, q.low, q.high).astype(np.int8)
    result = quantisation_of(integers, graph.outputs[0])
    found = result.scale[0] * (output(integers, steps).astype(np.float64) - result.zero_point)
    expected = output(graph, batch).astype(np.float64)
    assert np.sqrt(np.mean((found - expected) ** 2)) < tolerance * expected.std()


@pytest.mark.parametrize(
    ("least", "greatest"), [(0.0, 1.0), (-1.0, 2.0), (0.5, 3.0), (-2.0, -1.0), (0.0, 0.0)]
)
@pytest.mark.parametrize("bits", [4, 8])
def test_zero_is_exact_and_the_range_is_covered(least: float, greatest: float, bits: int) -> None:
    q = activation_quantisation(least, greatest, bits)
    lowest, highest = (q.scale[0] * (end - q.zero_point) for end in (q.low, q.high))
    half_a_step = 0.5001 * q.scale[0]
    assert lowest <= min(least, 0) + half_a_step and highest >= max(greatest, 0) - half_a_step
    assert q.low <= q.zero_point <= q.high


def test_channels_of_no_weights_keep_their_bias() -> None:
    weights = np.zeros((3, 1, 1, 2), np.float32)
    weights[0] = 0.5
    bias = np.array([0.25, 4.0, 0.0], np.float32)
    scales = weight_scales(weights, bias, 0.1, 8)
    assert scales[0] == np.float64(np.float32(0.5 / 127)) and scales[2] == 1
    assert abs(round(4.0 / (0.1 * scales[1])) / (1 << 30) - 1) < 1e-6


def test_four_bit_network_keeps_its_ends_wide() -> None:
    """Widths that follow from the rule are those that the trained file prescribes."""
    loaded = load_onnx(fashion.INT4_MODEL)
    graph = quantised(run_passes(loaded.graph, FLOAT_PASSES), loaded.ranges, 4)
    metadata = {entry.key: int(entry.value) for entry in _metadata(fashion.INT4_MODEL) if "bits" in entry.key}
    maps = {name: quantisation_of(graph, name).bits for name in graph.tensors}
    for key, bits in metadata.items():
        name = key.removeprefix("assay.bits.")
        assert maps[f"{name.removesuffix('.weight')}.weights" if name.endswith(".weight") else name] == bits
    assert len(metadata) > 20 and set(metadata.values()) == {4, 8}
    assert all(values.max() <= 7 and values.min() >= -7 for values in _four_bit_weights(graph))


def _metadata(path: Path) -> list[onnx.StringStringEntryProto]:
    return list(onnx.load(path).metadata_props)


def _four_bit_weights(graph: Graph) -> list[Array]:
    return [graph.constants[name] for name in graph.constants if quantisation_of(graph, name).bits == 4]


def joined() -> OnnxModel:
    """Four branches of very different ranges: two joined, one of these joined with a third, one left alone."""
    model = OnnxModel(image=("N", 3, 8, 8))
    branches = []
    for index, size in enumerate((0.1, 1.0, 10.0, 100.0)):
        weights = model.values(f"v{index}", np.full((2, 3, 1, 1), size, np.float32))
        model.node("Conv", inputs=["image", weights])
        branches.append(model.node("Relu"))
    model.node("Concat", inputs=branches[:2], axis=1)
    first = model.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    pooled = [
        model.node("MaxPool", inputs=[name], kernel_shape=[2, 2], strides=[2, 2]) for name in branches[1:]
    ]
    second = model.node("Concat", inputs=[pooled[0], pooled[1]], axis=1)
    wide = model.node("Concat", inputs=[first, second], axis=1)
    left = model.node("Conv", inputs=[wide, model.constant("w", 6, 8, 1, 1)])
    right = model.node("Conv", inputs=[pooled[2], model.constant("x", 6, 2, 1, 1)])
    model.node("Add", inputs=[left, right])
    model.node("Conv", model.constant("y", 5, 6, 1, 1))
    return model


@pytest.mark.parametrize("bits", [4, 8])
def test_joined_maps_share_the_union_of_their_ranges(bits: int, tmp_path: Path) -> None:
    graph = run_passes(load_onnx(joined().save(tmp_path)).graph, FLOAT_PASSES)
    ranges = calibrate(graph, images(graph, 4))
    joins = [node for node in graph.nodes if isinstance(node.operator, Concat)]
    alike = {name for node in joins for name in (*node.inputs, node.output)}
    integers = quantised(graph, ranges, bits)
    kinds = {quantisation_of(integers, name) for name in alike}
    widest = max(ranges[name][1] for name in alike)
    assert kinds == {activation_quantisation(0, widest, bits)} and len(alike) == 8
    alone = graph.nodes[3].output
    assert alone not in alike and quantisation_of(integers, alone).scale[0] > 5 * widest / 255


def test_joined_maps_need_every_range(tmp_path: Path) -> None:
    graph = run_passes(load_onnx(joined().save(tmp_path)).graph, FLOAT_PASSES)
    ranges = calibrate(graph, images(graph, 2))
    missing = graph.nodes[1].output
    del ranges[missing]
    with pytest.raises(MissingRange, match=f"no range for tensor '{missing}'"):
        quantised(graph, ranges, 8)


def test_a_group_with_the_input_is_as_wide_as_it(tmp_path: Path) -> None:
    """A map joined with the input has 8 bits in a 4-bit network, and so have the weights that meet it."""
    model = OnnxModel(image=("N", 3, 8, 8))
    branch = model.conv(3, 4, kernel=1)
    model.node("Concat", inputs=["image", branch], axis=1)
    model.conv(7, 4, kernel=1)
    model.conv(4, 4, kernel=1)
    model.conv(4, 4, kernel=1)
    graph = run_passes(load_onnx(model.save(tmp_path)).graph, FLOAT_PASSES)
    ranges = calibrate(graph, images(graph, 2))
    for end_weights in (8, 4):
        integers = quantised(graph, ranges, 4, end_weights)
        maps = [quantisation_of(integers, node.output).bits for node in integers.nodes]
        assert maps == [8, 8, 4, 8, 8]
        layers = [node for node in integers.nodes if isinstance(node.operator, Conv2D)]
        weights = [quantisation_of(integers, node.inputs[1]).bits for node in layers]
        assert weights == [end_weights, end_weights, 4, end_weights]


def test_relu_moves_before_a_slice_and_a_pad(tmp_path: Path) -> None:
    model = OnnxModel()
    model.conv(3, 4)
    model.node("Slice", *(model.values(f"s{n}", np.array([n], np.int64)) for n in (1, 5, 3)))
    model.node("Relu")
    model.node("Pad", model.values("pads", np.array([0, 1, 0, 0, 0, 2, 0, 0], np.int64)))
    model.node("Relu")
    path = model.save(tmp_path)
    graph = run_passes(load_onnx(path).graph, FLOAT_PASSES)
    assert [type(node.operator).__name__ for node in graph.nodes] == ["Conv2D", "Slice", "Pad"]
    batch = images(graph, 2)
    np.testing.assert_allclose(output(graph, batch), reference(path, batch), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_slices_in_a_row_become_one(seed: int, tmp_path: Path) -> None:
    """Three of any begin, end and stride, on either axis: the values of the file, by one node."""
    random, model = np.random.default_rng(seed), OnnxModel(image=("N", 2, 24, 20))
    sizes = [24, 20]
    for number in range(3):
        axis = int(random.integers(2))
        begin = int(random.integers(0, sizes[axis]))
        end = int(random.integers(begin + 1, sizes[axis] + 1))
        step = int(random.integers(1, 4))
        sizes[axis] = -(-(end - begin) // step)
        tables = (begin, end, axis + 2, step)
        model.node("Slice", *(model.values(f"{number}{n}", np.array([t])) for n, t in enumerate(tables)))
    model.conv(2, 3, kernel=1)
    path = model.save(tmp_path)
    graph = run_passes(load_onnx(path).graph, FLOAT_PASSES)
    assert len(graph.nodes) <= 2 and graph.tensor(graph.outputs[0]).shape == (1, *sizes, 3)
    batch = images(graph, 2)
    np.testing.assert_allclose(output(graph, batch), reference(path, batch), rtol=1e-4, atol=1e-5)


def test_a_slice_that_others_read_stays(tmp_path: Path) -> None:
    model = OnnxModel(image=("N", 2, 8, 8))
    rows = [model.values(f"a{n}", np.array([t])) for n, t in enumerate((0, 8, 2, 2))]
    columns = [model.values(f"b{n}", np.array([t])) for n, t in enumerate((0, 4, 3, 1))]
    first = model.node("Slice", *rows)
    second = model.node("Slice", *columns)
    model.node("Concat", inputs=[model.node("Slice", inputs=[first, *columns]), second], axis=1)
    graph = run_passes(load_onnx(model.save(tmp_path)).graph, FLOAT_PASSES)
    assert [type(node.operator).__name__ for node in graph.nodes] == ["Slice", "Slice", "Slice", "Concat"]


def test_missing_range_names_the_tensor(tmp_path: Path) -> None:
    graph = run_passes(load_onnx(residual().save(tmp_path)).graph, FLOAT_PASSES)
    ranges = calibrate(graph, images(graph, 2))
    missing = next(node.output for node in graph.nodes if isinstance(node.operator, Conv2D))
    del ranges[missing]
    pools = [node.output for node in graph.nodes if isinstance(node.operator, Pool2D)]
    for name in pools:
        ranges.pop(name)
    with pytest.raises(MissingRange, match=f"no range for tensor '{missing}'"):
        quantised(graph, ranges, 8)


def test_bits_other_than_4_and_8_are_refused(tmp_path: Path) -> None:
    graph = run_passes(load_onnx(residual().save(tmp_path)).graph, FLOAT_PASSES)
    with pytest.raises(IllegalGraph, match="must be 4 or 8"):
        quantised(graph, {}, 5)


def _fashion_int8(ranges: Mapping[str, Range] | None = None) -> tuple[Graph, Array]:
    """The network and twenty images, with the given ranges instead of its own."""
    loaded = load_onnx(fashion.FLOAT_MODEL)
    graph = quantised(run_passes(loaded.graph, FLOAT_PASSES), loaded.ranges | dict(ranges or {}), 8)
    return graph, (fashion.images()[0][:20].astype(np.int16) - 128).astype(np.int8)


def test_trained_network_is_alive() -> None:
    graph, pixels = _fashion_int8()
    statistics = require_alive(graph, pixels)
    assert len(statistics) == 13
    assert all(layer.distinct > 30 and layer.saturated < 0.01 for layer in statistics)
    assert str(statistics[0]).startswith("stem: ")


@pytest.mark.parametrize(
    ("node", "absurd", "rule"),
    [("block1_conv2", (-1e4, 1e4), "there are 1 distinct values"), ("stem", (0.0, 0.01), "saturate")],
)
def test_layers_of_absurd_range_are_found(node: str, absurd: Range, rule: str) -> None:
    graph, pixels = _fashion_int8({node: absurd})
    with pytest.raises(DeadNetwork, match=rf"node '{node}': .*{rule}"):
        require_alive(graph, pixels)


def test_a_layer_of_zeros_is_found() -> None:
    graph, pixels = _fashion_int8()
    name = graph.nodes[0].inputs[2]
    bias = np.full_like(graph.constants[name], -(1 << 20))
    with pytest.raises(DeadNetwork, match=r"node 'stem': 100\.0 % of the values are 0 after ReLU"):
        require_alive(replace(graph, constants=graph.constants | {name: bias}), pixels)


@pytest.mark.parametrize(("activation", "saturated"), [("relu6", False), ("relu", True)])
def test_the_limit_of_relu6_is_no_saturation(activation: str, saturated: bool) -> None:
    """A value of 6 belongs there under ReLU6; under ReLU the end of the integers may have cut it off."""
    graph, pixels = _fashion_int8({"stem": (0.0, 6.5 if activation == "relu6" else 0.5)})
    stem = graph.nodes[0]
    bias = np.full_like(graph.constants[stem.inputs[2]], 1 << 24)
    assert isinstance(stem.operator, Conv2D)
    stem = replace(stem, operator=replace(stem.operator, activation=activation))
    graph = replace(graph, constants=graph.constants | {stem.inputs[2]: bias}, nodes=(stem, *graph.nodes[1:]))
    assert (measure(graph, pixels)[0].saturated > 0.9) == saturated


def test_accumulators_beyond_int32_are_refused() -> None:
    graph, _ = _fashion_int8()
    name = graph.nodes[0].inputs[2]
    bias = np.full_like(graph.constants[name], (1 << 31) - 1)
    with pytest.raises(GraphError, match="node 'stem': an accumulator can reach"):
        check_integers(replace(graph, constants=graph.constants | {name: bias}))
