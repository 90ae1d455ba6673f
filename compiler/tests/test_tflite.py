"""The TFLite front end on the files it takes, refuses, and never trusts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from compiler.errors import (
    AssayError,
    DynamicShape,
    IllegalGraph,
    MalformedFile,
    UnsupportedOperator,
    UnsupportedType,
)
from compiler.frontends.tflite import load_tflite, read_tflite
from compiler.frontends.windows import ceil_padding, same_padding
from compiler.tests.models import assay_model
from golden.ir import Conv2D, Pool2D
from golden.run import run
from golden.tests.residual_network import images, residual_network
from golden.tests.tflite_model import tflite_file

RESNET8 = "mlperf_tiny/pretrainedResnet_quant.tflite"
DAMAGED_FILES = 400


def test_resnet8_is_read_as_it_is() -> None:
    """Topology, explicit padding and per-channel scales; the trailing SOFTMAX is the host's."""
    loaded = read_tflite(assay_model(RESNET8))
    graph = loaded.graph
    assert loaded.host_operators == ("SOFTMAX",)
    kinds = [type(node.operator).__name__ for node in graph.nodes]
    assert (kinds.count("Conv2D"), kinds.count("Add"), kinds.count("FullyConnected")) == (9, 3, 1)
    strided = graph.nodes[4].operator
    assert isinstance(strided, Conv2D) and strided.padding == (0, 0, 1, 1) and strided.activation == "relu"
    pool = graph.nodes[12].operator
    assert isinstance(pool, Pool2D) and pool.kernel == (8, 8)
    weights = graph.tensor(graph.nodes[0].inputs[1])
    assert weights.quantisation is not None and weights.quantisation.axis == 0
    assert len(weights.quantisation.scale) == 16


@pytest.mark.parametrize(
    ("file", "kind", "rule"),
    [
        (
            "mlperf_tiny/vww_96_int8.tflite",
            UnsupportedOperator,
            "(DEPTHWISE_CONV_2D): operator is not supported",
        ),
        ("mlperf_tiny/pretrainedResnet.tflite", UnsupportedType, "is float32, must be int8"),
        ("coral_mobilenet/mobilenet_v1_0.25_128_quant.tflite", UnsupportedType, "is uint8, must be int8"),
    ],
)
def test_refusal_names_file_and_rule(file: str, kind: type[AssayError], rule: str) -> None:
    path = assay_model(file)
    with pytest.raises(kind) as caught:
        load_tflite(path)
    assert str(caught.value).startswith(f"{path}: ") and rule in str(caught.value)
    assert caught.value.exit_code == 2


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(MalformedFile, match=r"nothing\.tflite: cannot be read"):
        load_tflite(tmp_path / "nothing.tflite")
    for content in (b"", b"TFL3", b"not a flatbuffer at all"):
        (tmp_path / "foreign.tflite").write_bytes(content)
        with pytest.raises(MalformedFile, match="has no identifier TFL3"):
            load_tflite(tmp_path / "foreign.tflite")


def test_a_written_graph_is_read_back(tmp_path: Path) -> None:
    """Every node, shape, scale and value of a graph that was written as TFLite."""
    graph = residual_network()
    (tmp_path / "residual.tflite").write_bytes(tflite_file(graph))
    read = load_tflite(tmp_path / "residual.tflite")
    assert [(node.operator, node.inputs, node.output) for node in read.nodes] == [
        (node.operator, node.inputs, node.output) for node in graph.nodes
    ]
    batch = images(4)
    found, expected = run(read, {"x": batch}), run(graph, {"x": batch})
    assert all(np.array_equal(found[node.output], expected[node.output]) for node in graph.nodes)


def _with(change: Callable[[Any], None]) -> bytes:
    """The residual network's file with something changed in its tables."""
    model = schema.ModelT.InitFromObj(
        schema.Model.GetRootAsModel(bytearray(tflite_file(residual_network())), 0)
    )
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _options(model: Any, index: int) -> Any:
    return model.subgraphs[0].operators[index].builtinOptions


def _tensor(model: Any, name: str) -> Any:
    return next(tensor for tensor in model.subgraphs[0].tensors if tensor.name == name.encode())


CHANGES: dict[str, tuple[Callable[[Any], None], type[AssayError], str]] = {
    "dilation": (
        lambda model: setattr(_options(model, 0), "dilationHFactor", 2),
        UnsupportedOperator,
        "node 'conv2d_0' (CONV_2D): dilation must be 1",
    ),
    "activation": (
        lambda model: setattr(_options(model, 1), "fusedActivationFunction", 4),
        UnsupportedOperator,
        "node 'add_1' (ADD): fused activation 4",
    ),
    "stride": (
        lambda model: setattr(_options(model, 2), "strideW", 0),
        MalformedFile,
        "node 'max_pool2d_2' (MAX_POOL_2D): has a stride of (2, 0)",
    ),
    "kernel": (
        lambda model: setattr(_options(model, 2), "filterWidth", 1 << 20),
        UnsupportedOperator,
        "(MAX_POOL_2D): kernel (3, 1048576) must have 1 to 65536 positions",
    ),
    "padding": (lambda model: setattr(_options(model, 3), "padding", 2), MalformedFile, "padding scheme 2"),
    "inputs": (
        lambda model: setattr(model.subgraphs[0].operators[5], "inputs", [0]),
        MalformedFile,
        "node 'fully_connected_5' (FULLY_CONNECTED): has 1 inputs",
    ),
    "tensor index": (
        lambda model: setattr(model.subgraphs[0].operators[5], "inputs", [99, 0]),
        MalformedFile,
        "names tensor 99",
    ),
    "dynamic": (
        lambda model: setattr(_tensor(model, "c"), "shapeSignature", [1, -1, 7, 3]),
        DynamicShape,
        "node 'conv2d_0' (CONV_2D): tensor 'c' has the dynamic shape (1, -1, 7, 3)",
    ),
    "batch": (
        lambda model: setattr(_tensor(model, "x"), "shape", [2, 9, 7, 3]),
        DynamicShape,
        "a batch of 1",
    ),
    "shape": (
        lambda model: setattr(_tensor(model, "c"), "shape", [1, 9, 8, 3]),
        IllegalGraph,
        "makes (1, 9, 7, 3), its output is declared (1, 9, 8, 3)",
    ),
    "scale": (
        lambda model: setattr(_tensor(model, "c").quantization, "scale", [0.0]),
        IllegalGraph,
        "node 'conv2d_0' (CONV_2D): quantisation: every scale must be finite and above zero",
    ),
    "pool scale": (
        lambda model: setattr(_tensor(model, "m").quantization, "scale", [0.5]),
        IllegalGraph,
        "inputs and output must be quantised alike",
    ),
    "no scale": (
        lambda model: setattr(_tensor(model, "w").quantization, "scale", []),
        UnsupportedType,
        "tensor 'w' has no quantisation scale",
    ),
    "buffer": (
        lambda model: setattr(_tensor(model, "w"), "shape", [3, 3, 3, 4]),
        MalformedFile,
        "tensor 'w' of (3, 3, 3, 4) has 81 bytes of data, must have 108",
    ),
    "variable weights": (
        lambda model: setattr(_tensor(model, "w"), "buffer", 0),
        UnsupportedOperator,
        "'w' must be",
    ),
    "subgraphs": (lambda model: setattr(model, "subgraphs", []), UnsupportedOperator, "has 0 subgraphs"),
    "order": (
        lambda model: model.subgraphs[0].operators.reverse(),
        IllegalGraph,
        "which nothing before it makes",
    ),
    "outputs": (
        lambda model: setattr(model.subgraphs[0], "outputs", [0, 1]),
        UnsupportedOperator,
        "2 outputs",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_contradiction_is_refused_by_name(name: str, tmp_path: Path) -> None:
    change, kind, rule = CHANGES[name]
    path = tmp_path / "changed.tflite"
    path.write_bytes(_with(change))
    with pytest.raises(kind) as caught:
        load_tflite(path)
    assert str(caught.value).startswith(f"{path}: ") and rule in str(caught.value)


def _damaged(data: bytes, random: np.random.Generator) -> bytes:
    """The file cut short, or with some bytes changed."""
    if random.random() < 0.3:
        return data[: random.integers(len(data))]
    changed = bytearray(data)
    for position in random.integers(0, len(data), random.integers(1, 9)):
        changed[position] = random.integers(256)
    return bytes(changed)


def test_damaged_files_give_an_error_or_a_legal_graph(tmp_path: Path) -> None:
    """Truncation and random bytes never give a traceback of another kind, nor a hang."""
    data = tflite_file(residual_network())
    random, path, refused = np.random.default_rng(20), tmp_path / "damaged.tflite", 0
    start = time.monotonic()
    for _ in range(DAMAGED_FILES):
        path.write_bytes(_damaged(data, random))
        try:
            load_tflite(path)
        except AssayError as error:
            refused += 1
            assert str(error).startswith(str(path)) and "\n" not in str(error)
    assert refused > DAMAGED_FILES // 4
    assert time.monotonic() - start < 60


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"), [(5, 3, 2, (1, 1)), (6, 3, 2, (0, 1)), (5, 1, 3, (0, 0))]
)
def test_same_padding(size: int, kernel: int, stride: int, padding: tuple[int, int]) -> None:
    assert same_padding(size, kernel, stride) == padding


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "after", "expected"),
    [(112, 3, 2, 0, 0, 1), (5, 1, 2, 0, 0, 0), (5, 2, 2, 1, 1, 1), (6, 2, 2, 1, 1, 1)],
)
def test_ceil_padding(size: int, kernel: int, stride: int, before: int, after: int, expected: int) -> None:
    """A last window is added where it begins within the map, and only there."""
    assert ceil_padding(size, kernel, stride, before, after) == expected
