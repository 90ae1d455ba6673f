"""The ONNX front end: the same values as onnxruntime, and one clear error for all it does not take."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from compiler.errors import (
    AssayError,
    DynamicShape,
    IllegalGraph,
    MalformedFile,
    UnsupportedOperator,
    UnsupportedType,
)
from compiler.frontends.onnx_file import load_onnx
from compiler.tests.onnx_models import OnnxModel, images, output, reference, residual
from golden.networks import fashion

DAMAGED_FILES = 400


def flattened(**gemm: Any) -> OnnxModel:
    """A fully connected layer on a flattened map of several pixels: its columns must be reordered."""
    model = OnnxModel(image=(1, 3, 4, 5))
    model.conv(3, 4)
    model.node("Flatten")
    shape = (7, 24) if gemm.get("transB") else (24, 7)
    model.node("Gemm", model.constant("w", *shape), model.constant("b", 7), **gemm)
    return model


def reshaped(target: list[int]) -> OnnxModel:
    """The same, flattened by Reshape, then ReLU, MatMul and a bias by Add."""
    model = OnnxModel(image=(1, 3, 4, 5))
    model.conv(3, 4)
    model.node("Reshape", model.values("shape", np.array(target, np.int64)))
    model.node("Relu")
    model.node("MatMul", model.constant("w", 24, 7))
    model.node("Add", model.constant("b", 7))
    return model


def one(kind: str, **attributes: Any) -> OnnxModel:
    model = OnnxModel()
    model.node(kind, **attributes)
    return model


def convolution(**attributes: Any) -> OnnxModel:
    model = OnnxModel()
    model.conv(3, 5, **attributes)
    return model


def oblong() -> OnnxModel:
    model = OnnxModel()
    model.node("Conv", model.constant("w", 4, 3, 1, 5), strides=[2, 1], pads=[0, 1, 0, 2])
    return model


def padded() -> OnnxModel:
    model = OnnxModel()
    model.node("Pad", model.values("pads", np.array([0, 0, 1, 2, 0, 0, 2, 1], np.int64)))
    model.conv(3, 4, strides=[2, 2], pads=[1, 0, 0, 1])
    return model


def padded_by(amounts: list[int]) -> OnnxModel:
    model = OnnxModel()
    model.conv(3, 4)
    model.node("Pad", model.values("pads", np.array(amounts, np.int64)))
    model.node("Relu")
    return model


def with_aliases() -> OnnxModel:
    """Identity, Dropout, a Constant node's bias, and nodes that nothing needs."""
    model = OnnxModel(opset=13)
    model.node("Identity")
    model.conv(3, 4)
    model.node("Dropout")
    kept = model.last
    bias = np.arange(4, dtype=np.float32).reshape(4, 1, 1)
    constant = model.node("Constant", inputs=[], value=onnx.numpy_helper.from_array(bias))
    model.node("Shape", inputs=[kept])
    model.node("Conv", inputs=[kept, model.constant("w", 4, 4, 1, 1)])
    model.node("Add", constant)
    return model


def clipped(opset: int) -> OnnxModel:
    model = OnnxModel(opset=opset)
    model.conv(3, 4)
    if opset < 11:
        model.node("Clip", min=0.0, max=6.0)
    else:
        model.node("Clip", model.values("least", np.float32(0)), model.values("most", np.float32(6)))
    return model


def without_softmax() -> OnnxModel:
    model = OnnxModel(image=("N", 3, 1, 1))
    model.node("Flatten")
    model.node("Gemm", model.constant("w", 3, 7))
    return model


def joined(*, axis: int = 1, opset: int = 17) -> OnnxModel:
    """A fire module: two convolutions of one map, joined, pooled and joined again with themselves."""
    model = OnnxModel(opset=opset)
    start = model.conv(3, 4, kernel=1)
    wide = model.conv(4, 6, pads=[1, 1, 1, 1])
    narrow = model.node("Conv", model.constant("w", 5, 4, 1, 1), inputs=[start, "w"])
    model.node("Concat", inputs=[narrow, wide, start], axis=axis)
    model.node("Concat", axis=axis)
    pooled = model.node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    model.node("Concat", inputs=[pooled, pooled], axis=axis)
    return model


def sliced(*tables: list[int], opset: int = 17) -> OnnxModel:
    """tables: starts, ends, and perhaps axes and steps."""
    model = OnnxModel(opset=opset)
    model.conv(3, 4)
    roles = ("starts", "ends", "axes", "steps")
    if opset < 10:
        attributes: dict[str, Any] = dict(zip(roles, tables, strict=False))
        model.node("Slice", **attributes)
    else:
        names = [
            model.values(role, np.array(table, np.int64)) for role, table in zip(roles, tables, strict=False)
        ]
        model.node("Slice", *names)
    return model


def shortcut() -> OnnxModel:
    """A residual block whose shortcut has no weights: every second position, then channels of zeros."""
    model = OnnxModel()
    start = model.conv(3, 4, pads=[1, 1, 1, 1])
    down = model.conv(4, 8, pads=[1, 1, 1, 1], strides=[2, 2])
    tables = ([0, 0], [1 << 62, 1 << 62], [2, 3], [2, 2])
    names = [model.values(f"s{n}", np.array(table, np.int64)) for n, table in enumerate(tables)]
    model.node("Slice", inputs=[start, *names])
    side = model.node("Pad", model.values("pads", np.array([0, 2, 0, 0, 0, 2, 0, 0], np.int64)))
    model.node("Sum", inputs=[down, side])
    return model


def filled() -> OnnxModel:
    """Weights of one value, made by ConstantOfShape."""
    model = OnnxModel(opset=9)
    shape = model.values("shape", np.array([4, 3, 2, 2], np.int64))
    value = onnx.numpy_helper.from_array(np.array([0.25], np.float32))
    weights = model.node("ConstantOfShape", inputs=[shape], value=value)
    model.node("Conv", inputs=["image", weights])
    return model


def averaged(axes: list[int], **attributes: Any) -> OnnxModel:
    """The mean over some axes, which are an input from operator set 18 on."""
    model = OnnxModel(opset=18)
    model.conv(3, 4)
    model.node("ReduceMean", model.values("axes", np.array(axes, np.int64)), **attributes)
    return model


MODELS: dict[str, Callable[[], OnnxModel]] = {
    "residual": residual,
    "flatten": flattened,
    "flatten, transposed, scaled": lambda: flattened(transB=1, alpha=0.5, beta=2.0),
    "reshape by -1": lambda: reshaped([1, -1]),
    "reshape, batch left": lambda: reshaped([-1, 24]),
    "reshape by 0": lambda: reshaped([0, 24]),
    "strided": lambda: convolution(strides=[2, 2], pads=[1, 1, 0, 0]),
    "same upper": lambda: convolution(strides=[2, 2], auto_pad="SAME_UPPER"),
    "same lower": lambda: convolution(strides=[2, 2], auto_pad="SAME_LOWER"),
    "valid": lambda: convolution(kernel=2, auto_pad="VALID"),
    "oblong": oblong,
    "pad": padded,
    "max pool rounded up": lambda: one("MaxPool", kernel_shape=[3, 2], strides=[2, 3], ceil_mode=1),
    "max pool padded": lambda: one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "average pool padded": lambda: one("AveragePool", kernel_shape=[3, 3], pads=[1, 0, 1, 2]),
    "average pool rounded up": lambda: one("AveragePool", kernel_shape=[3, 3], strides=[3, 3], ceil_mode=1),
    "global average pool": lambda: one("GlobalAveragePool"),
    "mean": lambda: averaged([-1, 2]),
    "mean without its axes": lambda: averaged([2, 3], keepdims=0),
    "mean by attributes": lambda: one("ReduceMean", axes=[2, 3]),
    "aliases": with_aliases,
    "joined": joined,
    "joined, axis from the end": lambda: joined(axis=-3),
    "shortcut": shortcut,
    "filled weights": filled,
    "slice": lambda: sliced([1, 2], [6, 5], [2, 3], [2, 1]),
    "slice from the end": lambda: sliced([-6, -3], [-1, 1 << 40], [-2, -1], [3, 2]),
    "slice of one axis": lambda: sliced([1], [-1], [3]),
    "slice of all axes": lambda: sliced([0, 0, 1, 0], [1, 9, 99, 5]),
    "slice of nothing": lambda: sliced([0], [1 << 40], [2]),
    "slice by attributes": lambda: sliced([1, 0], [1 << 40, 4], [2, 3], opset=9),
    "pad by nothing": lambda: padded_by([0] * 8),
    "pad of channels": lambda: padded_by([0, 1, 0, 0, 0, 3, 0, 0]),
    "clip by attributes": lambda: clipped(9),
    "clip by inputs": lambda: clipped(22),
}


@pytest.mark.parametrize("name", MODELS)
def test_values_equal_onnxruntime(name: str, tmp_path: Path) -> None:
    path = MODELS[name]().save(tmp_path)
    graph = load_onnx(path).graph
    batch = images(graph, 3)
    expected = reference(path, batch)
    assert expected.std() > 0.01
    np.testing.assert_allclose(output(graph, batch), expected, rtol=1e-4, atol=1e-5)


def test_columns_left_unordered_would_be_found(tmp_path: Path) -> None:
    """The twin of the flatten cases: with the weights' columns in ONNX order, the values differ."""
    path = flattened().save(tmp_path)
    graph = load_onnx(path).graph
    weights = graph.nodes[-1].inputs[1]
    values = graph.constants[weights].reshape(7, 2, 3, 4).transpose(0, 3, 1, 2).reshape(7, 24)
    graph.constants[weights] = np.ascontiguousarray(values)
    batch = images(graph, 3)
    assert np.abs(output(graph, batch) - reference(path, batch)).max() > 0.1


@pytest.mark.parametrize("path", [fashion.FLOAT_MODEL, fashion.INT4_MODEL], ids=lambda path: path.stem)
def test_trained_network_equals_onnxruntime(path: Path) -> None:
    loaded = load_onnx(path)
    batch = fashion.images()[0][:8].astype(np.float32) / np.float32(255)
    np.testing.assert_allclose(output(loaded.graph, batch), reference(path, batch), rtol=1e-4, atol=1e-4)
    assert loaded.ranges["image"] == (0.0, 1.0) and loaded.ranges["stem"][0] == 0.0


def test_trailing_softmax_is_left_to_the_host(tmp_path: Path) -> None:
    model = without_softmax()
    plain = load_onnx(model.save(tmp_path))
    model.node("Softmax")
    loaded = load_onnx(model.save(tmp_path))
    assert loaded.host_operators == ("Softmax",) and plain.host_operators == ()
    assert loaded.graph.outputs == plain.graph.outputs


def test_ranges_follow_aliases(tmp_path: Path) -> None:
    model = with_aliases()
    model.metadata = {"assay.range.t2": "-1.5,2", "assay.range.nothing": "0,1", "other": "text"}
    assert load_onnx(model.save(tmp_path)).ranges == {"t1": (-1.5, 2.0)}


@pytest.mark.parametrize("text", ["1", "1,2,3", "a,b", "nan,1", "2,1", "0,inf"])
def test_bad_range_is_refused(text: str, tmp_path: Path) -> None:
    model = residual()
    model.metadata = {"assay.range.t1": text}
    with pytest.raises(MalformedFile, match=r"metadata assay\.range\.t1"):
        load_onnx(model.save(tmp_path))


def _sequence(*steps: Callable[[OnnxModel], object], **fields: Any) -> OnnxModel:
    model = OnnxModel(**fields)
    for step in steps:
        step(model)
    return model


def _depthwise(model: OnnxModel) -> None:
    model.node("Conv", model.constant("w", 3, 1, 3, 3), group=3)


REFUSED: dict[str, tuple[OnnxModel, type[AssayError], str]] = {
    "operator": (one("Sigmoid"), UnsupportedOperator, "node 'n0' (Sigmoid): operator is not supported"),
    "depthwise": (_sequence(_depthwise), UnsupportedOperator, "node 'n0' (Conv): group is 3"),
    "dilation": (convolution(dilations=[2, 2]), UnsupportedOperator, "(Conv): dilations must be 1"),
    "clip limits": (one("Clip", min=-1.0, max=1.0), UnsupportedOperator, "limits [-1.0, 1.0]"),
    "leaky": (one("LeakyRelu", alpha=0.1), UnsupportedOperator, "(LeakyRelu)"),
    "counted padding": (
        one("AveragePool", kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1),
        UnsupportedOperator,
        "count_include_pad",
    ),
    "height": (
        _sequence(lambda model: model.conv(3, 4), image=("N", 3, "H", 8)),
        DynamicShape,
        "input 'image' of (None, 3, None, 8) is dynamic",
    ),
    "batch": (_sequence(lambda model: model.conv(3, 4), image=(2, 3, 9, 9)), DynamicShape, "batch of 2"),
    "computed shape": (
        _sequence(
            lambda model: model.node("Shape"), lambda model: model.node("Reshape", inputs=["image", "t0"])
        ),
        UnsupportedOperator,
        "node 'n0' (Shape): operator is not supported",
    ),
    "channels": (_sequence(lambda model: model.conv(4, 4)), MalformedFile, "read 4 channels of 3"),
    "kernel": (convolution(kernel=11), AssayError, "(Conv): "),
    "missing input": (
        _sequence(lambda model: model.node("Relu", inputs=["nothing"])),
        MalformedFile,
        "reads tensor 'nothing'",
    ),
    "operator set": (
        _sequence(lambda model: model.node("Relu"), opset=8),
        UnsupportedOperator,
        "operator set 8",
    ),
    "flat input": (
        _sequence(lambda model: model.node("Relu"), image=(1, 7)),
        UnsupportedOperator,
        "must be (n",
    ),
    "flattened output": (one("Flatten"), UnsupportedOperator, "is a flattened map"),
    "1-D": (
        _sequence(lambda model: model.node("MaxPool", kernel_shape=[2])),
        UnsupportedOperator,
        "must be two numbers",
    ),
    "huge kernel": (one("MaxPool", kernel_shape=[1 << 40, 1]), MalformedFile, "attribute 'kernel_shape'"),
    "zero stride": (one("MaxPool", kernel_shape=[1, 1], strides=[0, 1]), MalformedFile, "stride of (0, 1)"),
    "not finite": (
        _sequence(
            lambda model: model.node("Conv", model.values("w", np.full((1, 3, 1, 1), np.nan, np.float32)))
        ),
        MalformedFile,
        "tensor 'w' has values that are not finite",
    ),
    "mean of channels": (averaged([1, 2]), UnsupportedOperator, "(ReduceMean): axes (1, 2) must be height"),
    "mean of everything": (one("ReduceMean"), UnsupportedOperator, "(ReduceMean): axes (0,) must be"),
    "join along the height": (joined(axis=2), UnsupportedOperator, "(Concat): axis is 2, must be 1"),
    "join of unequal maps": (
        _sequence(
            lambda model: model.conv(3, 3), lambda model: model.node("Concat", inputs=["image", "t0"], axis=1)
        ),
        IllegalGraph,
        "node 'n1' (Concat): concatenation of (1, 9, 8, 3), (1, 7, 6, 3): heights and widths must be equal",
    ),
    "slice of channels": (sliced([1], [3], [1]), UnsupportedOperator, "(Slice): must keep all channels"),
    "backwards": (sliced([-1], [0], [2], [-1]), UnsupportedOperator, "steps (-1,) at least 1"),
    "empty slice": (sliced([3], [3], [2]), IllegalGraph, "(Slice): slice (3, 0) to (3, 6)"),
    "lopsided slice": (sliced([1, 2], [3], [2]), MalformedFile, "has starts (1, 2), ends (3,)"),
    "slice at a computed place": (
        _sequence(lambda model: model.node("Slice", inputs=["image", "image", "image"])),
        UnsupportedOperator,
        "(Slice): starts 'image' must be constant",
    ),
    "pad of channels and rows": (
        padded_by([0, 1, 1, 0, 0, 1, 0, 0]),
        UnsupportedOperator,
        "must be on height and width, or on channels",
    ),
    "negative pad": (padded_by([0, 0, -1, 0, 0, 0, 0, 0]), UnsupportedOperator, "(Pad): pads (0, 0, -1"),
    "pad behind a pad": (
        _sequence(
            *[lambda model: model.node("Pad", model.values("pads", np.array([0, 0, 1, 1] * 2, np.int64)))] * 2
        ),
        UnsupportedOperator,
        "reads the output of Pad, which only a convolution may",
    ),
    "sum of three": (
        _sequence(lambda model: model.node("Sum", inputs=["image"] * 3)),
        MalformedFile,
        "(Sum): has 3 inputs, must have 2 to 2",
    ),
    "double precision input type": (
        _sequence(lambda model: model.node("Relu"), lambda model: model.node("Cast", to=1)),
        UnsupportedOperator,
        "(Cast)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusal_names_file_node_and_rule(name: str, tmp_path: Path) -> None:
    model, kind, rule = REFUSED[name]
    path = model.save(tmp_path)
    with pytest.raises(kind) as caught:
        load_onnx(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and rule in text and "\n" not in text


def test_input_of_another_type_is_refused(tmp_path: Path) -> None:
    proto = one("Relu").proto()
    proto.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(UnsupportedType, match="must be float32"):
        load_onnx(tmp_path / "model.onnx")


def test_external_data_is_refused(tmp_path: Path) -> None:
    """A file may not make the reader open other files."""
    proto = convolution().proto()
    tensor = proto.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(UnsupportedType, match="stored in another file"):
        load_onnx(tmp_path / "model.onnx")


def _damaged(data: bytes, random: np.random.Generator) -> bytes:
    if random.random() < 0.3:
        return data[: random.integers(len(data))]
    changed = bytearray(data)
    for position in random.integers(0, len(data), random.integers(1, 9)):
        changed[position] = random.integers(256)
    return bytes(changed)


@pytest.mark.parametrize("make", [residual, shortcut])
def test_damaged_files_give_an_error_or_a_legal_graph(make: Callable[[], OnnxModel], tmp_path: Path) -> None:
    data, random = make().save(tmp_path).read_bytes(), np.random.default_rng(30)
    path, refused, start = tmp_path / "damaged.onnx", 0, time.monotonic()
    for _ in range(DAMAGED_FILES):
        path.write_bytes(_damaged(data, random))
        try:
            load_onnx(path)
        except AssayError as error:
            refused += 1
            assert str(error).startswith(str(path)) and "\n" not in str(error)
    assert refused > DAMAGED_FILES // 4
    assert time.monotonic() - start < 60
