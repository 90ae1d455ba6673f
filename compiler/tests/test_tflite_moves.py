"""TFLite's CONCATENATION, STRIDED_SLICE and PAD, and float files: against the reference kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from compiler.errors import AssayError, IllegalGraph, UnsupportedOperator, UnsupportedType
from compiler.frontends.tflite import load_tflite, read_float_tflite
from compiler.tests.models import assay_model
from golden.check import check
from golden.ir import Array, Concat, Conv2D, Graph, Node, Pad, Quantisation, Slice, Tensor
from golden.run import run
from golden.tests.tflite_model import reference_interpreter, tensors_by_name, tflite_file

MAP = Quantisation((0.05,), -7)
JOINED = Quantisation((0.08,), 12)
DAMAGED_FILES = 200
FLOAT_RESNET8 = "mlperf_tiny/pretrainedResnet.tflite"


def weights(name: str, seed: int) -> dict[str, Array]:
    """Four kernels of 3 x 3 x 3, and their bias."""
    random = np.random.default_rng(seed)
    return {
        name: random.integers(-128, 128, (4, 3, 3, 3), dtype=np.int8),
        f"{name}_bias": random.integers(-2000, 2000, 4).astype(np.int32),
    }


def network(name: str, maps: list[Tensor], nodes: tuple[Node, ...], constants: dict[str, Array]) -> Graph:
    """From x to the last node's output."""
    tensors = {tensor.name: tensor for tensor in maps}
    for constant, values in constants.items():
        scale, bits = ((0.01 * MAP.scale[0]), 32) if values.ndim == 1 else (0.01, 8)
        tensors[constant] = Tensor(constant, values.shape, Quantisation((scale,), 0, bits))
    return Graph(name, ("x",), (nodes[-1].output,), tensors, nodes, constants)


def joining_network() -> Graph:
    """x, convolved and joined with itself; then every second position, then channels of zeros."""
    tensors = [
        Tensor("x", (1, 9, 7, 3), MAP),
        Tensor("c", (1, 9, 7, 4), JOINED),
        Tensor("d", (1, 9, 7, 4), JOINED),
    ]
    tensors += [Tensor("j", (1, 9, 7, 8), JOINED), Tensor("s", (1, 4, 3, 8), JOINED)]
    tensors += [Tensor("y", (1, 4, 3, 13), JOINED)]
    constants = weights("v", 4) | weights("w", 5)
    nodes = (
        Node("first", Conv2D(padding=(1, 1, 1, 1)), ("x", "v", "v_bias"), "c"),
        Node("second", Conv2D(padding=(1, 1, 1, 1), activation="relu"), ("x", "w", "w_bias"), "d"),
        Node("join", Concat(), ("c", "d"), "j"),
        Node("slice", Slice((1, 2), (9, 7), (2, 2)), ("j",), "s"),
        Node("pad", Pad(2, 3), ("s",), "y"),
    )
    return network("joining", tensors, nodes, constants)


def padded_network() -> Graph:
    """A convolution on a map with PAD around it, which the IR has no node for: `_around` writes its table."""
    tensors = [Tensor("x", (1, 9, 7, 3), MAP), Tensor("p", (1, 11, 9, 3), MAP)]
    tensors.append(Tensor("c", (1, 5, 4, 4), JOINED))
    nodes = (Node("pad", Pad(0, 0), ("x",), "p"), Node("conv", Conv2D((2, 2)), ("p", "w", "w_bias"), "c"))
    return network("padded", tensors, nodes, weights("w", 5))


def changed(graph: Graph, change: Callable[[Any], None]) -> bytes:
    """The graph's file with something changed in its tables."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(tflite_file(graph)), 0))
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def table(model: Any, name: str, values: list[Any]) -> None:
    """Exchanges the values of a table of integers."""
    tensor = next(tensor for tensor in model.subgraphs[0].tensors if tensor.name == name.encode())
    content = np.array(values, np.int32)
    tensor.shape = list(content.shape)
    model.buffers[tensor.buffer].data = np.frombuffer(content.tobytes(), np.uint8)


def _around(model: Any) -> None:
    table(model, "pad.paddings", [[0, 0], [1, 1], [2, 0], [0, 0]])


def _masked(model: Any) -> None:
    """Positions from the end, and masks in place of others: rows -6 to the end, columns from the start to -1."""
    table(model, "slice.begin", [0, -6, 3, 0])
    table(model, "slice.end", [0, 2, -1, 0])
    table(model, "slice.strides", [1, 2, 3, 1])
    options(model, 3).beginMask, options(model, 3).endMask = 0b1101, 0b1011
    for name, shape in (("s", [1, 3, 2, 8]), ("y", [1, 3, 2, 13])):
        next(t for t in model.subgraphs[0].tensors if t.name == name.encode()).shape = shape


def options(model: Any, index: int) -> Any:
    return model.subgraphs[0].operators[index].builtinOptions


FILES: dict[str, bytes] = {
    "joined, sliced and padded": tflite_file(joining_network()),
    "slice with masks": changed(joining_network(), _masked),
    "pad around a map": changed(padded_network(), _around),
}


@pytest.mark.parametrize("name", FILES)
def test_values_equal_the_reference(name: str, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(FILES[name])
    graph = load_tflite(tmp_path / "model.tflite")
    image = {"x": np.random.default_rng(6).integers(-128, 128, (1, 9, 7, 3), dtype=np.int8)}
    found, expected = run(graph, image), tensors_by_name(reference_interpreter(FILES[name]), image)
    for node in graph.nodes:
        assert len(np.unique(expected[node.output])) > 12
        np.testing.assert_array_equal(found[node.output], expected[node.output], err_msg=node.name)


def test_operators_are_read_back(tmp_path: Path) -> None:
    (tmp_path / "joined.tflite").write_bytes(FILES["joined, sliced and padded"])
    read = load_tflite(tmp_path / "joined.tflite").nodes
    assert [node.operator for node in read] == [node.operator for node in joining_network().nodes]
    (tmp_path / "padded.tflite").write_bytes(FILES["pad around a map"])
    (convolution,) = load_tflite(tmp_path / "padded.tflite").nodes
    assert convolution.operator == Conv2D((2, 2), (1, 2, 1, 0)) and convolution.inputs == ("x", "w", "w_bias")


def _paddings(*rows: list[int]) -> Callable[[Any], None]:
    return lambda model: table(model, "pad.paddings", list(rows))


def _rescaled(model: Any) -> None:
    next(t for t in model.subgraphs[0].tensors if t.name == b"d").quantization.scale = [0.5]


def _variable_begin(model: Any) -> None:
    next(t for t in model.subgraphs[0].tensors if t.name == b"slice.begin").buffer = 0


NONE = [0, 0]
CHANGES: dict[str, tuple[Callable[[Any], None], type[AssayError], str]] = {
    "axis": (
        lambda model: setattr(options(model, 2), "axis", 1),
        UnsupportedOperator,
        "node 'concatenation_2' (CONCATENATION): axis is 1, must be 3",
    ),
    "activation": (
        lambda model: setattr(options(model, 2), "fusedActivationFunction", 1),
        UnsupportedOperator,
        "a concatenation with a fused activation",
    ),
    "scales": (_rescaled, IllegalGraph, "node 'concatenation_2': inputs and output must be quantised alike"),
    "ellipsis": (
        lambda model: setattr(options(model, 3), "ellipsisMask", 2),
        UnsupportedOperator,
        "node 'strided_slice_3' (STRIDED_SLICE): option EllipsisMask is 2, must be 0",
    ),
    "backwards": (
        lambda model: table(model, "slice.strides", [1, -1, 1, 1]),
        UnsupportedOperator,
        "stride -1 must be at least 1",
    ),
    "channels sliced": (
        lambda model: setattr(options(model, 3), "endMask", 1),
        UnsupportedOperator,
        "must keep all channels",
    ),
    "short table": (
        lambda model: table(model, "slice.begin", [0, 0]),
        UnsupportedOperator,
        "must say begin, end and stride of 4 dimensions",
    ),
    "variable table": (_variable_begin, UnsupportedOperator, "'slice.begin' must be constant integers"),
    "batch padded": (
        _paddings([1, 0], NONE, NONE, NONE),
        UnsupportedOperator,
        "node 'pad_4' (PAD): paddings [[1, 0], [0, 0], [0, 0], [0, 0]] must be on height and width",
    ),
    "negative": (_paddings(NONE, NONE, NONE, [-1, 0]), UnsupportedOperator, "must be 0 to 256"),
    "two ways": (_paddings(NONE, [1, 0], NONE, [1, 0]), UnsupportedOperator, "or on channels"),
    "output padded": (
        _paddings(NONE, [1, 0], NONE, NONE),
        UnsupportedOperator,
        "'y' is made by PAD: only a convolution may read it",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_does_not_fit_is_refused_by_name(name: str, tmp_path: Path) -> None:
    change, kind, rule = CHANGES[name]
    path = tmp_path / "changed.tflite"
    path.write_bytes(changed(joining_network(), change))
    with pytest.raises(kind) as caught:
        load_tflite(path)
    assert str(caught.value).startswith(f"{path}: ") and rule in str(caught.value)


def _damaged(data: bytes, random: np.random.Generator) -> bytes:
    content = bytearray(data)
    for position in random.integers(0, len(data), random.integers(1, 9)):
        content[position] = random.integers(256)
    return bytes(content)


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_give_an_error_or_a_legal_graph(name: str, tmp_path: Path) -> None:
    random, path, refused = np.random.default_rng(20), tmp_path / "damaged.tflite", 0
    for _ in range(DAMAGED_FILES):
        path.write_bytes(_damaged(FILES[name], random))
        try:
            check(load_tflite(path))
        except AssayError as error:
            refused += 1
            assert str(error).startswith(str(path)) and "\n" not in str(error)
    assert DAMAGED_FILES // 20 < refused < DAMAGED_FILES


def test_float_file_equals_the_reference() -> None:
    """ResNet-8 as its authors trained it: every node within the noise of float32."""
    path = assay_model(FLOAT_RESNET8)
    loaded = read_float_tflite(path)
    graph = loaded.graph
    image = {graph.inputs[0]: np.random.default_rng(7).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)}
    found, expected = run(graph, image), tensors_by_name(reference_interpreter(path.read_bytes()), image)
    assert loaded.host_operators == ("SOFTMAX",) and len(graph.nodes) == 15
    for node in graph.nodes:
        limit = 1e-4 * float(np.abs(expected[node.output]).max())
        np.testing.assert_allclose(found[node.output], expected[node.output], atol=limit, err_msg=node.name)


def test_a_quantised_file_is_no_float_one(tmp_path: Path) -> None:
    (tmp_path / "int8.tflite").write_bytes(FILES["joined, sliced and padded"])
    with pytest.raises(UnsupportedType, match="is int8, must be float32"):
        read_float_tflite(tmp_path / "int8.tflite")
