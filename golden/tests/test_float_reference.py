"""Float operators against onnxruntime, one by one and as a residual block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from golden import ops
from golden.ir import (
    Add,
    Array,
    BatchNorm,
    Concat,
    Conv2D,
    FullyConnected,
    Graph,
    Node,
    Operator,
    Pad,
    Pool2D,
    Relu,
    Reshape,
    Slice,
    Tensor,
)
from golden.run import run
from golden.shapes import output_shape

TOLERANCE = 1e-5


def random_values(seed: int, shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@dataclass(frozen=True)
class Block:
    """A float graph and, node by node, the same in onnx (NCHW)."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    onnx_nodes: list[NodeProto] = field(default_factory=list)
    onnx_constants: dict[str, Array] = field(default_factory=dict)

    def constant(self, name: str, values: Array, onnx_values: Array | None = None) -> str:
        self.tensors[name] = Tensor(name, values.shape)
        self.constants[name] = values
        self.onnx_constants[name] = values if onnx_values is None else onnx_values
        return name

    def table(self, name: str, values: list[int]) -> str:
        """A constant that only onnx reads."""
        self.onnx_constants[name] = np.array(values, np.int64)
        return name

    def apply(
        self, operator: Operator, inputs: Sequence[str], output: str, onnx: tuple[str, dict[str, Any]]
    ) -> None:
        shape = output_shape(operator, [self.tensors[name].shape for name in inputs])
        assert shape is not None
        self.tensors[output] = Tensor(output, shape)
        self.nodes.append(Node(output, operator, tuple(inputs), output))
        activation = getattr(operator, "activation", "")
        made = f"{output}_raw" if activation else output
        self.onnx_nodes.append(helper.make_node(onnx[0], list(inputs), [made], **onnx[1]))
        if activation:
            self.onnx_nodes.append(_onnx_clip(made, output, 6.0 if activation == "relu6" else None, self))

    def graph(self, output: str) -> Graph:
        return Graph("float", ("x",), (output,), self.tensors, tuple(self.nodes), self.constants)

    def onnx_outputs(self, x: Array) -> dict[str, Array]:
        names = [node.output for node in self.nodes]
        sources = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)]
        made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
        constants = [numpy_helper.from_array(values, name) for name, values in self.onnx_constants.items()]
        graph = helper.make_graph(self.onnx_nodes, "float", sources, made, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return dict(zip(names, session.run(names, {"x": x}), strict=True))


def _onnx_clip(source: str, output: str, limit: float | None, block: Block) -> NodeProto:
    if limit is None:
        return helper.make_node("Relu", [source], [output])
    block.onnx_constants[f"{output}_low"] = np.zeros((), np.float32)
    block.onnx_constants[f"{output}_high"] = np.full((), limit, np.float32)
    return helper.make_node("Clip", [source, f"{output}_low", f"{output}_high"], [output])


def convolve(block: Block, operator: Conv2D, source: str, output: str, kernel: tuple[int, int, int]) -> None:
    """kernel: output channels, height, width."""
    shape = (*kernel, block.tensors[source].shape[3])
    weights = random_values(len(block.nodes), shape) / np.float32(np.sqrt(np.prod(shape[1:])))
    names = [source, block.constant(f"{output}_w", weights, weights.transpose(0, 3, 1, 2))]
    names.append(block.constant(f"{output}_b", random_values(len(block.nodes) + 50, kernel[:1])))
    window = {"pads": list(operator.padding), "strides": list(operator.stride)}
    block.apply(operator, names, output, ("Conv", window))


def pool(block: Block, operator: Pool2D, source: str, output: str) -> None:
    window = {
        "pads": list(operator.padding),
        "strides": list(operator.stride),
        "kernel_shape": list(operator.kernel),
    }
    block.apply(operator, [source], output, (f"{operator.kind.capitalize()}Pool", window))


def sliced_and_padded(block: Block, source: str, output: str, channels: int) -> None:
    """Every second row and column, and so many channels of zeros on either side: a shortcut without weights."""
    _, height, width, _ = block.tensors[source].shape
    block.apply(Slice((0, 0), (height, width), (2, 2)), [source], f"{output}_slice", ("Slice", {}))
    tables = ([0, 0], [height, width], [2, 3], [2, 2])
    block.onnx_nodes[-1].input.extend(block.table(f"{output}_{n}", t) for n, t in enumerate(tables))
    block.apply(Pad(channels, channels), [f"{output}_slice"], output, ("Pad", {}))
    amounts = [0, channels, 0, 0, 0, channels, 0, 0]
    block.onnx_nodes[-1].input.append(block.table(f"{output}_amounts", amounts))


def batch_norm(block: Block, source: str, output: str) -> None:
    channels = block.tensors[source].shape[-1:]
    values = {name: random_values(index, channels) for index, name in enumerate(("gamma", "beta", "mean"))}
    values["variance"] = random_values(9, channels) ** 2
    names = [block.constant(f"{output}_{name}", parameter) for name, parameter in values.items()]
    operator = BatchNorm(epsilon=1e-3)
    block.apply(operator, [source, *names], output, ("BatchNormalization", {"epsilon": operator.epsilon}))


def start(shape: tuple[int, ...]) -> tuple[Block, Array]:
    return Block({"x": Tensor("x", shape)}), random_values(99, shape) * np.float32(4)


def channels_first(values: Array) -> Array:
    return values.transpose(0, 3, 1, 2) if values.ndim == 4 else values


def greatest_errors(block: Block, x: Array) -> dict[str, float]:
    """Greatest absolute error of each node's output, relative to the greatest magnitude in it."""
    found = run(block.graph(block.nodes[-1].output), {"x": x})
    errors = {}
    for name, expected in block.onnx_outputs(channels_first(x)).items():
        assert np.ptp(expected) > 0
        errors[name] = float(np.abs(channels_first(found[name]) - expected).max() / np.abs(expected).max())
    return errors


def convolution_block(seed: int) -> tuple[Block, Array]:
    random = np.random.default_rng(seed)
    height, width, channels, outputs, kernel_h, kernel_w = (int(v) for v in random.integers(3, 12, 6))
    block, x = start((2, height, width, channels))
    stride = (int(random.integers(1, 4)), int(random.integers(1, 4)))
    padding = (kernel_h // 2, kernel_w // 2, kernel_h - 1, kernel_w // 3)
    activation = ("", "relu", "relu6")[seed % 3]
    convolve(block, Conv2D(stride, padding, activation), "x", "y", (outputs, kernel_h, kernel_w))
    return block, x


@pytest.mark.parametrize("seed", range(30))
def test_convolution_equals_onnxruntime(seed: int) -> None:
    assert greatest_errors(*convolution_block(seed))["y"] < TOLERANCE


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [((2, 2), (2, 2), (0, 0, 0, 0)), ((3, 2), (1, 3), (1, 1, 2, 0)), ((7, 9), (1, 1), (0, 0, 0, 0))],
)
def test_pool_equals_onnxruntime(
    kind: str, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int, int, int]
) -> None:
    block, x = start((2, 7, 9, 5))
    pool(block, Pool2D(kind, kernel, stride, padding), "x", "y")
    assert greatest_errors(block, x)["y"] < TOLERANCE


def test_fully_connected_equals_onnxruntime() -> None:
    block, x = start((3, 40))
    names = ["x", block.constant("w", random_values(1, (7, 40))), block.constant("b", random_values(2, (7,)))]
    block.apply(FullyConnected("relu"), names, "y", ("Gemm", {"transB": 1}))
    assert greatest_errors(block, x)["y"] < TOLERANCE


def residual_block() -> tuple[Block, Array]:
    """Convolution, batch norm, ReLU6, convolution, add with ReLU, max pool: a block as networks have it."""
    block, x = start((2, 9, 8, 6))
    convolve(block, Conv2D((1, 1), (1, 1, 1, 1)), "x", "first", (6, 3, 3))
    batch_norm(block, "first", "normal")
    limits = [
        block.constant("low", np.zeros((), np.float32)),
        block.constant("high", np.full((), 6, np.float32)),
    ]
    block.apply(Relu(6.0), ["normal"], "active", ("Clip", {}))
    block.onnx_nodes[-1].input.extend(limits)
    convolve(block, Conv2D((1, 1), (0, 0, 0, 0)), "active", "second", (6, 1, 1))
    block.apply(Add("relu"), ["second", "x"], "sum", ("Add", {}))
    pool(block, Pool2D("max", (3, 3), (2, 2), (1, 1, 1, 1)), "sum", "y")
    return block, x


def test_every_tensor_of_a_residual_block_equals_onnxruntime() -> None:
    errors = greatest_errors(*residual_block())
    assert len(errors) == 6
    assert max(errors.values()) < TOLERANCE


def joined_block() -> tuple[Block, Array]:
    """Two convolutions of one map joined, then a shortcut of strided slice and channel padding added."""
    block, x = start((2, 9, 8, 6))
    convolve(block, Conv2D((1, 1), (0, 0, 0, 0), "relu"), "x", "narrow", (4, 1, 1))
    convolve(block, Conv2D((1, 1), (1, 1, 1, 1), "relu"), "x", "wide", (8, 3, 3))
    block.apply(Concat(), ["narrow", "wide"], "joined", ("Concat", {"axis": 1}))
    convolve(block, Conv2D((2, 2), (1, 1, 1, 1)), "joined", "down", (12, 3, 3))
    sliced_and_padded(block, "x", "shortcut", 3)
    block.apply(Add("relu"), ["down", "shortcut"], "y", ("Add", {}))
    return block, x


def test_every_tensor_of_joined_and_padded_maps_equals_onnxruntime() -> None:
    errors = greatest_errors(*joined_block())
    assert set(errors) == {"narrow", "wide", "joined", "down", "shortcut_slice", "shortcut", "y"}
    assert max(errors.values()) < TOLERANCE


def test_batch_norm_without_epsilon_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = ops.batch_norm

    def unguarded(x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, _: float) -> Array:
        return exact(x, gamma, beta, mean, variance, 0.0)

    monkeypatch.setattr(ops, "batch_norm", unguarded)
    assert greatest_errors(*residual_block())["normal"] > TOLERANCE


def test_average_over_padding_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def divided_by_window(x: Array, kernel: ops.Pair, *window: Any) -> Array:
        return ops._window_sum(x, kernel, *window) / np.float32(kernel[0] * kernel[1])

    monkeypatch.setattr(ops, "float_average_pool", divided_by_window)
    block, x = start((2, 7, 9, 5))
    pool(block, Pool2D("average", (3, 3), (2, 2), (1, 1, 1, 1)), "x", "y")
    assert greatest_errors(block, x)["y"] > TOLERANCE


def test_reshape_keeps_nhwc_order() -> None:
    x = random_values(0, (2, 3, 4, 5))
    tensors = {"x": Tensor("x", (1, 3, 4, 5)), "y": Tensor("y", (1, 60))}
    graph = Graph("flat", ("x",), ("y",), tensors, (Node("flat", Reshape(), ("x",), "y"),))
    np.testing.assert_array_equal(run(graph, {"x": x})["y"], x.reshape(2, 60))
