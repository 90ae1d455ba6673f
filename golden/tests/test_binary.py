"""Binary layers are their float models with batch norm and sign, in every value: in golden's floats, in NumPy's
float64, in onnxruntime and, where it is installed, in PyTorch."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from golden import binary, ops
from golden.ir import Array, Conv2D, Graph, Quantisation
from golden.run import accumulate, run
from golden.tests.binary_layers import (
    EPSILON,
    LAYERS,
    PLAIN,
    Layer,
    Parameters,
    binary_graph,
    float_graph,
    images,
    parameters,
)

EVERY_LAYER = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())


def output(graph: Graph, batch: Array) -> Array:
    return run(graph, {"image": batch})[graph.outputs[0]]


def bits(layer: Layer, given: Parameters, batch: Array) -> Array:
    return output(binary_graph(layer, given), batch)


@EVERY_LAYER
def test_bits_are_those_of_the_float_graph(layer: Layer) -> None:
    for seed in range(4):
        given, batch = parameters(layer, seed), images(layer, seed=seed)
        found = bits(layer, given, batch)
        exact = output(float_graph(layer, given), batch.astype(np.float32))
        assert found.dtype == np.int8 and set(np.unique(found)) == {-1, 1}
        np.testing.assert_array_equal(found, exact)


def test_ties_both_signs_and_constants_occur() -> None:
    """What the comparison above rests on: accumulators on a threshold, and channels of each kind."""
    layer = LAYERS["zeros around"]
    given = parameters(layer)
    graph = float_graph(layer, given)
    values = run(graph, {"image": images(layer).astype(np.float32)})
    moving = given.gamma != 0
    assert np.mean(values["norm"][..., moving] == 0) > 0.02
    assert {-1, 0, 1} == set(np.sign(given.gamma))
    assert (values["product"] != np.round(values["product"])).sum() == 0


def padded(layer: Layer, batch: Array) -> Array:
    top, left, bottom, right = layer.padding
    edges = ((0, 0), (top, bottom), (left, right), (0, 0))
    return np.pad(batch.astype(np.float64), edges, constant_values=layer.padding_value)


def products(layer: Layer, weights: Array, batch: Array) -> Array:
    """Accumulators in float64, one window after another."""
    if layer.full:
        sums: Array = batch.reshape(len(batch), -1).astype(np.float64) @ weights.astype(np.float64).T
        return sums
    wide, (kernel_h, kernel_w) = padded(layer, batch), weights.shape[1:3]
    rows = range(0, wide.shape[1] - kernel_h + 1, layer.stride[0])
    columns = range(0, wide.shape[2] - kernel_w + 1, layer.stride[1])
    flat = weights.reshape(len(weights), -1).astype(np.float64).T
    windows = [
        [wide[:, y : y + kernel_h, x : x + kernel_w].reshape(len(batch), -1) @ flat for x in columns]
        for y in rows
    ]
    return np.array(windows).transpose(2, 0, 1, 3)


def pooled(values: Array) -> Array:
    height, width = (size // 2 * 2 for size in values.shape[1:3])
    windows = [values[:, y:height:2, x:width:2] for y in (0, 1) for x in (0, 1)]
    greatest: Array = np.max(windows, axis=0)
    return greatest


@EVERY_LAYER
def test_bits_are_those_of_numpy_in_float64(layer: Layer) -> None:
    given, batch = parameters(layer, 9), images(layer, seed=9)
    sums = products(layer, given.weights, batch)
    sums = pooled(sums) if layer.pool == "before" else sums
    deviation = np.sqrt(given.variance.astype(np.float64) + EPSILON)
    made = np.where(given.gamma * (sums - given.mean) / deviation + given.beta >= 0, 1, -1)
    made = pooled(made) if layer.pool == "after" else made
    np.testing.assert_array_equal(bits(layer, given, batch), made)


def onnx_model(layer: Layer, given: Parameters) -> bytes:
    """Conv, perhaps MaxPool, BatchNormalization, a comparison with 0: ONNX' own operators alone."""
    norm = {"gamma": given.gamma, "beta": given.beta, "mean": given.mean, "variance": given.variance}
    weights = given.weights.astype(np.float32)
    values = norm | {"zero": np.zeros(1, np.float32), "one": np.ones(1, np.float32)}
    values |= {"minus": -np.ones(1, np.float32), "weights": weights if layer.full else turned(weights)}
    pool: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
    steps: list[tuple[str, list[str], dict[str, Any]]]
    steps = [("Conv", ["weights"], {"strides": layer.stride, "pads": (0, 0, 0, 0)})]
    if layer.full:
        steps = [("Flatten", [], {}), ("Gemm", ["weights"], {"transB": 1})]
    steps += [("MaxPool", [], pool)] * (layer.pool == "before")
    steps += [("BatchNormalization", list(norm), {"epsilon": EPSILON})]
    nodes, last = [], "image"
    for index, (kind, names, attributes) in enumerate(steps):
        nodes.append(helper.make_node(kind, [last, *names], [f"t{index}"], **attributes))
        last = f"t{index}"
    nodes.append(helper.make_node("GreaterOrEqual", [last, "zero"], ["is_one"]))
    nodes.append(helper.make_node("Where", ["is_one", "one", "minus"], ["bits"]))
    if layer.pool == "after":
        nodes.append(helper.make_node("MaxPool", ["bits"], ["pooled"], **pool))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", layer.channels, None, None])
    made = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    constants = [numpy_helper.from_array(array, name) for name, array in values.items()]
    graph = helper.make_graph(nodes, "layer", [image], [made], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def turned(values: Array) -> Array:
    """NHWC as NCHW."""
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def back(values: Array) -> Array:
    return values.transpose(0, 2, 3, 1) if values.ndim == 4 else values


@pytest.mark.parametrize("name", [name for name, layer in LAYERS.items() if not layer.full])
def test_bits_are_those_of_onnxruntime(name: str) -> None:
    layer = LAYERS[name]
    given, batch = parameters(layer, 11), images(layer, seed=11)
    session = onnxruntime.InferenceSession(onnx_model(layer, given), providers=["CPUExecutionProvider"])
    (made,) = session.run(None, {"image": turned(padded(layer, batch).astype(np.float32))})
    np.testing.assert_array_equal(bits(layer, given, batch), back(made))


@EVERY_LAYER
def test_bits_are_those_of_pytorch(layer: Layer) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    functional = torch.nn.functional
    given, batch = parameters(layer, 13), images(layer, seed=13)
    weights = torch.from_numpy(given.weights.astype(np.float32))
    if layer.full:
        x = torch.from_numpy(batch.astype(np.float32)).flatten(1) @ weights.T
    else:
        x = torch.from_numpy(turned(padded(layer, batch).astype(np.float32)))
        x = functional.conv2d(x, weights.permute(0, 3, 1, 2), stride=layer.stride)
    x = functional.max_pool2d(x, 2) if layer.pool == "before" else x
    names = (given.mean, given.variance, given.gamma, given.beta)
    x = functional.batch_norm(x, *(torch.from_numpy(values) for values in names), eps=EPSILON)
    x = torch.where(x >= 0, 1.0, -1.0)
    x = functional.max_pool2d(x, 2) if layer.pool == "after" else x
    np.testing.assert_array_equal(bits(layer, given, batch), back(x.numpy()))


def differs(name: str) -> bool:
    layer = LAYERS[name]
    given, batch = parameters(layer), images(layer)
    exact = output(float_graph(layer, given), batch.astype(np.float32))
    return bool((bits(layer, given, batch) != exact).any())


def test_a_tie_decided_wrongly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = binary.threshold
    monkeypatch.setattr(binary, "threshold", lambda x, least, flips: exact(x - 1, least, flips))
    assert differs("zeros around")


def test_a_maximum_of_falling_thresholds_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "pool", lambda x, minimum, *window: ops.max_pool(x, *window))
    assert differs("pool before") and not differs("pool after")


def test_bits_padded_with_zeros_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = ops.accumulate_convolution
    monkeypatch.setattr(ops, "accumulate_convolution", lambda *given: exact(*given[:6]))
    assert differs("ones around") and not differs("zeros around")


def with_scores(layer: Layer, factors: Array | None, offsets: Array | None) -> Graph:
    """The layer with 32-bit results."""
    graph = binary_graph(layer, parameters(layer))
    node = graph.nodes[0]
    tensors = graph.tensors | {
        "product": dataclasses.replace(graph.tensor("product"), quantisation=Quantisation((0.5,), 0, 32))
    }
    if factors is None or offsets is None:
        node = dataclasses.replace(node, inputs=node.inputs[:2])
        return dataclasses.replace(graph, tensors=tensors, nodes=(node,))
    names = node.inputs[2:]
    tensors |= {name: dataclasses.replace(graph.tensor(name), quantisation=PLAIN) for name in names}
    constants = graph.constants | dict(zip(names, (factors, offsets), strict=True))
    return dataclasses.replace(graph, tensors=tensors, constants=constants)


def test_scores_are_accumulators_times_factor_plus_offset() -> None:
    layer = LAYERS["fully connected"]
    random, batch = np.random.default_rng(3), images(layer)
    factors = random.integers(-(1 << 15), 1 << 15, layer.filters, dtype=np.int32)
    offsets = random.integers(-(1 << 24), 1 << 24, layer.filters, dtype=np.int32)
    sums = products(layer, parameters(layer).weights, batch)
    bare = with_scores(layer, None, None)
    values = output(bare, batch)
    assert values.dtype == np.int32
    np.testing.assert_array_equal(values, sums)
    np.testing.assert_array_equal(accumulate(bare, bare.nodes[0], {"image": batch}), sums)
    made = output(with_scores(layer, factors, offsets), batch)
    np.testing.assert_array_equal(made, sums * factors + offsets)


def test_the_accumulators_of_bits_are_the_products() -> None:
    layer = LAYERS["ones around"]
    given, batch = parameters(layer), images(layer)
    graph = binary_graph(layer, given)
    assert isinstance(graph.nodes[0].operator, Conv2D)
    found = accumulate(graph, graph.nodes[0], {"image": batch})
    np.testing.assert_array_equal(found, products(layer, given.weights, batch))
